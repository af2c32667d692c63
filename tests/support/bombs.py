"""Artifacts of a few kilobytes that decode to gigabytes, and what each is refused with."""

from __future__ import annotations

import functools
import gzip
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kymflow_zarr import limits

# Tests lower the limit to this: what explodes then need not be large.
LIMIT = 2**20


def _parquet(table: pa.Table, *, times: int = 1, **options: object) -> bytes:
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, compression="zstd", write_statistics=False, **options) as file:
        for _ in range(times):
            file.write_table(table)
    return sink.getvalue()


def _text(value: str, rows: int) -> pa.Array:
    """Return a long text that stands in each of many rows, without writing it so often."""
    return pa.array([value]).dictionary_encode().take(pa.array(np.zeros(rows, np.int32)))


def _as_text(column: pa.Array) -> bytes:
    """Return a file whose dictionary is one of Parquet, and not of the column's type."""
    return _parquet(pa.table({"n": column.cast(pa.string())}))


def _footers_rows(rows: int) -> bytes:
    """Return a file of three rows whose footer claims others."""
    data = _parquet(pa.table({"n": [1, 2, 3]}))
    length = int.from_bytes(data[-8:-4], "little")
    begin = len(data) - 8 - length
    footer = data[begin:-8]
    # Two fields after the schema: the number of rows, as Thrift's compact protocol has it.
    claimed, number = b"", rows * 2
    while number:
        claimed += bytes([number & 127 | (128 if number > 127 else 0)])
        number >>= 7
    place = footer.index(b"\x16\x06\x19")
    bent = footer[: place + 1] + claimed + footer[place + 2 :]
    return data[:begin] + bent + len(bent).to_bytes(4, "little") + b"PAR1"


@functools.cache
def parquet_bombs() -> dict[str, bytes]:
    """Return Parquet files that decode to more than LIMIT, by what they are."""
    zeros = np.zeros(200_000, np.int64)
    return {
        "run lengths": _parquet(pa.table({"n": zeros})),
        "missing values": _parquet(pa.table({"n": pa.nulls(200_000, pa.int64())})),
        "bits": _parquet(pa.table({"n": pa.array(zeros[:1]).cast(pa.bool_()).take(pa.array(zeros))})),
        "one long text": _parquet(pa.table({"n": ["a" * 2_000_000]}), use_dictionary=False),
        "a long text in many rows": _as_text(_text("a" * 20_000, 1000)),
        "a long text in many categories": _parquet(pa.table({"n": _text("a" * 20_000, 1000)})),
        "a long text in many lists": _parquet(pa.table({"n": [["a" * 20_000] * 1000]})),
        "a long text in many objects": _parquet(pa.table({"n": [{"k": "a" * 20_000}] * 1000})),
        "one long list": _parquet(pa.table({"n": [np.zeros(100_000)]})),
        "missing values of a great length": _parquet(pa.table({"n": pa.nulls(10, pa.binary(1_000_000))})),
        "row groups": _parquet(pa.table({"n": zeros[:20_000]}), times=10),
        "claimed rows": _footers_rows(10**12),
    }


@functools.cache
def json_bombs() -> dict[str, bytes]:
    """Return JSON documents that are more than LIMIT, or become it, by what they are."""
    return {
        "a long number": b"0" * 2_000_000,
        "a long text": json.dumps("a" * 2_000_000).encode(),
        "empty lists": b"[" + b"[]," * 30_000 + b"[]]",
        "small numbers": b"[" + b"1," * 60_000 + b"1]",
    }


@functools.cache
def wide() -> dict[str, tuple[str, bytes]]:
    """Return artifacts of more columns than a table may have, with their suffixes, by what they are."""
    names = [f"c{place}" for place in range(limits.MAX_COLUMNS + 1)]
    row = dict.fromkeys(names, 1)
    line = ",".join(names).encode()
    return {
        "columns": (".parquet", _parquet(pa.table({name: [1] for name in names}))),
        "names of one object": (".json", json.dumps(row).encode()),
        "names of many objects": (".json", json.dumps([{name: 1} for name in names]).encode()),
        "a header": (".csv.gz", gzip.compress(line + b"\n" + b"1," * limits.MAX_COLUMNS + b"1\n")),
        "a row": (".csv.gz", gzip.compress(b"a\r" + b"1," * limits.MAX_COLUMNS + b"1\r")),
        "an endless line": (".csv.gz", gzip.compress(b"1" * 2**23)),
    }


@functools.cache
def all_bombs() -> dict[str, tuple[str, bytes]]:
    """Return artifacts that decode to more than LIMIT, with their suffixes, by what they are."""
    csv = pd.DataFrame({"n": np.zeros(200_000)}).to_csv(index=False).encode()
    return {
        **{name: (".parquet", data) for name, data in parquet_bombs().items()},
        **{f"{name} in JSON": (".json", data) for name, data in json_bombs().items()},
        **{f"{name} in gzip": (".json.gz", gzip.compress(data)) for name, data in json_bombs().items()},
        "many parts of gzip": (".json.gz", gzip.compress(b" " * 1000) * 2000),
        "CSV": (".csv.gz", gzip.compress(csv)),
    }
