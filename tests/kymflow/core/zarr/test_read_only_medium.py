"""A dataset on a medium that nobody can write: it can be read, and writes say so in one line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from kymflow_zarr.errors import StoreError
from support.command_line import one_line, read_json, run_command
from support.edited_lab import ACTIONS, NEW, OLD, check_and_mend, make_lab
from support.failing_disks import read_only_medium
from support.refreshing import TABLE, CellsIndexer, cells, open_dataset, snapshot


def check_shown(kd: KymDataset) -> None:
    """The old table is shown, and what is stale is told, in Python and by commands."""
    assert kd.get_table(TABLE)["n"].tolist() == OLD
    assert sorted(kd.plan("cells").stale) == ["a", "b", "d"]
    assert read_json(run_command("show", kd.ds.path, TABLE, "--json"))["rows"] == 12
    assert read_json(run_command("status", kd.ds.path, "--json"))["images"] == 4


@pytest.mark.parametrize("mode", ["r", "r+", "a"])
def test_a_medium_that_nobody_can_write_is_opened_shown_planned_and_has_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugged: None, mode: Any
) -> None:
    path = tmp_path / "lab.zarr"
    make_lab(path)
    before = snapshot(path)
    with read_only_medium(monkeypatch) as tried:
        kd = KymDataset(path, mode)
        check_shown(kd)
        assert kd.ds.record("a").load_df_parquet(TABLE)["n"].tolist() == [10, 10, 10]
        assert kd.ds.record("a").load_array().shape == (4, 3)
        status = {table.table_name: table for table in kd.status().tables}
        assert (status[TABLE].stale, status[TABLE].missing, status[TABLE].removed) == (2, 1, 1)
        assert "4 images" in run_command("show", path).stdout
        dry = read_json(run_command("refresh", path, "--dry-run", "--json", "--indexer", "cells"))
        assert len(dry["tables"][TABLE]["stale"]) == 3
    assert tried == []
    assert snapshot(path) == before


def copy_with_other_times(tmp_path: Path) -> Path:
    """Copy a lab that is up to date, so that everything has to be read to be found the same."""
    original = make_lab(tmp_path / "original.zarr")
    original.refresh(CellsIndexer())
    shutil.copytree(original.ds.path, tmp_path / "lab.zarr", copy_function=shutil.copy)
    return tmp_path / "lab.zarr"


def test_a_copy_on_a_medium_that_nobody_can_write_is_planned_without_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy_with_other_times(tmp_path)
    with read_only_medium(monkeypatch) as tried:
        for mode in ("r", "r+", "a"):
            plan = open_dataset(path, mode).plan(CellsIndexer())
            assert plan.is_empty
            assert plan.fresh == 4
    assert tried == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="modes do not bind root, nor Windows"
)
def test_a_dataset_without_write_permission_is_opened_shown_planned_and_has_a_status(
    tmp_path: Path, plugged: None
) -> None:
    path = tmp_path / "lab.zarr"
    make_lab(path)
    entries = [path, *path.rglob("*")]
    modes = {entry: entry.stat().st_mode for entry in entries}
    for entry in entries:
        entry.chmod(modes[entry] & ~0o222)
    try:
        check_shown(KymDataset(path))
        assert "Permission denied" in one_line(run_command("refresh", path, "--indexer", "cells", code=1))
    finally:
        for entry in entries:
            entry.chmod(modes[entry])
    check_and_mend(path)


def test_a_refresh_that_finds_nothing_to_do_needs_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy_with_other_times(tmp_path)

    with read_only_medium(monkeypatch):
        assert open_dataset(path).refresh(CellsIndexer())["n"].tolist() == NEW


def test_what_would_write_on_such_a_medium_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugged: None
) -> None:
    path = tmp_path / "lab.zarr"
    kd = make_lab(path)
    simulate_folder(tmp_path / "in", 1, n_lines=40, n_pixels=8)
    before = snapshot(path)
    writes: list[Callable[[], object]] = [
        *(lambda action=action: action(kd) for action in ACTIONS.values()),
        lambda: kd.ingest_folder(tmp_path / "in"),
        lambda: kd.ds.record("a").save_json("x", {}),
        lambda: kd.ds.delete_image("a"),
        lambda: kd.ds.save_table("t", cells(1)),
        lambda: kd.ds.drop_table(TABLE),
    ]
    with read_only_medium(monkeypatch) as tried:
        for number, write in enumerate(writes):
            with pytest.raises(StoreError, match=r"cannot (write|lock|delete) '.*lab\.zarr: Read-only file"):
                write()
            assert tried, number
            tried.clear()
        for command in (["rebuild"], ["refresh"], ["update", "a"], ["ingest", str(tmp_path / "in")]):
            options = [] if command[0] == "ingest" else ["--indexer", "cells"]
            result = run_command(command[0], path, *command[1:], *options, code=1)
            assert "Read-only file system" in one_line(result)
    assert snapshot(path) == before
