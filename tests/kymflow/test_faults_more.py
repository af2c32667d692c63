"""Disks that fail at any call, media that nobody can write, locks that others hold, cancels, bad indexers."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from refreshing import (
    TABLE,
    CellsIndexer,
    cells,
    ledgers,
    open_dataset,
    snapshot,
    table_path,
)
from simple_indexers import FrameIndexer, add_image, frame, write_distribution
from test_refresh_faults import ACTIONS, NEW, OLD, builtin_registry, check_and_mend, content, make_lab
from typer.testing import CliRunner, Result

from kymflow import Column, ExtractionError, KymDataset, RowsError, SchemaError, ZarrImageRecord
from kymflow.cli.main import app
from kymflow.errors import IndexerError
from kymflow.plugins.registry import get_registry
from kymflow.testing import simulate_folder
from kymflow_zarr import CancelledError, _store_local
from kymflow_zarr._store_local import LocalStore
from kymflow_zarr.errors import LockTimeoutError, ReadOnlyError, StoreError

HERE = str(Path(__file__).parent)
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python and pytest keep of modules that are imported meanwhile is no write of ours."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def litter(root: Path) -> list[Path]:
    """What an unfinished write would leave behind."""
    return list(root.rglob("*.kymflow-tmp*"))


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def one_line(result: Result, code: int = 1) -> str:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("kymflow: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


# A disk that fails at one call


class Disk:
    """Fails at the n-th call that changes it, with half of the bytes written; counts them all."""

    CODES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)

    def __init__(self, patch: pytest.MonkeyPatch, fails_at: int) -> None:
        self.calls = 0
        self.fails_at = fails_at
        self.code = self.CODES[fails_at % len(self.CODES)]
        for name in ("replace", "rename", "fsync", "makedirs", "unlink"):
            patch.setattr(os, name, self._guarded(getattr(os, name)))
        patch.setattr(_store_local, "_write_new", self._guarded(_store_local._write_new))
        patch.setattr(filelock.FileLock, "acquire", self._guarded(filelock.FileLock.acquire))

    def _guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self.fails_at:
                if call.__name__ == "_write_new":
                    path, data = arguments
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                    Path(path).write_bytes(data[: len(data) // 2])
                raise OSError(self.code, os.strerror(self.code))
            return call(*arguments, **options)

        return guarded


def calls_of(action: Callable[[], object]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, 0)
        action()
    return disk.calls


def check_told(error: StoreError, disk: Disk, kd: KymDataset) -> None:
    """The error says where, and why in the system's words."""
    assert kd.ds.path in str(error)
    assert os.strerror(disk.code) in str(error)
    assert error.errno == disk.code


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
    flush = _store_local._flush_folder

    def failing(folder: str) -> None:
        if folder.endswith("tables"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(folder)

    with monkeypatch.context() as patch:
        patch.setattr(_store_local, "_flush_folder", failing)
        with pytest.raises(StoreError, match=r"cannot write 'tables/cells\.parquet' .*Input/output error"):
            kd.refresh(CellsIndexer())

    assert kd.ds.load_table(TABLE)["n"].tolist() == NEW
    assert not kd.plan(CellsIndexer()).whole


def make_ingested(path: Path) -> KymDataset:
    """Two images of a folder beside it, one of which has changed since."""
    folder = path.with_name("in")
    simulate_folder(folder, 2, n_lines=40, n_pixels=8)
    kd = KymDataset(path, registry=builtin_registry())
    kd.ingest_folder(folder)
    # With events, so that both tables change.
    (source,) = folder.rglob("*_0002_events.json")
    source.write_text(source.read_text("utf-8").replace("unreviewed", "true_stall"), "utf-8")
    return kd


def tables_of(kd: KymDataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (Path(kd.ds.path) / "tables").glob("[rv]*.parquet")}


def check_ingest(path: Path, old: dict[str, pd.DataFrame], new: dict[str, pd.DataFrame]) -> None:
    """Each table is the old or the new one, no plan lies, and the next ingest brings the new ones."""
    kd = KymDataset(path, registry=builtin_registry())
    for name, table in content(kd).items():
        assert table.equals(old[name]) or table.equals(new[name]), name
    assert litter(path) == []
    report = kd.ingest_folder(path.with_name("in"))
    assert report.failed == {}
    assert report.conflicts == []
    assert not any(kd.plan(indexer).stale for indexer in kd.registry.indexers())
    found = content(kd)
    for name in new:
        assert_frame_equal(found[name], new[name])


def old_and_new(kd: KymDataset) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    expected = KymDataset(Path(kd.ds.path).with_name("expected.zarr"), registry=builtin_registry())
    expected.ingest_folder(Path(kd.ds.path).with_name("in"))
    old, new = content(kd), content(expected)
    assert not old["velocity_events"].equals(new["velocity_events"])
    return old, new


def test_a_disk_that_fails_at_one_call_of_an_ingest_is_mended_by_the_next(tmp_path: Path) -> None:
    original = make_ingested(tmp_path / "original.zarr")
    old, new = old_and_new(original)
    path = tmp_path / "lab.zarr"
    shutil.copytree(original.ds.path, path)
    calls = calls_of(lambda: KymDataset(path, registry=builtin_registry()).ingest_folder(tmp_path / "in"))
    shutil.rmtree(path)
    failures = 0
    for n in [*range(1, calls, 5), calls]:
        shutil.copytree(original.ds.path, path)
        kd = KymDataset(path, registry=builtin_registry())
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, n)
            try:
                kd.ingest_folder(tmp_path / "in")
            except StoreError as error:
                failures += 1
                check_told(error, disk, kd)
        check_ingest(path, old, new)
        shutil.rmtree(path)
    assert failures > 3


