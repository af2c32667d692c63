"""Crashes, full disks, other writers at every step, kill -9, hostile artifacts: a table stays whole."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal
from refreshing import (
    TABLE,
    CellsIndexer,
    Crash,
    CrashAt,
    HookedStore,
    assert_like_rebuild,
    assert_never_fresh_wrongly,
    assert_whole,
    cells,
    hooked,
    ledgers,
    open_dataset,
    table_path,
)
from simple_indexers import add_image

from kymflow import ArtifactIndexer, IndexerRegistry, KymDataset
from kymflow.errors import IndexerError
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer
from kymflow_zarr import _store_local, frames
from kymflow_zarr.errors import LockTimeoutError, RecordNotFoundError, StoreError

HERE = str(Path(__file__).parent)


def make_lab(path: Path) -> KymDataset:
    """Images ``a`` to ``c``, their cells edited since the table was made; ``d`` is new, ``e`` deleted."""
    kd = open_dataset(path)
    for number, image_id in enumerate("abce"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    kd.rebuild(CellsIndexer())
    for number, image_id in enumerate("ab"):
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(10 + number))
    add_image(kd, "d").save_df_parquet(TABLE, cells(20))
    kd.ds.delete_image("e")
    return kd


OLD = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
NEW = [10, 10, 10, 11, 11, 11, 2, 2, 2, 20, 20, 20]

ACTIONS: dict[str, Callable[[KymDataset], object]] = {
    "rebuild": lambda kd: kd.rebuild(CellsIndexer()),
    "refresh": lambda kd: kd.refresh(CellsIndexer()),
    "update": lambda kd: kd.update_images(CellsIndexer(), list("abde")),
}


def check_and_mend(path: Path, *, crashes: int = 1) -> None:
    """The table opens, no plan calls an old row fresh, and a refresh brings the rebuild."""
    kd = open_dataset(path)
    assert_whole(kd.ds.load_table(TABLE))
    assert_never_fresh_wrongly(kd, CellsIndexer())
    kd.refresh(CellsIndexer())
    assert kd.plan(CellsIndexer()).is_empty
    assert_like_rebuild(kd, CellsIndexer())
    # Each crash may leave a ledger; the next commit takes them away.
    assert len(ledgers(kd)) <= 1 + crashes


# A crash at every step


def crash_at_steps(tmp_path: Path, action: str, stride: int) -> int:
    """Crash an action at its first step and every `stride` steps after it; return how many it has."""
    original = make_lab(tmp_path / "original.zarr")
    n, outcomes = 1 - stride, []
    while True:
        n += stride
        path = tmp_path / "lab.zarr"
        shutil.copytree(original.ds.path, path)
        crash = CrashAt(n)
        try:
            ACTIONS[action](hooked(open_dataset(path), crash))
            break
        except Crash:
            pass
        found = open_dataset(path).ds.load_table(TABLE)["n"].tolist()
        assert found in (OLD, NEW), f"crash at step {n}"
        outcomes.append(found == NEW)
        check_and_mend(path)
        shutil.rmtree(path)
    # There is one moment at which the old table becomes the new one.
    assert outcomes == sorted(outcomes)
    assert not outcomes[0]
    assert outcomes[-1] or stride > 1
    return n


@pytest.mark.parametrize("action", ACTIONS)
def test_a_crash_at_some_steps_leaves_the_old_table_or_the_new_one(tmp_path: Path, action: str) -> None:
    assert crash_at_steps(tmp_path, action, 5) > 20


@pytest.mark.long
@pytest.mark.parametrize("action", ACTIONS)
def test_a_crash_at_any_step_leaves_the_old_table_or_the_new_one(tmp_path: Path, action: str) -> None:
    assert crash_at_steps(tmp_path, action, 1) > 20


def test_a_crash_while_what_was_unchanged_is_noted_changes_nothing(tmp_path: Path) -> None:
    original = make_lab(tmp_path / "original.zarr")
    original.refresh(CellsIndexer())
    n = 0
    while True:
        n += 1
        path = tmp_path / "lab.zarr"
        # Other times: everything has to be read, is found the same, and noted.
        shutil.copytree(original.ds.path, path, copy_function=shutil.copy)
        before = table_path(original).read_bytes()
        crash = CrashAt(n)
        try:
            hooked(open_dataset(path), crash).refresh(CellsIndexer())
            break
        except Crash:
            pass
        kd = open_dataset(path)
        assert table_path(kd).read_bytes() == before
        assert kd.plan(CellsIndexer()).is_empty
        shutil.rmtree(path)
    assert n > 20


def builtin_registry() -> IndexerRegistry:
    registry = IndexerRegistry(())
    registry.register(VelocityEventsIndexer())
    registry.register(RadonReportIndexer())
    return registry


def content(kd: KymDataset) -> dict[str, pd.DataFrame]:
    """All tables, by source file instead of image id, which is another one each time."""
    found = {}
    for name in kd.ds.list_table_names():
        table = kd.get_table(name, with_source=True).drop(columns="image_id")
        found[name] = table.sort_values(["rel_path", *table.columns[1:4]]).reset_index(drop=True)
    return found


def ingest_crashes(tmp_path: Path, step: Callable[[int], int]) -> int:
    """Crash ingest_folder at steps of one's choice; return how many there were."""
    folder = tmp_path / "in"
    simulate_folder(folder, 3, n_lines=40, n_pixels=8)
    expected = KymDataset(tmp_path / "expected.zarr", registry=builtin_registry())
    expected.ingest_folder(folder)
    wanted = content(expected)
    n = crashes = 0
    while True:
        n = step(n)
        path = tmp_path / "lab.zarr"
        kd = KymDataset(path, registry=builtin_registry())
        try:
            hooked(kd, CrashAt(n)).ingest_folder(folder)
            return crashes
        except Crash:
            crashes += 1
        again = KymDataset(path, registry=builtin_registry())
        for name in again.ds.list_table_names():
            again.ds.load_table(name)
        again.ds.load_sources_index()
        again.ingest_folder(folder)
        found = content(again)
        assert sorted(found) == sorted(wanted)
        for name in wanted:
            assert_frame_equal(found[name], wanted[name], obj=f"{name} after a crash at step {n}")
        assert len(again.ds.list_image_ids()) == 3
        for record in again.ds.iter_records():
            assert record.load_array().shape == (40, 8)
        shutil.rmtree(path)


