"""Commits that a crash ends at any step, or a kill -9: a table is whole, and mended by the next refresh."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from support.edited_lab import ACTIONS, NEW, OLD, builtin_registry, check_and_mend, make_lab
from support.processes import StartPython
from support.refreshing import (
    TABLE,
    CellsIndexer,
    Crash,
    CrashAt,
    assert_like_rebuild,
    hooked,
    ledgers,
    open_dataset,
    table_path,
)
from support.until_killed import KilledTwin

pytestmark = pytest.mark.slow


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


# kill -9


# A process that forks one child after another: each works until it is killed.
KILLED = """
import os, sys
from support.until_killed import work_until_killed
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


def kill_often(tmp_path: Path, start_python: StartPython, rounds: int) -> int:
    make_lab(tmp_path / "lab.zarr")
    (tmp_path / "ingest").mkdir()
    simulate_folder(tmp_path / "ingest" / "in", 3, n_lines=40, n_pixels=8)
    ingested = tmp_path / "ingest" / "lab.zarr"
    KymDataset(ingested, mode="a", registry=builtin_registry()).ingest_folder(tmp_path / "ingest" / "in")
    server = start_python(KILLED)
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


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@needs_fork
def test_a_table_is_whole_and_mended_after_kill_9(tmp_path: Path, start_python: StartPython) -> None:
    assert kill_often(tmp_path, start_python, 20) == 20


@needs_fork
@pytest.mark.long
def test_a_table_is_whole_and_mended_after_many_a_kill_9(tmp_path: Path, start_python: StartPython) -> None:
    assert kill_often(tmp_path, start_python, 200) == 200
