"""Commands: demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import KymDataset
from support.command_line import Run, check_reports, one_line, read_json
from support.trees import tree


def test_demo_does_everything_once(run: Run, tmp_path: Path) -> None:
    result = run("demo", tmp_path / "demo")

    for words in (
        "simulated 6 kymographs",
        "ingested 6 of 6",
        "rebuilt images",
        "updated just that image",
    ):
        assert words in result.stdout
    assert result.stderr == ""
    kd = KymDataset(tmp_path / "demo" / "lab.zarr", "r")
    assert "true_stall" in set(kd.get_table("velocity_events")["user_type"])


def test_demo_makes_its_own_folder_here(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    run("demo")

    assert (tmp_path / "kymflow-demo" / "lab.zarr" / "tables" / "velocity_events.parquet").is_file()


def test_demo_as_json(run: Run, tmp_path: Path) -> None:
    content = read_json(run("demo", tmp_path / "a new" / "demo", "--json"))

    check_reports(content["tables"])
    assert len(content["new"]) == 6
    assert content["edited"] in content["new"]
    assert content["tables"]["velocity_events"]["updated"] == [content["edited"]]
    assert Path(content["dataset"]).is_dir()
    assert Path(content["folder"]).is_dir()
    assert all(step["seconds"] >= 0 for step in content["steps"])


def test_demo_does_not_touch_a_folder_that_holds_something(run: Run, folder: Path) -> None:
    before = tree(folder)

    assert "is not empty" in one_line(run("demo", folder, code=1))
    assert tree(folder) == before
