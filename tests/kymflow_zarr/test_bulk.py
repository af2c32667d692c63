from __future__ import annotations

import io
import multiprocessing
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow_zarr import bulk, frames

HERE = str(Path(__file__).parent)


def parquet(table: pa.Table | dict[str, Any], **how: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), sink, **how)
    return sink.getvalue()


def check(blobs: list[bytes]) -> dict[int, pa.Table]:
    """Read together, compare with reading one by one, and return which file gave what."""
    found = {}
    for table, places, counts in bulk.read_alike(blobs):
        assert places == sorted(places)
        assert table.num_rows == sum(counts)
        begin = 0
        for place, count in zip(places, counts, strict=True):
            assert place not in found
            found[place] = table.slice(begin, count)
            begin += count
    for place, blob in enumerate(blobs):
        try:
            expected = frames.parquet_to_arrow(blob).replace_schema_metadata(None)
        except frames.UnreadableParquet:
            assert place not in found
            continue
        assert found[place].schema.equals(expected.schema)
        assert found[place].equals(expected) or repr(found[place].to_pydict()) == repr(expected.to_pydict())
    return found


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
    monkeypatch.setattr(frames, "read_parquet", lambda data: (reads.append(len(data)), read(data))[1])

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


def bent(data: bytes, chance: random.Random) -> bytes:
    bytes_ = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5, 20])):
        at = chance.randrange(len(bytes_))
        how = chance.randrange(5)
        if how < 2:
            bytes_[at] ^= 1 << chance.randrange(8)
        elif how == 2:
            bytes_[at] = chance.choice([0, 127, 128, 255])
        elif how == 3:
            del bytes_[at : at + chance.randrange(1, 30)]
        else:
            bytes_[at:at] = chance.randbytes(chance.randrange(1, 10))
    return bytes(bytes_)


def sample(number: int) -> bytes:
    chance = random.Random(number)
    n = chance.choice([1, 20, 300])
    rows = pd.DataFrame(
        {
            "n": range(n),
            "k": [chance.choice([None, 0.5, chance.random()]) for _ in range(n)],
            "word": [chance.choice(["é", "xx", ""]) for _ in range(n)],
            "ok": [chance.random() < 0.5 for _ in range(n)],
        }
    )
    return frames.frame_to_parquet(rows, compression=chance.choice(["none", "zstd", "snappy", "gzip"]))


# Runs in a process of its own, so that a crash of a reader is seen as one; its memory is limited.
BENT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_bulk import read_bent
read_bent(int(sys.argv[2]), int(sys.argv[3]))
print("done")
"""


def read_bent(start: int, end: int) -> None:
    """Read bent files, a few among good ones; the good ones must not notice."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
    refused = 0
    for begin in range(start, end, 5):
        print(begin, flush=True)
        chance = random.Random(begin)
        blobs = [sample(begin + n) for n in range(8)]
        for place in chance.sample(range(8), 5):
            blobs[place] = bent(blobs[place], chance)
        refused += 8 - len(check(blobs))
    assert refused > (end - start) / 4


def run_bent(start_python: Callable[..., subprocess.Popen[str]], start: int, end: int) -> None:
    process = start_python(BENT, HERE, start, end)
    out, problems = process.communicate(timeout=300 + 0.2 * (end - start))
    lines = out.splitlines() or ["nothing"]
    assert lines[-1] == "done", f"{lines[-1]}\n{problems[-3000:]}"


def test_bent_files_among_good_ones_are_left_out(start_python: Callable[..., subprocess.Popen[str]]) -> None:
    run_bent(start_python, 0, 200)


@pytest.mark.long
def test_many_bent_files_among_good_ones_are_left_out(
    start_python: Callable[..., subprocess.Popen[str]],
) -> None:
    run_bent(start_python, 1000, 21_000)
