from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor

import pyarrow as pa
import pytest

from kymflow_zarr.formats import bulk, frames
from support.parquet_files import check, parquet
from support.processes import StartPython, run_to_the_end


def test_files_of_one_schema_become_one_table() -> None:
    schema = pa.schema({"a": pa.int64(), "w": pa.string()})
    blobs = [parquet(pa.table([[n] * (n % 3), ["é"] * (n % 3)], schema=schema)) for n in range(20)]

    ((table, places, counts),) = bulk.read_alike(blobs)

    assert (places, counts) == (list(range(20)), [n % 3 for n in range(20)])
    assert table["a"].to_pylist() == [n for n in range(20) for _ in range(n % 3)]
    assert table["a"].num_chunks == 1
    check(blobs)


def test_files_of_other_schemas_become_other_tables() -> None:
    blobs = [
        parquet({"a": [1]}),
        parquet({"a": [1.5]}),
        parquet({"b": [1]}),
        parquet({"a": [2]}),
        parquet({"a": [1], "b": [1]}),
        parquet({"b": [1], "a": [1]}),
        parquet(pa.table({"a": [3]}).replace_schema_metadata({"x": "y"})),
        parquet(pa.table([[1]], schema=pa.schema([pa.field("a", pa.int64(), nullable=False)]))),
    ]

    assert sorted(places for _, places, _ in bulk.read_alike(blobs)) == [[0, 3, 6], [1], [2], [4], [5], [7]]
    check(blobs)


def test_nested_columns_and_names_that_stand_twice_are_not_put_together() -> None:
    blobs = [parquet({"a": [[1]]})] * 2 + [parquet(pa.table([[1], [2]], names=["a", "a"]))] * 2

    assert [places for _, places, _ in bulk.read_alike(blobs)] == [[0], [1], [2], [3]]


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("n", [31, 32, 63, 64, 65, 200])
def test_threads_change_nothing(n: int, n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pa, "cpu_count", lambda: n_threads)
    blobs = [parquet({"a": [place]}) for place in range(n)]
    blobs[n // 2] = b"damaged"

    ((table, places, _),) = bulk.read_alike(blobs)

    assert table["a"].to_pylist() == places == [place for place in range(n) if place != n // 2]
    assert not [one.name for one in threading.enumerate() if one.name.startswith("ThreadPoolExecutor")]


def test_nothing_gives_nothing() -> None:
    assert list(bulk.read_alike([])) == []


def test_damaged_files_are_left_out_and_the_others_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    no_utf8 = parquet({"w": pa.array([b"\xff"]).view(pa.string())})
    blobs = [parquet({"w": ["x"]})] * 100
    blobs[7], blobs[50], blobs[51] = b"", no_utf8, b"PAR1 no PAR1"
    reads: list[int] = []
    read = frames.read_parquet
    monkeypatch.setattr(
        frames, "read_parquet", lambda data, **how: (reads.append(len(data)), read(data, **how))[1]
    )

    tables = list(bulk.read_alike(blobs))

    assert sorted(place for _, places, _ in tables for place in places) == [
        place for place in range(100) if place not in (7, 50, 51)
    ]
    # Each was read once, and the one with bad text cut out of the middle in halves.
    assert len(reads) == 100
    assert len(tables) <= 8
    monkeypatch.undo()
    check(blobs)


def test_text_beyond_the_reach_of_one_piece_stays_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_ONE_PIECE_BYTES", 10)
    blobs = [parquet({"w": ["a long word"]})] * 3

    ((table, _, counts),) = bulk.read_alike(blobs)

    assert (table["w"].num_chunks, counts) == (3, [1, 1, 1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_reads_too() -> None:
    blobs = [parquet({"a": [n], "w": ["x"]}) for n in range(50)]
    check(blobs)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert len(pool.submit(check, blobs).result(60)) == 50


# Bent files among good ones


# Runs in a process of its own, so that a crash of a reader is seen as one; its memory is limited.
BENT = """
import sys
from support.parquet_files import read_bent
read_bent(int(sys.argv[1]), int(sys.argv[2]))
print("done")
"""


def run_bent(start_python: StartPython, start: int, end: int) -> None:
    run_to_the_end(start_python(BENT, start, end), 60 + 0.2 * (end - start))


def test_bent_files_among_good_ones_are_left_out(start_python: StartPython) -> None:
    run_bent(start_python, 0, 200)


@pytest.mark.long
def test_many_bent_files_among_good_ones_are_left_out(
    start_python: StartPython,
) -> None:
    run_bent(start_python, 1000, 21_000)