LIMITED = """
import json, resource, sys
sys.path.insert(0, sys.argv[2])
from test_faults_more import LIMITED_ACTIONS
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


def _limited(action: str) -> Callable[[str], Callable[[], object]]:
    def prepare(root: str) -> Callable[[], object]:
        kd = open_dataset(Path(root) / "lab.zarr")
        return lambda: ACTIONS[action](kd)

    return prepare


def _limited_ingest(root: str) -> Callable[[], object]:
    kd = KymDataset(Path(root) / "ingested.zarr", registry=builtin_registry())
    return lambda: kd.ingest_folder(Path(root) / "in")


LIMITED_ACTIONS = {**{name: _limited(name) for name in ACTIONS}, "ingest": _limited_ingest}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_files_that_may_not_grow_keep_the_old_tables_of_every_action(
    tmp_path: Path, start_python: Start
) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    words = [os.urandom(1000).hex() for _ in range(3)]
    kd.ds.record("a").save_df_parquet(TABLE, cells(5).assign(word=words))
    ingested = make_ingested(tmp_path / "ingested.zarr")
    old, new = old_and_new(ingested)
    before, before_ingest = table_path(kd).read_bytes(), tables_of(ingested)

    out, problems = start_python(LIMITED, tmp_path, HERE).communicate(timeout=300)

    assert problems == ""
    told = [json.loads(line) for line in out.splitlines()]
    assert [(name, kind) for name, kind, _ in told] == [(name, "StoreError") for name in LIMITED_ACTIONS]
    assert all("cannot write '" in message and "File too large" in message for _, _, message in told), told
    assert table_path(kd).read_bytes() == before
    assert len(ledgers(kd)) == 1
    assert tables_of(ingested) == before_ingest
    check_and_mend(tmp_path / "lab.zarr")
    check_ingest(tmp_path / "ingested.zarr", old, new)


# A medium that nobody can write


@contextmanager
def read_only_medium(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse every write as a read-only file system does; list what was tried."""
    tried: list[str] = []

    def refuse(name: str) -> Callable[..., Any]:
        def refusing(*arguments: Any, **options: Any) -> Any:
            tried.append(name)
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        return refusing

    with monkeypatch.context() as patch:
        for name in ("replace", "rename", "fsync", "makedirs", "mkdir", "unlink", "rmdir"):
            patch.setattr(os, name, refuse(name))
        patch.setattr(_store_local, "_write_new", refuse("_write_new"))
        patch.setattr(_store_local, "_remove_tree", refuse("_remove_tree"))
        patch.setattr(filelock.FileLock, "acquire", refuse("acquire"))
        yield tried


@pytest.fixture
def plugged(site: Path) -> None:
    """Indexers of these tests, installed as a plugin: ``cells``, and one that fails in every way."""
    write_distribution(site, "cells-indexers", "0.1", "cells = cells_plugin")
    code = (
        "from kymflow import hookimpl\n"
        "from refreshing import CellsIndexer\n"
        "from test_faults_more import broken_indexer\n"
        "@hookimpl\n"
        "def kymflow_indexers():\n"
        "    return [CellsIndexer(), broken_indexer()]\n"
    )
    (site / "cells_plugin.py").write_text(code, "utf-8")
    get_registry.cache_clear()