def test_a_crash_of_an_ingest_is_mended_by_the_next_one(tmp_path: Path) -> None:
    assert ingest_crashes(tmp_path, lambda n: n + 1 + n // 5) > 10


@pytest.mark.long
def test_a_crash_of_an_ingest_at_any_step_is_mended_by_the_next_one(tmp_path: Path) -> None:
    assert ingest_crashes(tmp_path, lambda n: n + 1) > 100


# Writers at every step


class Turns:
    """Threads that go on one store call at a time, whoever is told to."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []

    def start(self, path: Path, work: Callable[[KymDataset], object]) -> Actor:
        actor = Actor(path, work)
        self.actors.append(actor)
        return actor

    def finish(self) -> None:
        for _ in range(100_000):
            running = [actor for actor in self.actors if not actor.ended]
            if not running:
                break
            for actor in running:
                actor.step()
        for actor in self.actors:
            actor.thread.join(30)
            assert not actor.thread.is_alive()
            if actor.error is not None and not isinstance(actor.error, Crash):
                raise actor.error


class _TurnStore(HookedStore):
    """Waits for a lock by giving the turn away."""

    @contextmanager
    def _locked(self, key: str, timeout_s: float) -> Iterator[None]:
        while True:
            self._hook("before lock", key)
            lock = super()._locked(key, 0.0)
            try:
                lock.__enter__()
            except LockTimeoutError:
                continue
            break
        try:
            yield
        finally:
            lock.__exit__(None, None, None)


class Actor:
    """One thread of work on a dataset, stopped before and after each store call."""

    def __init__(self, path: Path, work: Callable[[KymDataset], object]) -> None:
        self.kd = open_dataset(path)
        self.kd.ds._store = _TurnStore(self.kd.ds.path, self._wait)
        self.work = work
        self.go, self.stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.ended = self.dead = False
        self.steps = 0
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.stopped.acquire(timeout=30)

    def _wait(self, operation: str, key: str) -> None:
        if not self.dead:
            self.stopped.release()
            self.go.acquire()
        if self.dead:
            raise Crash(f"{operation} {key}")

    def _run(self) -> None:
        try:
            self._wait("start", "")
            self.work(self.kd)
        except BaseException as error:  # noqa: BLE001
            self.error = error
        self.ended = True
        self.stopped.release()

    def step(self) -> None:
        if not self.ended:
            self.steps += 1
            self.go.release()
            assert self.stopped.acquire(timeout=30)

    def steps_until_end(self, most: int = 100_000) -> int:
        """Go on until the end, or until others would have to move."""
        for done in range(most):
            if self.ended:
                return done
            self.step()
        return most

    def crash(self) -> None:
        self.dead = True
        self.step()


def edit_and_update(image_id: str, n: int) -> Callable[[KymDataset], object]:
    def work(kd: KymDataset) -> None:
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(n))
        kd.update_image(CellsIndexer(), image_id)

    return work


def delete(image_id: str) -> Callable[[KymDataset], object]:
    def work(kd: KymDataset) -> None:
        kd.ds.delete_image(image_id)
        # Another writer may have seen to it already.
        with suppress(RecordNotFoundError):
            kd.update_image(CellsIndexer(), image_id)

    return work


def check_readable(path: Path) -> None:
    kd = open_dataset(path, "r")
    assert_whole(kd.ds.load_table(TABLE))


PAIRS: dict[str, tuple[Callable[[KymDataset], object], Callable[[KymDataset], object]]] = {
    "update and update": (edit_and_update("a", 50), edit_and_update("a", 60)),
    "refresh and update": (ACTIONS["refresh"], edit_and_update("a", 60)),
    "refresh and delete": (ACTIONS["refresh"], delete("d")),
    "rebuild and refresh": (ACTIONS["rebuild"], ACTIONS["refresh"]),
    "refresh and refresh": (ACTIONS["refresh"], ACTIONS["refresh"]),
}


def two_writers(tmp_path: Path, pair: str, first_steps: Callable[[int], int], crash: bool = False) -> int:
    """Let one writer go so many steps, then the other as far as it can, then the first to its end."""
    original = make_lab(tmp_path / "original.zarr")
    path = tmp_path / "lab.zarr"
    n = 0
    cases = 0
    while True:
        n = first_steps(n)
        shutil.copytree(original.ds.path, path)
        turns = Turns()
        one = turns.start(path, PAIRS[pair][0])
        for _ in range(n):
            one.step()
        over = one.ended
        other = turns.start(path, PAIRS[pair][1])
        other.steps_until_end(300)
        if crash and not over:
            one.crash()
        check_readable(path)
        turns.finish()
        check_and_mend(path)
        shutil.rmtree(path)
        cases += 1
        if over:
            return cases


@pytest.mark.parametrize("pair", PAIRS)
def test_another_writer_at_some_steps_is_neither_lost_nor_undone(tmp_path: Path, pair: str) -> None:
    assert two_writers(tmp_path, pair, lambda n: n + 7) > 3


@pytest.mark.long
@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_another_writer_at_any_step_is_neither_lost_nor_undone(
    tmp_path: Path, pair: str, crash: bool
) -> None:
    assert two_writers(tmp_path, pair, lambda n: n + 1, crash) > 20


def random_turns(path: Path, original: KymDataset, seed: int) -> None:
    """Two writers, a deleter, turns by lot; now and then one dies."""
    chance = random.Random(seed)
    shutil.copytree(original.ds.path, path)
    turns = Turns()
    works = [
        chance.choice([edit_and_update("a", 50), ACTIONS["refresh"], ACTIONS["rebuild"]]),
        chance.choice([edit_and_update("b", 60), edit_and_update("a", 61), ACTIONS["refresh"]]),
        delete(chance.choice("bc")),
    ]
    actors = [turns.start(path, work) for work in works]
    doomed = chance.choice([*actors, None])
    last = chance.randrange(80)
    while any(not actor.ended for actor in actors):
        actor = chance.choice([actor for actor in actors if not actor.ended])
        for _ in range(chance.choice([1, 1, 3, 10])):
            actor.step()
        if doomed is not None and doomed.steps >= last and not doomed.ended:
            doomed.crash()
    check_readable(path)
    for actor in actors:
        actor.thread.join(30)
        if isinstance(actor.error, RecordNotFoundError):
            # Somebody edits what another one deletes.
            continue
        if actor.error is not None and not isinstance(actor.error, Crash):
            raise AssertionError(f"seed {seed}: {actor.error!r}") from actor.error
    check_and_mend(path)
    shutil.rmtree(path)


def test_three_writers_taking_turns_by_lot(tmp_path: Path) -> None:
    original = make_lab(tmp_path / "original.zarr")
    for seed in range(15):
        random_turns(tmp_path / "lab.zarr", original, seed)
    assert_whole(original.ds.load_table(TABLE))


@pytest.mark.long
def test_three_writers_taking_turns_by_lot_often(tmp_path: Path) -> None:
    original = make_lab(tmp_path / "original.zarr")
    for seed in range(1000, 2500):
        random_turns(tmp_path / "lab.zarr", original, seed)
    assert_whole(original.ds.load_table(TABLE))


def test_a_new_image_that_goes_while_a_refresh_runs_does_not_stop_it(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    moments = []

    def meanwhile(operation: str, key: str) -> None:
        if operation == "after children":
            moments.append(key)
            if len(moments) == 1:
                kd.ds.delete_image("d")

    table = hooked(kd, meanwhile).refresh(CellsIndexer())
    assert table["n"].tolist() == NEW[:-3]


# Full disks and such


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=["full", "broken", "forbidden"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_write_that_fails_keeps_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, code: int
) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    before = table_path(kd).read_bytes()
    write = _store_local._write_new
    for n in (1, 2):
        calls = []

        def failing(path: str, data: bytes, *, flush: bool, n: int = n, calls: list[str] = calls) -> Any:
            calls.append(path)
            if len(calls) >= n:
                Path(path).write_bytes(data[: len(data) // 2])
                raise OSError(code, os.strerror(code), path)
            return write(path, data, flush=flush)

        monkeypatch.setattr(_store_local, "_write_new", failing)
        with pytest.raises(StoreError, match="cannot write '(index/cells/|tables/cells.parquet)"):
            ACTIONS[action](open_dataset(tmp_path / "lab.zarr"))
        monkeypatch.setattr(_store_local, "_write_new", write)
        assert table_path(kd).read_bytes() == before
        assert len(ledgers(kd)) == 1
    check_and_mend(tmp_path / "lab.zarr")


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from refreshing import CellsIndexer, open_dataset
kd = open_dataset(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
try:
    kd.refresh(CellsIndexer())
except OSError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_real_limit_of_file_sizes_keeps_the_old_table(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    before = table_path(kd).read_bytes()
    big = pd.DataFrame(
        {"n": 5, "k": [0, 1, 2], "word": [random.Random(i).randbytes(3000).hex() for i in range(3)]}
    )
    kd.ds.record("a").save_df_parquet(TABLE, big)

    out, problems = start_python(LIMITED, tmp_path / "lab.zarr", HERE).communicate(timeout=300)
    assert problems == ""
    assert out.startswith("StoreError cannot write ")
    assert table_path(kd).read_bytes() == before
    check_and_mend(tmp_path / "lab.zarr")


# kill -9

# A process that forks one child after another: each works until it is killed.
KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from refreshing import TABLE, CellsIndexer, cells, open_dataset
from kymflow import IndexerRegistry, KymDataset
from kymflow.errors import IndexerError
from kymflow.testing import simulate_folder
from test_refresh_faults import builtin_registry, work_until_killed
for line in sys.stdin:
    kind, path, seed = line.split("|")
    pid = os.fork()
    if not pid:
        try:
            work_until_killed(kind, path, int(seed))
        except BaseException as error:
            print("FAILED", repr(error), flush=True)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    print("ended", os.WTERMSIG(status), flush=True)
"""


def work_until_killed(kind: str, path: str, seed: int) -> None:
    chance = random.Random(seed)
    indexer = CellsIndexer()
    kd = KymDataset(path, registry=builtin_registry())
    print("working", os.getpid(), flush=True)
    n = chance.randrange(1000) * 1000
    while True:
        n += 1
        if kind == "ingest":
            source = chance.choice(sorted(Path(path).with_name("in").rglob("*.tif")))
            os.utime(source)
            with open(source, "ab") as file:
                file.write(b"\0")
            kd.ingest_folder(Path(path).with_name("in"))
            continue
        image_id = chance.choice("abcd")
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(n))
        if kind == "update":
            kd.update_image(indexer, image_id)
        elif kind == "rebuild":
            kd.rebuild(indexer)
        else:
            kd.refresh(indexer)


