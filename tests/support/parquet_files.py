"""Parquet files read together, good and bent ones, and the comparison with reading one by one."""

from __future__ import annotations

import io
import random
import sys
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kymflow_zarr.formats import bulk, frames
from kymflow_zarr.formats.stored_index import restore_index


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
            expected = restore_index(frames.parquet_to_arrow(blob)).replace_schema_metadata(None)
        except frames.UnreadableParquet:
            assert place not in found
            continue
        assert found[place].schema.equals(expected.schema)
        assert found[place].equals(expected) or repr(found[place].to_pydict()) == repr(expected.to_pydict())
    return found


def bend(data: bytes, chance: random.Random) -> bytes:
    """Change, cut out and put in some bytes."""
    bent = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5, 20])):
        how = chance.randrange(5)
        place = chance.randrange(len(bent)) if bent else 0
        if how < 2 and bent:
            bent[place] ^= 1 << chance.randrange(8)
        elif how == 2 and bent:
            bent[place] = chance.choice([0, 127, 128, 255, chance.randrange(256)])
        elif how == 3:
            del bent[place : place + chance.choice([1, 4, 30, 10_000])]
        else:
            bent[place:place] = chance.randbytes(chance.choice([1, 4, 40]))
    return bytes(bent)


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
            blobs[place] = bend(blobs[place], chance)
        refused += 8 - len(check(blobs))
    assert refused > (end - start) / 4