@pytest.mark.parametrize("mode", ["r", "a"])
def test_a_medium_that_nobody_can_write_is_opened_shown_planned_and_has_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugged: None, mode: Any
) -> None:
    path = tmp_path / "lab.zarr"
    make_lab(path)
    before = snapshot(path)
    with read_only_medium(monkeypatch) as tried:
        kd = KymDataset(path, mode)
        assert kd.get_table(TABLE)["n"].tolist() == OLD
        assert kd.ds.record("a").load_df_parquet(TABLE)["n"].tolist() == [10, 10, 10]
        assert kd.ds.record("a").load_array().shape == (4, 3)
        assert sorted(kd.plan("cells").stale) == ["a", "b", "d"]
        status = {table.table_name: table for table in kd.status().tables}
        assert (status[TABLE].stale, status[TABLE].missing, status[TABLE].removed) == (2, 1, 1)
        assert "4 images" in run("show", path).stdout
        assert json.loads(run("show", path, TABLE, "--json").stdout)["rows"] == 12
        assert json.loads(run("status", path, "--json").stdout)["images"] == 4
        dry = json.loads(run("refresh", path, "--dry-run", "--json", "--indexer", "cells").stdout)
        assert len(dry["tables"][TABLE]["stale"]) == 3
    assert tried == []
    assert snapshot(path) == before


def test_a_copy_on_a_medium_that_nobody_can_write_is_planned_without_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other times: everything is read and found the same, and nothing can be noted of it."""
    original = make_lab(tmp_path / "original.zarr")
    original.refresh(CellsIndexer())
    path = tmp_path / "lab.zarr"
    shutil.copytree(original.ds.path, path, copy_function=shutil.copy)
    with read_only_medium(monkeypatch) as tried:
        for mode in ("r", "a"):
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
        kd = KymDataset(path)
        assert kd.get_table(TABLE)["n"].tolist() == OLD
        assert sorted(kd.plan("cells").stale) == ["a", "b", "d"]
        assert json.loads(run("show", path, TABLE, "--json").stdout)["rows"] == 12
        assert json.loads(run("status", path, "--json").stdout)["images"] == 4
        assert "Permission denied" in one_line(run("refresh", path, "--indexer", "cells"))
    finally:
        for entry in entries:
            entry.chmod(modes[entry])
    check_and_mend(path)


def test_a_refresh_that_finds_nothing_to_do_needs_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = make_lab(tmp_path / "original.zarr")
    original.refresh(CellsIndexer())
    path = tmp_path / "lab.zarr"
    shutil.copytree(original.ds.path, path, copy_function=shutil.copy)

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
            assert "Read-only file system" in one_line(run(command[0], path, *command[1:], *options))
    assert snapshot(path) == before


# Locks that others hold

HOLD = """
import sys
from pathlib import Path
from kymflow_zarr._store_local import LocalStore

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
    tmp_path: Path, start_python: Start, impatient: None, plugged: None
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
        line = one_line(run(*command, "--indexer", "cells"))
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
    tmp_path: Path, start_python: Start, impatient: None
) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    holder = start_python(HOLD, tmp_path / "lab.zarr")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait(30)

    assert kd.refresh(CellsIndexer())["n"].tolist() == NEW


# Cancel at every image