def kill_often(tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]], rounds: int) -> int:
    make_lab(tmp_path / "lab.zarr")
    (tmp_path / "ingest").mkdir()
    simulate_folder(tmp_path / "ingest" / "in", 3, n_lines=40, n_pixels=8)
    ingested = tmp_path / "ingest" / "lab.zarr"
    KymDataset(ingested, registry=builtin_registry()).ingest_folder(tmp_path / "ingest" / "in")
    server = start_python(KILLED, HERE)
    assert server.stdin is not None
    assert server.stdout is not None
    chance = random.Random(rounds)
    killed = 0
    for number in range(rounds):
        kind = ("rebuild", "update", "refresh", "ingest")[number % 4]
        path = ingested if kind == "ingest" else tmp_path / "lab.zarr"
        server.stdin.write(f"{kind}|{path}|{number}\n")
        server.stdin.flush()
        word, pid = server.stdout.readline().split(maxsplit=1)
        assert word == "working", pid
        time.sleep(chance.uniform(0.002, 0.12))
        os.kill(int(pid), signal.SIGKILL)
        ended = server.stdout.readline().split(maxsplit=1)
        assert ended[0] == "ended", ended
        killed += int(ended[1]) == signal.SIGKILL
        if kind != "ingest":
            check_and_mend(path, crashes=killed)
            continue
        kd = KymDataset(path, registry=builtin_registry())
        kd.ds.load_sources_index()
        for name in ("radon_report", "velocity_events"):
            kd.ds.load_table(name)
        report = kd.ingest_folder(tmp_path / "ingest" / "in")
        assert report.failed == {}
        assert report.conflicts == []
        assert len(kd.ds.list_image_ids()) == 3
        for record in kd.ds.iter_records():
            assert record.load_array().shape == (40, 8)
        for indexer in kd.registry.indexers():
            assert_like_rebuild(kd, KilledTwin(indexer))
    kd = open_dataset(tmp_path / "lab.zarr")
    kd.rebuild(CellsIndexer())
    assert len(ledgers(kd)) == 1
    return killed


