"""What a Parquet file tells pandas and Arrow of itself, bent: the rows are read, or it is one error."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow_zarr import TableError, ZarrDataset
from kymflow_zarr.formats import frames

Metadata = dict[str, Any]
PLAIN = pa.Table.from_pandas(
    pd.DataFrame({"n": [1, 2], "word": ["é", "x"]}, index=pd.Index([5, 6], name="i"))
)


def _set(name: str, value: object) -> Callable[[Metadata], Metadata]:
    return lambda metadata: {**metadata, name: value}


def _column(**values: object) -> Callable[[Metadata], Metadata]:
    return lambda metadata: {
        **metadata,
        "columns": [{**metadata["columns"][0], **values}, *metadata["columns"][1:]],
    }


BENT: dict[str, Callable[[Metadata], Any]] = {
    "a text for a column": lambda one: {**one, "columns": ["x", *one["columns"][1:]]},
    "a number for columns": _set("columns", 5),
    "nothing for columns": _set("columns", None),
    "objects without names": _set("columns", [{}]),
    "a text for index columns": _set("index_columns", "i"),
    "a number for index columns": _set("index_columns", [7]),
    "an index of no kind": _set("index_columns", [{"kind": "nonsense"}]),
    "a range of texts": _set("index_columns", [{"kind": "range", "start": "a", "stop": "b", "step": "c"}]),
    "a range of no steps": _set("index_columns", [{"kind": "range", "start": 0, "stop": 2, "step": 0}]),
    "column indexes of numbers": _set("column_indexes", [1, 2]),
    "a type that is none": _column(numpy_type="nonsense", pandas_type="nonsense"),
    "a type that is a list": _column(numpy_type=[1], pandas_type={"a": 1}),
    "a category of texts": _column(pandas_type="categorical", metadata="x"),
    "a name that is a number": _column(name=5, field_name=None),
    "a list": lambda one: [one],
    "a text": lambda one: "pandas",
    "a number": lambda one: 1e999,
    "nothing": lambda one: None,
}
RAW = {
    "no JSON": b"{nonsense",
    "no UTF-8": b"\xff\xfe{}",
    "empty": b"",
    "nested": b"[" * 100_000,
    "long": b'{"columns": "' + b"x" * 10**7 + b'"}',
}


def _written(metadata: dict[bytes, bytes]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(PLAIN.replace_schema_metadata(metadata), sink)
    return sink.getvalue()


def _bent(kind: str) -> bytes:
    if kind in RAW:
        return _written({b"pandas": RAW[kind]})
    metadata = json.loads(PLAIN.schema.metadata[b"pandas"])
    return _written({b"pandas": json.dumps(BENT[kind](metadata)).encode()})


@pytest.mark.parametrize("kind", [*BENT, *RAW])
def test_bent_metadata_of_pandas_are_one_error_or_none(kind: str) -> None:
    data = _bent(kind)
    assert frames.parquet_to_arrow(data, limited=True)["n"].to_pylist() == [1, 2]
    try:
        frame = frames.parquet_to_frame(data)
    except frames.UnreadableParquet as error:
        assert "pandas" in str(error)  # noqa: PT017
    else:
        assert [1, 2] in [frame[name].tolist() for name in frame.columns]


def test_most_of_them_are_told_of() -> None:
    said = []
    for kind in [*BENT, *RAW]:
        try:
            frames.parquet_to_frame(_bent(kind))
        except frames.UnreadableParquet as error:
            said.append(str(error))
    assert len(said) > len(BENT) / 2


@pytest.mark.parametrize("kind", [*BENT, *RAW])
def test_a_table_of_bent_metadata_is_one_error_or_none(kind: str) -> None:
    dataset = ZarrDataset("memory://bent-metadata")
    dataset.store.put("tables/lab.parquet", _bent(kind))
    try:
        rows = len(dataset.load_table("lab"))
    except TableError as error:
        assert "table 'lab' of memory://bent-metadata cannot be read" in str(error)  # noqa: PT017
    else:
        assert rows == 2


@pytest.mark.parametrize(
    "raw", [b"", b"AAAA", b"\xff", base64.b64encode(b"\0" * 64), base64.b64encode(b"\xff" * 64), b"A" * 10**6]
)
def test_a_bent_schema_of_arrow_is_one_error_or_none(raw: bytes) -> None:
    data = _written({b"ARROW:schema": raw})
    try:
        frame = frames.parquet_to_frame(data)
    except frames.UnreadableParquet as error:
        assert str(error)  # noqa: PT017
    else:
        assert frame["n"].tolist() == [1, 2]
