"""Each example does what it says: on its simulated lab, and on a folder of one's own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from support.paths import REPO

EXAMPLES = REPO / "examples"
# Where the built-in plugin is not installed, its entry point is not there either.
RUN = """
import runpy, sys
from kymflow import get_registry
import kymflow_indexers_builtin
if not get_registry().list():
    for indexer in kymflow_indexers_builtin.kymflow_indexers():
        get_registry().register(indexer)
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def attempt(name: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", RUN, (EXAMPLES / name).as_posix(), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def run(name: str, *arguments: object, cwd: Path | None = None) -> str:
    done = attempt(name, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_microscopist_gets_a_workbook_and_a_picture_of_each_stall(tmp_path: Path) -> None:
    simulate_folder(tmp_path / "mine", n_images=4, n_lines=500)
    before = sorted(tmp_path.rglob("*"))

    said = run("microscopist.py", tmp_path / "mine", tmp_path / "results")
    again = run("microscopist.py", tmp_path / "mine", tmp_path / "results")

    assert said.splitlines() == [
        "4 new, 0 changed, 0 failed",
        "day 1, capillary_0002.png: drops at 0.20 s",
        f"all of it is in {tmp_path / 'results'}",
    ]
    assert again.startswith("0 new, 0 changed, 0 failed\n")
    sheets = pd.read_excel(tmp_path / "results" / "lab.xlsx", sheet_name=None)
    assert [name for name in sheets if name != "columns"] == ["images", "radon_report", "velocity_events"]
    assert len(sheets["images"]) == 4
    picture = (tmp_path / "results" / "day 1, capillary_0002.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000
    assert sorted(path for path in tmp_path.rglob("*") if "results" not in path.parts) == before


def test_the_microscopist_s_results_stay_where_none_was_named(tmp_path: Path) -> None:
    simulate_folder(tmp_path / "mine", n_images=1, n_lines=200)

    said = run("microscopist.py", "mine", cwd=tmp_path)

    assert said.splitlines()[-1] == f"all of it is in {tmp_path / 'results'}"
    assert (tmp_path / "results" / "lab.xlsx").is_file()


def test_the_microscopist_needs_no_folder(tmp_path: Path) -> None:
    assert run("microscopist.py", cwd=tmp_path).startswith("6 new, 0 changed, 0 failed\n")
    assert list(tmp_path.iterdir()) == []


def test_the_microscopist_is_told_in_a_line_what_is_wrong_and_what_to_give(tmp_path: Path) -> None:
    assert "[kymographs] [results]" in run("microscopist.py", "--help")
    done = attempt("microscopist.py", "no such folder", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "no such folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["data_scientist.py", "plugin_author.py"])
def test_an_example_that_takes_no_folder_says_so(name: str, tmp_path: Path) -> None:
    done = attempt(name, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "takes no folder: it works on a simulated lab in a temporary one\n" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_data_scientist_finds_no_difference_where_there_is_none() -> None:
    said = run("data_scientist.py")

    assert run("data_scientist.py") == said
    assert re.search(r"^control +11\.0 ", said, re.MULTILINE)
    (p,) = re.findall(r"^stroke - control: .*? mm/s, p = (0\.\d+), n = 22 images$", said, re.MULTILINE)
    assert float(p) > 0.5


def test_the_plugin_author_s_table_follows_an_edit() -> None:
    said = run("plugin_author.py")

    assert len(re.findall(r"^\d  day \d/capillary_\d{4}\.tif +1 +0\.\d+$", said, re.MULTILINE)) == 3
    assert "gap_s: type double, unit s" in said
    assert "3 rows, 4 images, 1 updated, 3 unchanged" in said


def test_the_module_of_the_example_is_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    import longest_gap

    simulate_folder(tmp_path / "kymographs", n_images=2, n_lines=200)
    kd = KymDataset(tmp_path / "lab.zarr", "a")
    kd.ds.refresh_from_folder(tmp_path / "kymographs")
    record = kd.ds.record(kd.ds.list_image_ids()[0])
    # A velocity every 4 ms, of which these are missing, at either end and between; then the longest runs.
    gaps = {
        (1, 1): [*range(10, 100)],
        (1, 2): [],
        (2, 1): [*range(30), *range(40, 60), 99],
        (3, 1): [5, 7, 8, 9, 11],
    }
    longest = [90, 0, 30, 3]
    trace = pd.DataFrame(
        {"roi_id": roi_id, "channel": channel, "time": 0.004 * i, "velocity": None if i in missing else 1.0}
        for i in reversed(range(100))
        for (roi_id, channel), missing in gaps.items()
    )
    record.save_df_parquet("radon", trace)

    (indexer,) = longest_gap.kymflow_indexers()
    table = kd.rebuild(indexer)

    mine = table[table["image_id"] == record.image_id]
    assert [*zip(mine["roi_id"], mine["channel"], strict=True)] == [*gaps]
    assert mine["gap_s"].tolist() == pytest.approx([0.004 * samples for samples in longest])


def test_every_example_is_listed_and_what_is_listed_is_there() -> None:
    listed = set(re.findall(r"\]\(([^).][^)]*)\)", (EXAMPLES / "README.md").read_text("utf-8")))

    there = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*.py")}
    there |= {path.parent.name for path in EXAMPLES.glob("*/pyproject.toml")}
    there |= {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.ipynb")}
    assert listed == there