class KilledTwin:
    """A built-in indexer whose name can be changed, for :func:`assert_like_rebuild`."""

    def __init__(self, indexer: Any) -> None:
        self.name, self.table_name = indexer.name, indexer.table_name
        self.columns, self.schema_version = indexer.columns, indexer.schema_version
        self.required_columns = indexer.required_columns
        self.extract_rows = indexer.extract_rows


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@needs_fork
def test_a_table_is_whole_and_mended_after_kill_9(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    assert kill_often(tmp_path, start_python, 20) == 20


@needs_fork
@pytest.mark.long
def test_a_table_is_whole_and_mended_after_many_a_kill_9(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    assert kill_often(tmp_path, start_python, 200) == 200


# Hostile artifacts


class HostIndexer(ArtifactIndexer):
    name = TABLE


def _bend(data: bytes, chance: random.Random) -> bytes:
    bent = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8])):
        kind = chance.randrange(4)
        place = chance.randrange(len(bent)) if bent else 0
        if kind == 0 and bent:
            bent[place] ^= 1 << chance.randrange(8)
        elif kind == 1 and bent:
            bent[place] = chance.randrange(256)
        elif kind == 2:
            del bent[place : place + chance.choice([1, 4, 10_000])]
        else:
            bent[place:place] = chance.randbytes(chance.choice([1, 4, 40]))
    return bytes(bent)


