"""Locks of a table that others hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow_zarr.errors import LockTimeoutError
from kymflow_zarr.store.local import LocalStore
from support.command_line import one_line, run_command
from support.edited_lab import ACTIONS, NEW, OLD, check_and_mend, make_lab
from support.processes import StartPython
from support.refreshing import TABLE, CellsIndexer, cells, ledgers, table_path

HOLD = """
import sys
from pathlib import Path
from kymflow_zarr.store.local import LocalStore

def hold(present):
    print("held", flush=True)
    sys.stdin.readline()
    return None

LocalStore(Path(sys.argv[1])).update("tables/cells.parquet", hold)
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits longer than this for a table."""
    assert LocalStore.update.__kwdefaults__ == {"timeout_s": 60.0}
    monkeypatch.setitem(LocalStore.update.__kwdefaults__, "timeout_s", 0.2)


def test_whoever_waits_too_long_is_told_for_whom_and_nothing_is_lost(
    tmp_path: Path, start_python: StartPython, impatient: None, plugged: None
) -> None:
    path = tmp_path / "lab.zarr"
    kd = make_lab(path)
    before = table_path(kd).read_bytes()
    holder = start_python(HOLD, path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    who = rf"waited 0\.2 s for 'tables/cells\.parquet' in .*lab\.zarr: process {holder.pid} on \S+ \(since "

    for action in ACTIONS.values():
        with pytest.raises(LockTimeoutError, match=who):
            action(kd)
    for door in (
        lambda: kd.ds.save_table(TABLE, cells(1)),
        lambda: kd.ds.replace_rows_for_image_id(TABLE, "a", cells(1).assign(image_id="a")),
    ):
        with pytest.raises(LockTimeoutError, match=who):
            door()
    for command in (["rebuild", path], ["refresh", path], ["update", path, "a"]):
        line = one_line(run_command(*command, "--indexer", "cells", code=1))
        assert f"process {holder.pid} on" in line
        assert "Try again when it is done" in line
    # Readers wait for nobody.
    assert kd.get_table(TABLE)["n"].tolist() == OLD
    assert sorted(kd.plan(CellsIndexer()).stale) == ["a", "b", "d"]
    assert len(kd.status().tables) == 1
    assert table_path(kd).read_bytes() == before
    assert len(ledgers(kd)) == 1

    holder.communicate("\n", timeout=300)
    assert kd.refresh(CellsIndexer())["n"].tolist() == NEW
    check_and_mend(path)


def test_a_holder_that_is_killed_keeps_nobody_waiting(
    tmp_path: Path, start_python: StartPython, impatient: None
) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    holder = start_python(HOLD, tmp_path / "lab.zarr")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait(300)

    assert kd.refresh(CellsIndexer())["n"].tolist() == NEW
