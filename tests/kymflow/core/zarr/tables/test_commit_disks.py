"""Commits on disks that fail, are full, or let no file grow: the old table or the new one, and its ledger."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kymflow_zarr.errors import StoreError
from kymflow_zarr.store.disk import files
from support.edited_folder import LIMITED_ACTIONS, check_ingest, make_ingested, old_and_new, tables_of
from support.edited_lab import ACTIONS, NEW, OLD, check_and_mend, make_lab
from support.failing_disks import Disk, calls_of, check_told, litter
from support.processes import StartPython
from support.refreshing import TABLE, CellsIndexer, cells, ledgers, open_dataset, table_path

pytestmark = pytest.mark.slow


# They commit in the same way: one of them is tried at every call, the others at some.
@pytest.mark.parametrize(("action", "stride"), [("refresh", 1), ("rebuild", 4), ("update", 4)])
def test_a_disk_that_fails_at_one_call_keeps_a_whole_table(tmp_path: Path, action: str, stride: int) -> None:
    original = make_lab(tmp_path / "original.zarr")
    path = tmp_path / "lab.zarr"
    shutil.copytree(original.ds.path, path)
    calls = calls_of(lambda: ACTIONS[action](open_dataset(path)))
    shutil.rmtree(path)
    assert calls > 10
    outcomes = []
    for n in [*range(1, calls, stride), calls]:
        shutil.copytree(original.ds.path, path)
        kd = open_dataset(path)
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, n)
            try:
                ACTIONS[action](kd)
            except StoreError as error:
                check_told(error, disk, kd)
        assert disk.calls >= n
        found = open_dataset(path).ds.load_table(TABLE)["n"].tolist()
        assert found in (OLD, NEW), f"call {n}"
        outcomes.append(found == NEW)
        assert litter(path) == []
        check_and_mend(path)
        shutil.rmtree(path)
    assert not outcomes[0]
    assert outcomes[-1]


def test_a_table_whose_folder_cannot_be_flushed_keeps_its_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    flush = files.flush_folder

    def failing(folder: str) -> None:
        if folder.endswith("tables"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(folder)

    with monkeypatch.context() as patch:
        patch.setattr(files, "flush_folder", failing)
        with pytest.raises(StoreError, match=r"cannot write 'tables/cells\.parquet' .*Input/output error"):
            kd.refresh(CellsIndexer())

    assert kd.ds.load_table(TABLE)["n"].tolist() == NEW
    assert not kd.plan(CellsIndexer()).whole


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=["full", "broken", "forbidden"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_write_that_fails_keeps_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, code: int
) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    before = table_path(kd).read_bytes()
    write = files.write_new
    for n in (1, 2):
        calls = []

        def failing(path: str, data: bytes, *, flush: bool, n: int = n, calls: list[str] = calls) -> Any:
            calls.append(path)
            if len(calls) >= n:
                Path(path).write_bytes(data[: len(data) // 2])
                raise OSError(code, os.strerror(code), path)
            return write(path, data, flush=flush)

        monkeypatch.setattr(files, "write_new", failing)
        with pytest.raises(StoreError, match="cannot write '(index/cells/|tables/cells.parquet)"):
            ACTIONS[action](open_dataset(tmp_path / "lab.zarr"))
        monkeypatch.setattr(files, "write_new", write)
        assert table_path(kd).read_bytes() == before
        assert len(ledgers(kd)) == 1
    check_and_mend(tmp_path / "lab.zarr")


ONE_LIMITED = """
import resource, sys
from support.refreshing import CellsIndexer, open_dataset
kd = open_dataset(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
try:
    kd.refresh(CellsIndexer())
except OSError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_real_limit_of_file_sizes_keeps_the_old_table(tmp_path: Path, start_python: StartPython) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    before = table_path(kd).read_bytes()
    big = pd.DataFrame(
        {"n": 5, "k": [0, 1, 2], "word": [random.Random(i).randbytes(3000).hex() for i in range(3)]}
    )
    kd.ds.record("a").save_df_parquet(TABLE, big)

    out, problems = start_python(ONE_LIMITED, tmp_path / "lab.zarr").communicate(timeout=300)
    assert problems == ""
    assert out.startswith("StoreError cannot write ")
    assert table_path(kd).read_bytes() == before
    check_and_mend(tmp_path / "lab.zarr")


LIMITED = """
import json, resource, sys
from support.edited_folder import LIMITED_ACTIONS
for name, action in LIMITED_ACTIONS.items():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run = action(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
    try:
        run()
        print(json.dumps([name, "ok", ""]), flush=True)
    except Exception as error:
        print(json.dumps([name, type(error).__name__, str(error)]), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_files_that_may_not_grow_keep_the_old_tables_of_every_action(
    tmp_path: Path, start_python: StartPython
) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    words = [os.urandom(1000).hex() for _ in range(3)]
    kd.ds.record("a").save_df_parquet(TABLE, cells(5).assign(word=words))
    ingested = make_ingested(tmp_path / "ingested.zarr")
    old, new = old_and_new(ingested)
    before, before_ingest = table_path(kd).read_bytes(), tables_of(ingested)

    out, problems = start_python(LIMITED, tmp_path).communicate(timeout=300)

    assert problems == ""
    told = [json.loads(line) for line in out.splitlines()]
    assert [(name, kind) for name, kind, _ in told] == [(name, "StoreError") for name in LIMITED_ACTIONS]
    assert all("cannot write '" in message and "File too large" in message for _, _, message in told), told
    assert table_path(kd).read_bytes() == before
    assert len(ledgers(kd)) == 1
    assert tables_of(ingested) == before_ingest
    check_and_mend(tmp_path / "lab.zarr")
    check_ingest(tmp_path / "ingested.zarr", old, new)
