"""The how-to pages work when pasted, one after the other, in a lab of two conditions."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from support.earlier_records import earlier_lab
from support.executors import local_cluster
from support.paths import REPO

PAGES = REPO / "docs" / "howto"
KYMFLOW = [sys.executable, "-c", "from kymflow.cli.main import main; main()"]
# Where the built-in plugin is not installed, its entry point is not there either.
REGISTER = (
    "from kymflow import get_registry\n"
    "from kymflow_indexers_builtin import ImagesIndexer, RadonReportIndexer, VelocityEventsIndexer\n"
    "if not get_registry().list():\n"
    "    for indexer in (ImagesIndexer(), RadonReportIndexer(), VelocityEventsIndexer()):\n"
    "        get_registry().register(indexer)\n"
)


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """Return the arguments of each command of the page that stands in a line of its own."""
    lines = re.findall(r"^    kymflow (\w.*?)(?: +#.*)?$", (PAGES / page).read_text("utf-8"), re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One in which ``kymflow`` is a program."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "kymflow"
    program.write_text(f"#!{sys.executable}\nfrom kymflow.cli.main import main\nmain()\n")
    program.chmod(0o755)
    return {**os.environ, "PATH": os.pathsep.join([str(folder), os.environ["PATH"]])}


def run_python(code: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_kymflow(arguments: list[str], folder: Path) -> str:
    done = subprocess.run([*KYMFLOW, *arguments], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with ``kymographs`` of two conditions, and ``lab.zarr`` made of them."""
    for number, image in enumerate(simulate_folder(tmp_path / "kymographs", 8, n_lines=300)):
        sidecar = image.tiff.with_suffix(".json")
        metadata = json.loads(sidecar.read_text("utf-8"))
        metadata["experiment_metadata"]["condition"] = ["control", "stroke"][number % 2]
        sidecar.write_text(json.dumps(metadata), "utf-8")
    KymDataset(tmp_path / "lab.zarr", "a").ingest_folder(tmp_path / "kymographs")
    return tmp_path


# Compare groups


def test_groups_are_compared_in_python_and_for_prism(lab: Path) -> None:
    out = run_python(REGISTER + "".join(blocks("compare-groups.md", "python")), lab)

    assert re.search(r"^control +4\.0 .*\nstroke +3\.0 .*\n", out, re.MULTILINE), out
    assert re.search(r"U = \d+, p = 0\.\d{3}", out)
    table = pd.read_csv(lab / "for_prism.csv")
    assert table.notna().sum().to_dict() == {"control": 4, "stroke": 3}
    report = KymDataset(lab / "lab.zarr", "r").get_table("radon_report")
    expected = report.loc[report["condition"] == "control", "median_velocity"]
    assert sorted(table["control"]) == pytest.approx(sorted(expected.dropna()))


def test_the_commands_that_compare_groups_work(lab: Path) -> None:
    plot, show, export = commands("compare-groups.md")
    run_kymflow(plot, lab)
    assert (lab / "velocity.png").stat().st_size > 5000
    assert re.search(r"^control\tmedian_velocity", run_kymflow(show, lab), re.MULTILINE)
    run_kymflow(export, lab)
    assert len(pd.read_csv(lab / "radon_report.csv")) == 7


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not here; the page says so")
def test_r_finds_what_python_finds(lab: Path) -> None:
    for arguments in commands("compare-groups.md")[2:]:
        run_kymflow(arguments, lab)
    (code,) = blocks("compare-groups.md", "r")
    done = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, cwd=lab)
    assert done.returncode == 0, done.stderr
    python = run_python(REGISTER + "".join(blocks("compare-groups.md", "python")), lab)
    (ours,), (theirs,) = re.findall(r"p = (\S+)", python), re.findall(r"p = (\S+)", done.stdout)
    assert float(ours) == float(theirs)


# A lab's daily routine

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="cron's script; on Windows it is another one")


