"""What the documentation shows runs, and what it names exists."""

from __future__ import annotations

import os
import queue
import re
import runpy
import shlex
import subprocess
import sys
import textwrap
import threading
import tomllib
from itertools import chain
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kymflow import KymDataset, PluginSource, ZarrDataset, velocity_units
from kymflow.cli.plugged import ENTRY_POINT_GROUP as COMMANDS
from kymflow.testing import simulate_folder
from kymflow.testing.conformance.catalogue import THOROUGH, checks
from kymflow_view.panels.loading import load_panels
from support.paths import REPO, TESTS

PAGES = [*sorted(REPO.glob("*.md")), *sorted((REPO / "docs").rglob("*.md"))]
# Where the built-in plugin is not installed, its entry point is not there either.
REGISTER = (
    "from kymflow import get_registry\n"
    "from kymflow_indexers_builtin import ImagesIndexer, RadonReportIndexer, VelocityEventsIndexer\n"
    "if not get_registry().list():\n"
    "    get_registry().register(ImagesIndexer())\n"
    "    get_registry().register(RadonReportIndexer())\n"
    "    get_registry().register(VelocityEventsIndexer())\n"
)


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def run_python(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_works_when_pasted(tmp_path: Path) -> None:
    (block,) = python_blocks(REPO / "README.md")
    out = run_python(REGISTER + block, tmp_path)
    assert "4 new images, 0 failed" in out
    assert "looked at" in out
    assert [path.name for path in tmp_path.iterdir()] == ["build"]
    assert (tmp_path / "build" / "my lab.zarr" / "tables" / "velocity_events.parquet").is_file()


def test_the_commands_of_the_readme_do_what_it_says(tmp_path: Path) -> None:
    page = (REPO / "README.md").read_text("utf-8")
    commands = re.findall(r"^    \.venv/bin/kymflow (.*)$", page, re.MULTILINE)
    assert [shlex.split(command)[0] for command in commands] == ["plot", "view", "ingest", "show", "demo"]
    # The demo, which make runs, comes last there. What serves until it is ended is tried elsewhere.
    for command in (commands[-1], *(one for one in commands[:-1] if not one.startswith("view "))):
        program = [sys.executable, "-c", "from kymflow.cli.main import main; main()", *shlex.split(command)]
        done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    assert "baseline_drop" in done.stdout
    # git passes over what is in build.
    assert [path.name for path in tmp_path.iterdir()] == ["build"]
    with (
        Image.open(tmp_path / "build" / "kymograph.png") as drawn,
        Image.open(REPO / "docs" / "kymograph.png") as shown,
    ):
        here, there = (picture.convert("L").resize(shown.size) for picture in (drawn, shown))
    # Fonts and a resampling differ a little; another picture differs much.
    assert np.abs(np.asarray(here, float) - np.asarray(there, float)).mean() < 5


def test_pictures_of_the_docs_are_small_and_the_readme_is_a_page() -> None:
    assert {path.name for path in (REPO / "docs").glob("*.png") if path.stat().st_size > 200_000} == set()
    assert len((REPO / "README.md").read_text("utf-8").splitlines()) <= 75


def test_the_authors_page_works_when_pasted(tmp_path: Path) -> None:
    page = REPO / "docs" / "writing-an-indexer.md"
    declared, nested, plain, computed, settable, in_bulk, of_tables, its_test, tried = python_blocks(page)
    out = run_python(declared + tried, tmp_path)
    assert re.search(r"roi_id +start_s +duration_s", out)
    more = (
        "trace = pd.DataFrame({'roi_id': [1, 1, 2], 'velocity': [1.0, 3.0, 5.0]})\n"
        "record.save_df_parquet('radon', trace)\n"
        "print(kd.rebuild(MeanFlowIndexer())['mean_mm_s'].tolist())\n"
    )
    other = tmp_path / "other"
    other.mkdir()
    more += (
        "print(kd.rebuild(StallMillisecondsIndexer())['duration_ms'].tolist())\n"
        "experiment = {'condition': 'x', 'mouse': {'age_days': 60}}\n"
        "record.save_metadata_payload({'experiment_metadata': experiment, 'header': {}})\n"
        "print(kd.rebuild(ConditionsIndexer()).drop(columns='image_id').to_dict('records'))\n"
        "print(kd.rebuild(CoverageIndexer())['image_id'].tolist() == [record.image_id])\n"
    )
    (settings,) = re.findall(
        r"^```toml\n(\[tool\.kymflow.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    more += (
        f"open('try.zarr/kymflow.toml', 'w').write({settings!r})\n"
        "registry.register(BrightIndexer())\n"
        "print(kd.rebuild('bright')['n_pixels'].tolist(), kd.describe_table('bright').settings)\n"
    )
    more += (
        "report = {'median_velocity': 0.5, 'velocity_unit': 'mm/s', 'condition': 'rest'}\n"
        "record.save_json('radon_report', report)\n"
        "registry.register(ConditionVelocityIndexer())\n"
        "from kymflow_indexers_builtin import RadonReportIndexer\n"
        "registry.register(RadonReportIndexer())\n"
        "print(kd.refresh('condition_velocity').to_dict('records'))\n"
    )
    out = run_python(
        declared + nested + plain + tried + computed + settable + in_bulk + of_tables + its_test + more, other
    )
    derived = {"condition": "rest", "velocity_unit": "mm/s", "median_velocity": 0.5, "n_images": 1}
    assert f"[{derived}]" in out
    assert "[2.0, 5.0]\n[200.0]\n[{'condition': 'x', 'age_days': 60.0}]\nTrue\n" in out
    assert "[4] {'level': 120.0, 'side': 'below'}" in out


def test_the_page_on_readers_works_when_pasted(tmp_path: Path) -> None:
    page = (REPO / "docs" / "writing-a-reader.md").read_text("utf-8")
    module, tried = python_blocks(REPO / "docs" / "writing-a-reader.md")
    (printed,) = re.findall(r"^    1 new.*\n    .*\n", page, re.MULTILINE)
    (tmp_path / "lab_reader.py").write_text(module, "utf-8")

    assert run_python(tried, tmp_path) == printed.replace("    ", "")


def test_the_plugins_of_the_plugins_page_work_when_installed(tmp_path: Path) -> None:
    stalls, npy, follower, own, without = python_blocks(REPO / "docs" / "plugins.md")
    page = (REPO / "docs" / "plugins.md").read_text("utf-8")
    groups = [
        group
        for block in re.findall(r"^```toml\n(.*?)^```", page, re.S | re.M)
        for group in tomllib.loads(block)["project"]["entry-points"]
    ]
    # What plugs in a command is tried in tests/kymflow/cli/test_plugged.py.
    assert groups == ["kymflow.indexers", COMMANDS]
    group = groups[0]
    for name, code in (("lab_stalls", stalls), ("lab_npy", npy), ("lab_follower", follower)):
        (tmp_path / f"{name}.py").write_text(code, "utf-8")
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
        (info / "entry_points.txt").write_text(f"[{group}]\nlab = {name}\n", "utf-8")
    prepare = (
        "import os\n"
        "os.environ['KYMFLOW_PLUGINS'] = 'lab-stalls,lab-npy,lab-follower'\n"
        "from kymflow import IndexerRegistry, ZarrDataset\n"
        "ZarrDataset('lab.zarr')\n"
    )
    work = (
        "for info in [*registry.list(), *registry.list_readers()]:\n"
        "    print(info.name, info.status, info.summary)\n"
        "record = kd.ds.add_image([[1, 2], [3, 4]])\n"
        "record.save_json('stalls', [{'roi_id': 1}, {'roi_id': 2}])\n"
        "kd.rebuild_all()\n"
    )

    out = run_python(prepare + own + work, tmp_path)

    image_id = re.search(r"repaint \['([0-9a-f-]{36})'\] in stalls\n", out)
    assert image_id is not None, out
    assert out.splitlines() == [
        "stalls ok Stalls of every line scan.",
        "npy ok Line scans saved by numpy (.npy), time x space.",
        "stalls: 1 images updated, 2 rows",
        f"repaint ['{image_id[1]}'] in stalls",
    ]
    assert run_python(without + "print(kd.rebuild_all())", tmp_path) == "{}\n"


def test_the_plugins_page_names_every_hook_and_switch() -> None:
    from kymflow.core.plugins import hookspecs, switches

    page = (REPO / "docs" / "plugins.md").read_text("utf-8")
    hooks = {name for name in vars(hookspecs) if name.startswith("kymflow_")}
    assert set(re.findall(r"^## `(\w+)\(", page, re.MULTILINE)) == hooks
    names = {switches.AUTOLOAD, switches.ONLY, switches.DISABLED, switches.STRICT}
    assert set(re.findall(r"^\| `(KYMFLOW_\w+)=", page, re.MULTILINE)) == names


def test_the_testers_page_works_when_pasted(tmp_path: Path) -> None:
    indexer, checked, lenient, excused, tested = python_blocks(REPO / "docs" / "testing-an-indexer.md")
    (tmp_path / "some_lab_indexer.py").write_text(indexer, "utf-8")
    (tmp_path / "lenient_lab_indexer.py").write_text(lenient, "utf-8")
    (tmp_path / "test_some_lab.py").write_text(tested, "utf-8")
    assert run_python(checked, tmp_path) == ""
    told = "print(report.ok, *[one.ok for one in reports])"
    said = run_python("\n".join([checked, excused, told]), tmp_path)
    (counts,) = re.findall(r"print\(report\)  # (.*)", excused)
    assert counts in said
    assert "a_malformed_artifact_is_an_error expected failure\n" in said
    assert said.endswith("\nTrue True True\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "kymflow.testing.pytest_plugin"],
        # Where kymflow is installed, pytest finds its plugin by itself.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    # The checks of the contract, and the author's own test.
    assert f"{len(checks(thorough=False)) + 1} passed" in done.stdout, done.stdout


def test_the_testers_page_names_every_check() -> None:
    page = (REPO / "docs" / "testing-an-indexer.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [
        check.__name__ for check in (*checks(thorough=False), *THOROUGH)
    ]


def test_the_page_of_known_plugins_has_those_of_this_repository() -> None:
    page = (REPO / "docs" / "known-plugins.md").read_text("utf-8")
    projects = [*(REPO / "src").glob("*/pyproject.toml"), *(REPO / "examples").glob("*/pyproject.toml")]
    for project in [tomllib.loads(file.read_text("utf-8"))["project"] for file in projects]:
        assert f"| [{project['name']}](" in page
        # By which others are told to be found.
        assert "kymflow" in project["keywords"], project["name"]
        for name, module in project.get("entry-points", {}).get("kymflow.indexers", {}).items():
            assert f"`{name}`" in page or module == "kymflow_indexers_builtin", name
    for name in ("images", "radon_report", "velocity_events"):
        assert f"`{name}`" in page


def test_the_page_on_pictures_works_when_pasted(tmp_path: Path) -> None:
    page = REPO / "docs" / "pictures.md"
    (code,) = python_blocks(page)
    (printed,) = re.findall(
        r"^    median_velocity \(.*\n    .*\n    .*\n", page.read_text("utf-8"), re.MULTILINE
    )
    prepare = (
        "from kymflow import KymDataset\n"
        "from kymflow.testing import simulate_folder\n"
        "images = simulate_folder('kymographs')\n"
        "reports = KymDataset('lab.zarr', mode='a').ingest_folder('kymographs')\n"
    )

    assert run_python(REGISTER + prepare + code, tmp_path) == printed.replace("    ", "")

    assert (tmp_path / "capillary.pdf").read_bytes().startswith(b"%PDF")
    commands = re.findall(r"^    kymflow ((?:plot|report) .*)$", page.read_text("utf-8"), re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        arguments = shlex.split(command)
        program = [sys.executable, "-c", "from kymflow.cli.main import main; main()", *arguments]
        subprocess.run(program, check=True, cwd=tmp_path)
        assert (tmp_path / arguments[arguments.index("-o") + 1]).stat().st_size > 5000


def test_the_panel_of_the_page_on_the_viewer_is_drawn() -> None:
    (code,) = python_blocks(REPO / "docs" / "view.md")
    module = ModuleType("lab_panels")
    exec(code, module.__dict__)
    panels = load_panels([PluginSource("lab", "lab_panels", load=lambda: module)])
    record = ZarrDataset("memory://panel-of-the-page").record("cell-1")
    record.save_array([[8, 8], [1, 1], [8, 6]])

    drawn = panels.draw("brightness", record)
    assert drawn is not None
    dark, mean = drawn["items"]
    assert (dark["x0"], dark["x1"], dark["y0"]) == ([1.0], [2.0], ["-inf"])
    assert mean["y"] == [8.0, 1.0, 7.0]


def test_the_recipes_work_when_pasted(tmp_path: Path) -> None:
    (recipes,) = python_blocks(REPO / "docs" / "getting-started.md")
    prepare = (
        "from kymflow import KymDataset\n"
        "from kymflow.testing import simulate_folder\n"
        "simulate_folder('f', 2, n_lines=200)\n"  # both of them analysed
        "KymDataset('lab.zarr', mode='a').ingest_folder('f')\n"
    )
    out = run_python(REGISTER + prepare + recipes + "print(len(kd.ds.list_image_ids()))", tmp_path)
    assert out == "1\n"


def test_each_question_is_answered_by_its_command_and_its_line(tmp_path: Path) -> None:
    page = (REPO / "docs" / "questions.md").read_text("utf-8")
    questions = page.split("\n## ")[1:]
    assert len(questions) >= 10
    assert all(re.search(r"^    kymflow \w", one, re.MULTILINE) and "```python" in one for one in questions)
    for place in ("in python", "on the command line"):
        simulate_folder(tmp_path / place / "kymographs", 4, n_lines=300)
        KymDataset(tmp_path / place / "lab.zarr", "a").ingest_folder(tmp_path / place / "kymographs")
    left = "print(sorted(kd.get_table('images')['file_name']))"
    blocks = "".join(python_blocks(REPO / "docs" / "questions.md"))
    assert run_python(REGISTER + blocks + left, tmp_path / "in python") == (
        "['capillary_0002.tif', 'capillary_0003.tif', 'capillary_0004.tif']\n"
    )
    tmp_path /= "on the command line"

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from kymflow.cli.main import main; main()", *command],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = {
        command: run(*shlex.split(command)[1:]) for command in re.findall(r"^    (kymflow .*)$", page, re.M)
    }

    assert said['kymflow images lab.zarr --where "not analysed" --columns rel_path'] == (
        "rel_path\nday 2/capillary_0004.tif\n"
    )
    assert (
        "simulated\tmedian_velocity (mm/s)\t3\t3\t"
        in said["kymflow show lab.zarr radon_report --with-images --by condition --columns median_velocity"]
    )
    assert (tmp_path / "lab.xlsx").is_file()
    assert run("images", "lab.zarr", "--columns", "file_name").splitlines()[1:] == [
        f"capillary_000{number}.tif" for number in (2, 3, 4)
    ]


def test_the_example_runs(tmp_path: Path) -> None:
    script = REPO / "examples" / "demo_kym_dataset_v01.py"
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "radon_report: 5 rows, velocity_events: 4 rows" in done.stdout
    assert re.search(r"updated \['[0-9a-f-]{36}'\] in .* 5 images untouched", done.stdout)
    assert "true_stall" in done.stdout
    again = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (
        1,
        f"{tmp_path} is not empty: give a folder for what this writes\n",
    )


GUI = REPO / "examples" / "gui_programmer.py"


def test_the_program_with_windows_runs() -> None:
    done = subprocess.run([sys.executable, GUI], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[:2] == [
        "[reports] there is no table radon_report yet",
        "[events] there is no table velocity_events yet",
    ]
    assert "[reports] 5 rows of 5 images in radon_report" in said
    assert "[events] 4 rows of 2 images in velocity_events" in said
    assert re.fullmatch(r"\[events\] [123] rows of 1 images in velocity_events", said[-1])


def test_the_program_with_windows_writes_into_no_folder_that_is_somebodys(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, GUI, tmp_path], capture_output=True, text=True)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert "takes no folder: it works on a simulated lab in a temporary one" in done.stderr


@pytest.mark.parametrize(
    ("place", "cancelled", "expected"),
    [
        ("lab.zarr", True, ("cancelled", None)),
        ("lab.zarr", False, ("done", {})),
        ("no dataset", False, ("failed", "is no kymflow dataset")),
    ],
)
def test_the_worker_of_that_program_tells_how_it_ended(
    tmp_path: Path, place: str, cancelled: bool, expected: tuple[str, object]
) -> None:
    program = runpy.run_path(str(GUI))
    KymDataset(tmp_path / "lab.zarr", "a").ds.add_image([[0, 1], [2, 3]])
    (tmp_path / "no dataset").mkdir()
    (tmp_path / "no dataset" / "a file").write_text("of somebody")
    messages: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()
    cancel = threading.Event()
    if cancelled:
        cancel.set()

    program["RefreshWorker"](tmp_path / place, messages, cancel).run()

    told = [messages.get() for _ in range(messages.qsize())]
    assert told[-1][0] == expected[0], told
    if expected[0] == "failed":
        assert str(expected[1]) in str(told[-1][1])


def test_what_the_page_on_windows_shows_stands_in_that_program() -> None:
    program = GUI.read_text("utf-8")
    blocks = python_blocks(REPO / "docs" / "gui.md")
    assert len(blocks) >= 3
    assert [block for block in blocks if textwrap.indent(block, "    ") not in program] == []


def test_the_units_of_velocities_are_told_of_every_table_as_that_page_says(tmp_path: Path) -> None:
    page = (REPO / "docs" / "gui.md").read_text("utf-8")
    (expression,) = re.findall(r"^\| in which units .* \| `(.*)` \|$", page, re.MULTILINE)
    simulate_folder(tmp_path / "kymographs", 2, n_lines=300)
    kd = KymDataset(tmp_path / "lab.zarr", "a")
    kd.ingest_folder(tmp_path / "kymographs")

    def told(table: str, rows: pd.DataFrame) -> dict[str, list[str]]:
        names = {"velocity_units": velocity_units, "rows": rows}
        return {
            column.name: eval(expression, {**names, "column": column})
            for column in kd.describe_table(table).columns
        }

    tables = {name: kd.get_table(name) for name in kd.ds.list_table_names()}
    assert set(tables) >= {"images", "radon_report", "velocity_events"}
    assert "velocity_unit" not in tables["velocity_events"]
    units = {name: told(name, rows) for name, rows in tables.items()}
    assert units["velocity_events"]["score"] == units["radon_report"]["median_velocity"] == ["mm/s"]
    assert units["images"]["depth"] == units["velocity_events"]["t0_s"] == []
    of_acqstore = tables["radon_report"].assign(velocity_unit="um/s")
    assert told("radon_report", of_acqstore)["median_velocity"] == ["um/s"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_a_page_with_code_is_run_by_a_test(page: Path) -> None:
    code = re.findall(r"^```(?:python|sh|r|toml)\n", page.read_text("utf-8"), re.MULTILINE)
    tests = [path.read_text("utf-8") for path in TESTS.rglob("test_*.py")]
    assert not code or any(f'"{page.name}"' in text for text in tests)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text("utf-8"))
    missing = [link for link, _ in links if link and not (page.parent / link).exists()]
    assert missing == []
    wrong = [
        (link, anchor)
        for link, anchor in links
        if anchor and anchor not in anchors(page.parent / link if link else page)
    ]
    assert wrong == []


def anchors(page: Path) -> set[str]:
    """Return the names under which a page's headings are found."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_command_line_page_names_every_command_and_option() -> None:
    import click
    import typer.main

    from kymflow.cli.commands import app

    page = (REPO / "docs" / "command-line.md").read_text("utf-8")
    group = typer.main.get_command(app)
    # Those that kymflow-view plugs in among them.
    commands = {name: group.get_command(click.Context(group), name) for name in group.list_commands(None)}
    assert set(re.findall(r"^## `kymflow ([a-z-]+)", page, re.MULTILINE)) == set(commands)
    options = {
        option
        for command in commands.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option not in ("--help",)
    }
    assert {option for option in options if option not in page} == set()


def test_every_dependency_is_explained() -> None:
    page = (REPO / "docs" / "dependencies.md").read_text("utf-8")
    project = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
    view = tomllib.loads((REPO / "src" / "kymflow_view" / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *chain(*project["dependency-groups"].values())]
    wanted += view["project"]["dependencies"]
    names = [re.split(r"[<>=\[]", requirement)[0] for requirement in wanted]
    names.remove("kymflow")
    assert len(names) > 15
    assert [name for name in names if not re.search(rf"(\| {name} \||`{name}`)", page)] == []


def test_public_names_carry_no_machine_paths() -> None:
    suspicious = re.compile(r"/(home|root|Users)/\w+/")
    found = [
        path.relative_to(REPO)
        for folder in ("src", "docs", "examples", "benchmarks")
        for path in (REPO / folder).rglob("*")
        if path.suffix in (".py", ".md", ".toml") and suspicious.search(path.read_text("utf-8"))
    ]
    assert found == []