def cancel_at(n: int) -> dict[str, Any]:
    """Options by which an action is cancelled when it tells of progress for the n-th time."""
    cancel, told = threading.Event(), []

    def step(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == n:
            cancel.set()

    return {"on_progress": step, "cancel": cancel}


CANCELLED: dict[str, Callable[..., object]] = {
    "rebuild": lambda kd, **how: kd.rebuild(CellsIndexer(), **how),
    "refresh": lambda kd, **how: kd.refresh(CellsIndexer(), **how),
    "update": lambda kd, **how: kd.update_images(CellsIndexer(), list("abde"), **how),
}


@pytest.mark.parametrize("action", CANCELLED)
def test_a_cancel_at_any_image_leaves_table_and_ledger_as_they_were(tmp_path: Path, action: str) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    before, plan = snapshot(tmp_path / "lab.zarr"), kd.plan(CellsIndexer()).to_dict()
    # Only a cancel that comes after the last image comes too late.
    images = {"rebuild": 4, "refresh": 3, "update": 3}[action]
    for n in range(1, images + 1):
        told = rf"'cells' was cancelled after {n - 1} of {images} images; table 'cells' is as it was"
        with pytest.raises(CancelledError, match=told) as caught:
            CANCELLED[action](kd, **cancel_at(n))
        assert (caught.value.indexer, caught.value.table_name) == (TABLE, TABLE)
        assert snapshot(tmp_path / "lab.zarr") == before
        assert kd.plan(CellsIndexer()).to_dict() == plan
    CANCELLED[action](kd, **cancel_at(images + 1))
    assert kd.get_table(TABLE)["n"].tolist() == NEW
    check_and_mend(tmp_path / "lab.zarr")


def test_a_cancel_at_any_step_of_an_ingest_leaves_what_is_whole(tmp_path: Path) -> None:
    original = make_ingested(tmp_path / "original.zarr")
    old, new = old_and_new(original)
    path = tmp_path / "lab.zarr"
    # Two sources, then the changed image of one table: told of before each and after the last.
    for n in range(1, 3 + 2):
        shutil.copytree(original.ds.path, path)
        kd = KymDataset(path, registry=builtin_registry())
        with pytest.raises(CancelledError, match="cancelled"):
            kd.ingest_folder(tmp_path / "in", **cancel_at(n))
        assert kd.ds.load_sources_index()["image_id"].isin(kd.ds.list_image_ids()).all()
        assert not any(kd.plan(indexer).whole for indexer in kd.registry.indexers())
        check_ingest(path, old, new)
        shutil.rmtree(path)
    shutil.copytree(original.ds.path, path)
    kd = KymDataset(path, registry=builtin_registry())
    kd.ingest_folder(tmp_path / "in", **cancel_at(3 + 2))
    assert kd.plan("velocity_events").is_empty


# Progress


def progress_of(action: Callable[..., object], kd: KymDataset, **how: Any) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    action(kd, on_progress=lambda done, total: told.append((done, total)), **how)
    return told


@pytest.mark.parametrize("action", CANCELLED)
def test_progress_ends_with_all_even_if_images_fail_or_are_gone(tmp_path: Path, action: str) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    (Path(kd.ds.path) / "images" / "a" / "analysis" / f"{TABLE}.parquet").write_bytes(b"nothing")

    told = progress_of(CANCELLED[action], kd, on_error="skip")

    total = told[0][1]
    assert told == [(done, total) for done in range(total + 1)]
    assert list(kd.reports[TABLE].failed) == ["a"]


def test_progress_ends_with_all_where_everything_has_to_be_done_again(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    shutil.rmtree(Path(kd.ds.path) / "index")

    told = progress_of(CANCELLED["update"], kd)

    assert told[-1] == (4, 4)


def test_progress_without_any_image_ends_with_none_of_none(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")

    assert progress_of(CANCELLED["rebuild"], kd) == [(0, 0)]


def test_progress_of_an_ingest_ends_with_all_of_each_phase(tmp_path: Path) -> None:
    kd = make_ingested(tmp_path / "lab.zarr")
    phases: list[list[tuple[int, int]]] = [[]]
    kd.ingest_folder(
        tmp_path / "in",
        on_progress=lambda done, total: phases[-1].append((done, total)),
        on_table=lambda name: phases.append([]),
    )

    assert phases == [[(0, 2), (1, 2), (2, 2)], [], [(0, 1), (1, 1)]]


# Every way in which an indexer can fail


class Writer:
    """Gives rows for all, and writes into the record of one."""

    name = table_name = "broken"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        rec.save_json("mark", {})
        return frame(x=[1])


BROKEN: dict[str, tuple[object, type[IndexerError], str]] = {
    "raises": (
        ZeroDivisionError("no\nlines"),
        ExtractionError,
        "extract_rows raised ZeroDivisionError: no lines",
    ),
    "exits": (SystemExit(3), ExtractionError, "extract_rows raised SystemExit: 3"),
    "no-frame": ([{"x": 1}], RowsError, "extract_rows must return a DataFrame, got list"),
    "nothing": (None, RowsError, "extract_rows must return a DataFrame, got NoneType"),
    "foreign": (
        frame(image_id=["foreign", "good"], x=[1, 2]),
        RowsError,
        "1 of 2 rows claim image 'good'",
    ),
    "lacking": (frame(y=[1]), RowsError, "the required column 'x' is missing; it gave ['y']"),
    "undeclared": (frame(x=[1], speed=["fast"]), RowsError, "column 'speed' is declared float, got "),
    "types-clash": (frame(x=["text"]), SchemaError, "column 'x'"),
}


def broken_indexer() -> FrameIndexer:
    """An indexer that fails for each image in the way that its id says; ``good`` has rows."""
    rows = {image_id: rows for image_id, (rows, _, _) in BROKEN.items()}
    return FrameIndexer(
        {**rows, "good": frame(x=[1, 2], speed=[0.5, 1.5])},
        name="broken",
        required=["x"],
        columns=[Column("speed", "float", "mm/s", "Speed", required=False)],
    )


@pytest.fixture
def broken_lab(tmp_path: Path) -> KymDataset:
    kd = open_dataset(tmp_path / "lab.zarr")
    for image_id in ["good", *BROKEN]:
        add_image(kd, image_id)
    return kd


def test_each_failure_has_a_message_of_its_own_with_image_indexer_and_cause(broken_lab: KymDataset) -> None:
    indexer = broken_indexer()
    broken_lab.rebuild(indexer, on_error="skip")

    failed = broken_lab.reports["broken"].failed
    assert sorted(failed) == sorted(BROKEN)
    for image_id, (_, _, cause) in BROKEN.items():
        assert cause in failed[image_id]
        assert f"'{image_id}'" in failed[image_id]
        assert "'broken'" in failed[image_id]
        assert "\n" not in failed[image_id]
    assert len(set(failed.values())) == len(BROKEN)
    assert broken_lab.get_table("broken")["image_id"].tolist() == ["good", "good"]


@pytest.mark.parametrize("image_id", BROKEN)
def test_each_failure_is_raised_by_its_kind_from_every_door(broken_lab: KymDataset, image_id: str) -> None:
    rows, kind, cause = BROKEN[image_id]
    good = FrameIndexer({"good": frame(x=[1, 2], speed=[0.5, 1.5])}, name="broken", required=["x"])
    good.columns = broken_indexer().columns
    broken_lab.rebuild(good)
    before = table_path(broken_lab, "broken").read_bytes()
    bad = broken_indexer()
    bad.rows = {"good": bad.rows["good"], image_id: rows}
    # So that a refresh asks all images again.
    bad.schema_version = "2"
    broken_lab.registry.register(bad)
    for door in (
        lambda: broken_lab.rebuild(bad),
        lambda: broken_lab.refresh(bad),
        lambda: broken_lab.update_image(bad, image_id),
        lambda: broken_lab.rebuild_all(),
        lambda: broken_lab.refresh_all(),
    ):
        with pytest.raises(kind) as caught:
            door()
        assert cause in str(caught.value)
        assert f"'{image_id}'" in str(caught.value)
        assert caught.value.indexer == "broken"
        assert caught.value.table_name == "broken"
        assert table_path(broken_lab, "broken").read_bytes() == before
        assert len(ledgers(broken_lab, "broken")) == 1


def test_commands_tell_each_failure_with_its_image_and_cause(broken_lab: KymDataset, plugged: None) -> None:
    result = run("rebuild", broken_lab.ds.path, "--indexer", "broken", "--json")

    assert result.exit_code == 1
    failed = {
        one["image_id"]: one["error"] for one in json.loads(result.stdout)["tables"]["broken"]["failed"]
    }
    assert sorted(failed) == sorted(BROKEN)
    assert all(BROKEN[image_id][2] in error for image_id, error in failed.items())
    text = run("refresh", broken_lab.ds.path, "--indexer", "broken").stdout
    for image_id in BROKEN:
        assert f"failed: table broken, image {image_id}: " in text


def test_an_indexer_that_writes_to_its_record_is_named(broken_lab: KymDataset) -> None:
    before = snapshot(Path(broken_lab.ds.path))
    told = "indexer 'broken', image '.*': extract_rows raised ReadOnlyError: .*Within an indexer, nobody can"
    for door in (
        lambda: broken_lab.rebuild(Writer()),
        lambda: broken_lab.refresh(Writer()),
        lambda: broken_lab.update_image(Writer(), "good"),
    ):
        with pytest.raises(ExtractionError, match=told) as caught:
            door()
        assert isinstance(caught.value.__cause__, ReadOnlyError)
        assert snapshot(Path(broken_lab.ds.path)) == before
    broken_lab.rebuild(Writer(), on_error="skip")
    assert len(broken_lab.reports["broken"].failed) == len(BROKEN) + 1
    assert broken_lab.get_table("broken").empty
