"""Artifacts that nobody should write: odd ones, wrong ones, and bent ones by number."""

from __future__ import annotations

import json
import random
from typing import Any

import pandas as pd
import pyarrow as pa

from kymflow_zarr.formats import frames


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