@needs_sh
def test_the_nightly_job_takes_in_what_is_new_and_ends_with_what_ingest_says(
    lab: Path, environment: dict[str, str]
) -> None:
    (job,) = blocks("daily-routine.md", "sh")
    (lab / "nightly.sh").write_text(job, "utf-8")
    simulate_folder(lab / "kymographs" / "today", 1, n_lines=300, seed=7)

    def night() -> int:
        return subprocess.run(["sh", lab / "nightly.sh"], cwd=lab.parent, env=environment).returncode

    assert night() == 0
    assert len(pd.read_csv(lab / "tables" / "images.csv")) == 9
    (lab / "kymographs" / "broken.tif").write_bytes(b"no TIFF")
    assert night() == 1
    assert "broken.tif" in (lab / "nightly.log").read_text("utf-8")
    watching = run_python("".join(blocks("daily-routine.md", "python")), lab, environment)
    assert "images 9 rows, 0 stale\n" in watching
    assert "broken.tif as TIFF: not a TIFF file" in watching


def test_the_commands_of_the_daily_routine_work(lab: Path) -> None:
    status, not_analysed = commands("daily-routine.md")
    assert "radon_report" in run_kymflow(status, lab)
    assert run_kymflow(not_analysed, lab).splitlines()[1:] == ["day 2/capillary_0008.tif"]


# Upgrade a dataset


def test_a_dataset_of_an_earlier_version_is_upgraded(tmp_path: Path) -> None:
    earlier_lab(tmp_path / "lab.zarr", 2)
    run_kymflow(["rebuild", "lab.zarr"], tmp_path)
    simulate_folder(tmp_path / "kymographs", 1, n_lines=300)
    check, upgrade, dry_run, refresh, ingest = commands("upgrade.md")
    (code,) = blocks("upgrade.md", "python")

    run_kymflow(check, tmp_path)
    assert run_python(code, tmp_path) == (
        "3 images: 3 upgraded, 0 had all of it\nsize of a pixel not known: ['c']\n"
    )
    run_kymflow(upgrade, tmp_path)
    for command in (dry_run, refresh, ingest):
        run_kymflow(command, tmp_path)
    assert KymDataset(tmp_path / "lab.zarr", "r").status().images == 4


# In an object store


def test_a_dataset_in_a_bucket_is_used_as_one_on_a_disk(
    tmp_path: Path, new_url: Callable[[str], str]
) -> None:
    simulate_folder(tmp_path / "kymographs", 3, n_lines=300)
    url = new_url("s3")

    def at(argument: str) -> str:
        return argument.replace("s3://bucket/lab.zarr", url)

    ingest, status, show, export = commands("object-store.md")
    run_kymflow([at(one) for one in ingest], tmp_path)
    assert "radon_report" in run_kymflow([at(one) for one in status], tmp_path)
    assert len(run_kymflow([at(one) for one in show], tmp_path).splitlines()) == 3
    run_kymflow([at(one) for one in export], tmp_path)
    assert (tmp_path / "tables" / "images.csv").is_file()
    assert run_python(at("".join(blocks("object-store.md", "python"))), tmp_path) == (
        "2 rows of 3 images\n(100, 40)\n"
    )


# On a cluster


def test_tables_are_rebuilt_on_a_cluster(lab: Path) -> None:
    (code,) = blocks("cluster.md", "python")
    (lab / "on_cluster.py").write_text(code, "utf-8")
    done = subprocess.run([sys.executable, "on_cluster.py"], capture_output=True, text=True, cwd=lab)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "8 images, 7 rows, 0 failed\n"


def test_the_command_for_a_cluster_works(lab: Path) -> None:
    (command,) = commands("cluster.md")
    with local_cluster() as client:
        address = client.scheduler.address
        run_kymflow([one.replace("tcp://scheduler:8786", address) for one in command], lab)


# In a notebook


EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
cells = [nbformat.v4.new_code_cell(open(name, encoding="utf-8").read()) for name in sys.argv[1:]]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
for cell in notebook.cells:
    for output in cell["outputs"]:
        print(*[kind for kind in ("image/png", "text/html") if kind in output.get("data", ())])
"""


def test_what_a_notebook_shows(lab: Path) -> None:
    cells = blocks("notebooks.md", "python")
    for number, code in enumerate(cells):
        (lab / f"{number}.py").write_text((REGISTER if not number else "") + code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, *(f"{number}.py" for number in range(len(cells)))],
        env={**os.environ, "IPYTHONDIR": str(lab)},
        capture_output=True,
        text=True,
        cwd=lab,
    )
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if line]
    assert shown[-4:] == ["text/html", "image/png", "image/png", "text/html"]