def _parquet(columns: dict[str, Any]) -> bytes:
    return frames.arrow_to_parquet(pa.table(columns))


JSONS: list[bytes] = [
    b"[" * 100_000,
    b'{"n":' * 500 + b"1" + b"}" * 500,
    b'{"n":' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"n": {}}',
    b'[{"n": {"m": {}}}]',
    b'{"n": [{}]}',
    b"NaN",
    b'{"n": NaN, "k": Infinity}',
    b'{"n": 1, "n": "two", "k": 3}',
    b'{"n": 1e999}',
    b'{"n": 123456789012345678901234567890}',
    b'{"n": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"": 1}',
    b'{"n": "\xff\xfe"}',
    b'{"n": true}',
    b'{"image_id": "b", "n": 1}',
    b'{"image_id": 7, "n": 1}',
    b'[{"n": 1}, 2]',
    b'[{"n": 1}, {"n": "x"}]',
    b'[{"n": 1}, {"n": [1]}]',
    b'"text"',
    b"null",
    b"[]",
    b"{}",
    b"",
    b"\x00" * 100,
]
PARQUETS: list[bytes] = [
    _parquet({"n": pa.array([2**31 - 1], pa.date32())}),
    _parquet({"when": pa.array([2**62], pa.timestamp("us"))}),
    _parquet({"when": pa.array([0], pa.timestamp("us", "Nowhere/Town"))}),
    _parquet({"when": pa.array([2**62], pa.timestamp("us", "UTC"))}),
    _parquet({"when": pa.array([2**62], pa.timestamp("ms"))}),
    _parquet({"n": pa.array(["x"])}),
    _parquet({"n": pa.array([b"\xff"])}),
    _parquet({"image_id": pa.array(["b"]), "n": pa.array([1])}),
    _parquet({"image_id": pa.array([1.5]), "n": pa.array([1])}),
    _parquet({"n": pa.array([[1, 2]])}),
    _parquet({"extra": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))}),
    _parquet({"extra": pa.array([[None, {"k": 1}]])}),
    _parquet({"extra": pa.array(["a"]).dictionary_encode()}),
    _parquet({"extra": pa.array([0], pa.time64("us"))}),
    _parquet({"extra": pa.array([None], pa.null())}),
    frames.arrow_to_parquet(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])),
    frames.arrow_to_parquet(pa.table({"n": [1]}).replace_schema_metadata({b"pandas": b"{nonsense"})),
    frames.arrow_to_parquet(pa.table({"n": [1]}).replace_schema_metadata({b"ARROW:schema": b"AAAA"})),
]


