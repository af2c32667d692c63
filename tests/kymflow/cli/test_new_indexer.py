from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest

from support.command_line import Run, run_command
from support.paths import REPO
from support.simple_indexers import write_distribution


@pytest.fixture
def run(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``kymflow new-indexer`` in an empty folder, with the built-in indexers installed."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return partial(run_command, "new-indexer")


def test_the_project_is_named_after_the_indexer_and_lies_here(run: Run) -> None:
    out = run("Stall durations").stdout

    project = Path("kymflow-indexer-stall-durations")
    assert os.listdir() == [project.name]
    assert (project / "src" / "kymflow_indexer_stall_durations" / "indexer.py").is_file()
    assert "are called stall_durations, the class StallDurationsIndexer" in out
    # A new virtual environment has a pip that knows no --group.
    assert "python -m pip install --upgrade pip\n  python -m pip install -e . --group dev\n" in out
    assert out.endswith("  python -m pytest\n")


def test_the_json_document_names_everything(run: Run, tmp_path: Path) -> None:
    content = json.loads(run("stalls", "--directory", tmp_path / "a" / "b", "--json").stdout)

    files = content.pop("files")
    assert content == {
        "directory": str((tmp_path / "a" / "b").resolve()),
        "distribution": "kymflow-indexer-stalls",
        "module": "kymflow_indexer_stalls",
        "class_name": "StallsIndexer",
        "name": "stalls",
        "kymflow": None,
    }
    assert all((tmp_path / "a" / "b" / file).is_file() for file in files)
    assert "src/kymflow_indexer_stalls/indexer.py" in files


def test_a_name_of_which_nothing_is_left_is_one_line_and_exit_code_1(run: Run) -> None:
    result = run("血流", code=1)

    assert result.stderr.startswith("kymflow: '血流' cannot name an indexer: '血' has no ASCII form.")
    assert result.stderr.count("\n") == 1
    assert os.listdir() == []


def test_a_full_folder_is_refused_with_nothing_touched(run: Run) -> None:
    run("stalls")
    before = sorted(Path().rglob("*"))

    result = run("stalls", code=1)

    assert (
        "kymflow: kymflow-indexer-stalls is not empty; give the project a folder of its own" in result.stderr
    )
    assert sorted(Path().rglob("*")) == before


def test_a_disk_that_refuses_is_one_line(run: Run) -> None:
    Path("file").write_text("mine")

    result = run("stalls", "--directory", "file/project", code=1)

    assert result.stderr.startswith("kymflow: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("taken", ["Velocity events", "radon_report"])
def test_a_name_that_another_plugin_has_is_refused(run: Run, taken: str) -> None:
    result = run(taken, code=1)

    assert "of kymflow-indexers-builtin 1.0.0 already; choose another name" in result.stderr
    assert os.listdir() == []


def test_a_broken_plugin_is_no_concern_here(run: Run, site: Path) -> None:
    write_distribution(site, "broken-lab", "0.1", "broken = no_such_module")

    assert run("stalls").stderr == ""


def test_where_kymflow_is_installed_from_can_be_told(run: Run, tmp_path: Path) -> None:
    url = "https://example.org/lab/kymflow.git"
    content = json.loads(run("stalls", "--directory", tmp_path / "a", "--kymflow", url, "--json").stdout)
    assert content["kymflow"] == f"git+{url}"
    assert f'pip install "git+{url}"' in (tmp_path / "a" / "README.md").read_text("utf-8")

    told = run("stalls", "--directory", tmp_path / "b", "--kymflow", REPO).stderr
    assert told == (
        "kymflow: the README installs kymflow from this machine; its workflow on GitHub needs a URL, which "
        "--kymflow takes, too\n"
    )
    refused = run("stalls", "--directory", tmp_path / "c", "--kymflow", tmp_path, code=1)
    assert "is neither a URL (https://...) nor a folder or wheel of kymflow here" in refused.stderr
    assert not (tmp_path / "c").exists()
