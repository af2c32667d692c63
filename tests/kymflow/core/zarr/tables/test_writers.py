"""Many processes at one table: nothing is lost, nothing regresses, no reader meets an error."""

from __future__ import annotations

from pathlib import Path

import pytest

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
"""

WRITER = (
    BEGIN
    + """
me, edits = int(sys.argv[2]), int(sys.argv[3])
for n in range(1, edits + 1):
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
for round in range(int(sys.argv[2])):
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
import threading
asked_to_stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), asked_to_stop.set()), daemon=True).start()
kd = open_dataset(path, "r")
highest, looks = {}, 0
while looks == 0 or not asked_to_stop.is_set():
    table = kd.get_table(TABLE) if looks % 2 else kd.ds.load_table(TABLE)
    assert_whole(table)
    for image_id, n in table.groupby("image_id")["n"].first().items():
        if image_id.startswith("own-"):
            assert n >= highest.get(image_id, 0), (image_id, n, highest)
            highest[image_id] = n
    if looks % 5 == 0:
        kd.plan(CellsIndexer())
        kd.status()
    looks += 1
print("done")
"""
)


def write_together(tmp_path: Path, start: StartPython, writers: int, edits: int, rounds: int) -> None:
    path = tmp_path / "lab.zarr"
    kd = open_dataset(path)
    ids = [f"own-{me}-{number}" for me in range(writers) for number in range(2)]
    for image_id in [*ids, "shared", "doomed-0", "doomed-1", "doomed-2"]:
        add_image(kd, image_id).save_df_parquet(TABLE, cells(0))
    kd.rebuild(CellsIndexer())

    readers = [start(READER, path) for _ in range(2)]
    workers = [start(WRITER, path, me, edits) for me in range(1, writers)]
    workers += [start(WRITER, path, 0, edits), start(DELETER, path, rounds)]
    start_together(*readers, *workers)
    for process in workers:
        out, problems = process.communicate(timeout=600)
        assert out == "done\n", problems[-3000:]
    for process in readers:
        out, problems = process.communicate("\n", timeout=300)
        assert out == "done\n", problems[-3000:]

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


def test_three_writers_a_deleter_and_two_readers(tmp_path: Path, start_python: StartPython) -> None:
    write_together(tmp_path, start_python, writers=3, edits=15, rounds=2)


@pytest.mark.long
def test_eight_writers_a_deleter_and_two_readers(tmp_path: Path, start_python: StartPython) -> None:
    write_together(tmp_path, start_python, writers=8, edits=50, rounds=10)