def hostile(number: int) -> tuple[str, bytes]:
    """Return the suffix and bytes of an artifact that nobody should write."""
    fixed = [("json", data) for data in JSONS] + [("parquet", data) for data in PARQUETS]
    if number < len(fixed):
        return fixed[number]
    chance = random.Random(number)
    if chance.random() < 0.5:
        data = json.dumps([{"n": chance.randrange(100), "k": 0.5, "word": "é"}] * 3).encode()
        return "json", _bend(chance.choice([data, chance.choice(JSONS)]), chance)
    data = frames.frame_to_parquet(pd.DataFrame({"n": [1, 2], "k": [0.5, None], "word": ["é", "x"]}))
    return "parquet", _bend(chance.choice([data, data, chance.choice(PARQUETS)]), chance)


# Runs in a process of its own, so that a crash of a parser is seen as one.
HOSTILE = """
import sys
sys.path.insert(0, sys.argv[2])
from test_refresh_faults import meet_hostile
meet_hostile(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]))
print("done")
"""


def meet_hostile(path: str, start: int, end: int) -> None:
    """Give image ``b`` one hostile artifact after the other; the rest must not notice."""
    kd = open_dataset(path)
    indexer = HostIndexer()
    for image_id in "abc":
        add_image(kd, image_id).save_json(TABLE, {"n": 1, "k": 0.5})
    kd.rebuild(indexer)
    folder = Path(path) / "images" / "b" / "analysis"
    good = kd.ds.load_table(TABLE)
    others = good[good["image_id"] != "b"].reset_index(drop=True)
    for number in range(start, end):
        suffix, data = hostile(number)
        (folder / f"{TABLE}.json").unlink(missing_ok=True)
        (folder / f"{TABLE}.{suffix}").write_bytes(data)
        print(number, suffix, data[:60], flush=True)
        before = table_path(kd).read_bytes()
        problem = None
        try:
            kd.refresh(indexer)
        except IndexerError as error:
            problem = str(error)
            assert table_path(kd).read_bytes() == before
            assert "'b'" in problem, problem
        # The others come through, whatever that one does.
        kd.ds.record("a").save_json(TABLE, {"n": 2, "k": 0.5})
        kd.refresh(indexer, on_error="skip")
        assert (list(kd.reports[TABLE].failed) == ["b"]) == (problem is not None), (problem, kd.reports)
        table = kd.ds.load_table(TABLE)
        assert table["image_id"].tolist()[0] == "a"
        assert table.loc[table["image_id"] == "a", "n"].tolist() == [2]
        kd.ds.record("a").save_json(TABLE, {"n": 1, "k": 0.5})
        (folder / f"{TABLE}.parquet").unlink(missing_ok=True)
        kd.ds.record("b").save_json(TABLE, {"n": 1, "k": 0.5})
        back = kd.refresh(indexer)
        assert_frame_equal(back, good)
        assert_frame_equal(kd.ds.load_table(TABLE)[["image_id", "n", "k"]], good)
    assert len(others) == 2


def meet_all(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]], start: int, end: int
) -> None:
    process = start_python(HOSTILE, tmp_path / "lab.zarr", HERE, start, end)
    out, problems = process.communicate(timeout=300 + 0.2 * (end - start))
    lines = out.splitlines() or ["nothing"]
    assert lines[-1] == "done", f"{lines[-1]}\n{problems[-3000:]}"


@pytest.mark.parametrize("number", range(len(JSONS) + len(PARQUETS)))
def test_an_artifact_of_ill_will_concerns_its_image_only(tmp_path: Path, number: int) -> None:
    meet_hostile(str(tmp_path / "lab.zarr"), number, number + 1)
    assert open_dataset(tmp_path / "lab.zarr").ds.load_table(TABLE)["n"].tolist() == [1, 1, 1]


def test_bent_artifacts_concern_their_image_only(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    meet_all(tmp_path, start_python, 100, 250)


@pytest.mark.long
def test_many_bent_artifacts_concern_their_image_only(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    meet_all(tmp_path, start_python, 1000, 3000)
