"""Many processes at one table: nothing is lost, nothing regresses, no reader meets an error."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from kymflow.testing import simulate_folder
from support.processes import StartPython, start_together
from support.refreshing import TABLE, CellsIndexer, assert_like_rebuild, assert_whole, cells, open_dataset
from support.simple_indexers import add_image

# Everybody starts once all are ready.
BEGIN = """
import sys
from support.refreshing import TABLE, CellsIndexer, assert_whole, cells, open_dataset
from kymflow_zarr.errors import RecordNotFoundError
path = sys.argv[1]
kd = open_dataset(path)
print("ready", flush=True)
sys.stdin.readline()

import itertools, threading
asked_to_stop = threading.Event()
threading.Thread(target=lambda: sys.stdin.readline() and asked_to_stop.set(), daemon=True).start()

def rounds(most):
    # So many, or until it is asked to stop; one at least.
    for n in itertools.count(1):
        yield n
        if n == most or asked_to_stop.is_set():
            return
"""

WRITER = (
    BEGIN
    + """
me, edits = int(sys.argv[2]), int(sys.argv[3])
for n in rounds(edits):
    # Every third edit is of an image that all writers edit.
    image_id = "shared" if n % 3 == 0 else f"own-{me}-{n % 2}"
    kd.ds.record(image_id).save_df_parquet(TABLE, cells(1000 * me + n))
    table = kd.update_image(CellsIndexer(), image_id)
    assert_whole(table)
    if image_id != "shared":
        assert table.loc[table["image_id"] == image_id, "n"].tolist() == [1000 * me + n] * 3, table
print("done")
"""
)

DELETER = (
    BEGIN
    + """
from contextlib import suppress
from support.simple_indexers import add_image
for round in rounds(int(sys.argv[2])):
    for number in range(3):
        image_id = f"doomed-{number}"
        kd.ds.delete_image(image_id)
        # Another writer's commit may have dropped its rows already.
        with suppress(RecordNotFoundError):
            kd.update_image(CellsIndexer(), image_id)
        assert image_id not in set(kd.ds.load_table(TABLE)["image_id"])
        add_image(kd, image_id).save_df_parquet(TABLE, cells(round))
        kd.refresh(CellsIndexer())
    kd.ds.delete_image("doomed-0")
    kd.refresh(CellsIndexer())
    add_image(kd, "doomed-0").save_df_parquet(TABLE, cells(round))
print("done")
"""
)

READER = (
    BEGIN
    + """
kd = open_dataset(path, "r")
highest = {}
for looks in rounds(0):
    table = kd.get_table(TABLE) if looks % 2 else kd.ds.load_table(TABLE)
    assert_whole(table)
    for image_id, n in table.groupby("image_id")["n"].first().items():
        if image_id.startswith("own-"):
            assert n >= highest.get(image_id, 0), (image_id, n, highest)
            highest[image_id] = n
    if looks % 5 == 0:
        kd.plan(CellsIndexer())
        kd.status()
print("done")
"""
)

# Its images come with cells; those of the folder are edited, and so come again.
INGESTER = (
    BEGIN
    + """
import pathlib
folder = pathlib.Path(sys.argv[3])
for n in rounds(int(sys.argv[2])):
    source = sorted(folder.rglob("*.tif"))[n % 2]
    with open(source, "ab") as file:
        file.write(b"\\0")
    report = kd.ingest_folder(folder)
    assert (report.failed, report.conflicts) == ({}, []), report
    for image_id in report.new:
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(n))
    kd.refresh(CellsIndexer())
print("done")
"""
)

REPAIRER = (
    BEGIN
    + """
kd.registry.register(CellsIndexer())
for n in rounds(0):
    report = kd.check(repair=True)
    # A deleter or an ingester that stands still all the while leaves what a crash would, of the images
    # that it deletes or makes; nothing else is damage.
    others = [one for one in report.problems if one.image_id.startswith(("own-", "shared"))]
    assert others == [] and {one.kind for one in report.problems} <= {"half record"}, report.problems
print("done")
"""
)

# How long the long one lasts.
STORM_S = float(os.environ.get("KYMFLOW_STORM_S", "600"))


def stop(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        # Of one that has died before, its own words tell: assert_done shows them.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write("stop\n")
            process.stdin.flush()


def assert_done(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        out, problems = process.communicate(timeout=900)
        assert out == "done\n", problems[-3000:]


def write_together(
    tmp_path: Path, start: StartPython, writers: int, edits: int, rounds: int, lasting_s: float = 0
) -> None:
    path = tmp_path / "lab.zarr"
    kd = open_dataset(path)
    ids = [f"own-{me}-{number}" for me in range(writers) for number in range(2)]
    for image_id in [*ids, "shared", "doomed-0", "doomed-1", "doomed-2"]:
        add_image(kd, image_id).save_df_parquet(TABLE, cells(0))
    kd.rebuild(CellsIndexer())
    simulate_folder(tmp_path / "in", 3, n_lines=40, n_pixels=8)

    others = [start(READER, path), start(READER, path), start(REPAIRER, path)]
    workers = [start(WRITER, path, me, edits) for me in range(1, writers)]
    workers += [start(WRITER, path, 0, edits), start(DELETER, path, rounds)]
    workers += [start(INGESTER, path, rounds, tmp_path / "in")]
    start_together(*others, *workers)
    if lasting_s:
        # Nobody ends before they are told to.
        with pytest.raises(subprocess.TimeoutExpired):
            workers[0].wait(lasting_s)
        stop(workers)
    assert_done(workers)
    stop(others)
    assert_done(others)

    # Who updated an image said so: nothing but the deleter's last images is open.
    open_ids = set(kd.plan(CellsIndexer()).stale)
    assert open_ids <= {"doomed-0"}, open_ids
    table = kd.get_table(TABLE)
    assert_whole(table)
    for image_id in ids:
        stored = kd.ds.record(image_id).load_df_parquet(TABLE)["n"].tolist()
        assert table.loc[table["image_id"] == image_id, "n"].tolist() == stored
    kd.refresh(CellsIndexer())
    assert kd.plan(CellsIndexer()).is_empty
    assert_like_rebuild(kd, CellsIndexer())


def test_three_writers_a_deleter_an_ingester_a_repairer_and_two_readers(
    tmp_path: Path, start_python: StartPython
) -> None:
    write_together(tmp_path, start_python, writers=3, edits=15, rounds=2)


@pytest.mark.long
def test_eight_writers_and_all_the_others_for_minutes(tmp_path: Path, start_python: StartPython) -> None:
    write_together(tmp_path, start_python, writers=8, edits=0, rounds=0, lasting_s=STORM_S)
