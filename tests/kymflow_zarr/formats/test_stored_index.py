"""An index that pandas stored is a column for rows of tables as for DataFrames."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

from kymflow_zarr.formats import bulk, frames
from kymflow_zarr.formats.stored_index import restore_index

FRAME = pd.DataFrame({"x": [0.5, 0.6], "kind": ["a", "b"]})
TWO = [(1, "a"), (2, "b")]
INDEXES: dict[str, Any] = {
    "row numbers": pd.RangeIndex(2),
    "other row numbers": pd.RangeIndex(5, 9, 2),
    "filtered": pd.Index([3, 7]),
    "range of a name": pd.RangeIndex(1, 3, name="roi_id"),
    "downwards": pd.RangeIndex(10, 0, -5, name="roi_id"),
    "numbers of a name": pd.Index([4, 2], name="roi_id"),
    "text of a name": pd.Index(["e1", "e2"], name="event_id"),
    "text without a name": pd.Index(["e1", "e2"]),
    "times without a name": pd.DatetimeIndex(["2024-01-01", "2024-01-02"]),
    "of two levels": pd.MultiIndex.from_tuples(TWO, names=["roi_id", "event_id"]),
    "of two levels, one without a name": pd.MultiIndex.from_tuples(TWO, names=["roi_id", None]),
    "of two levels without names": pd.MultiIndex.from_tuples(TWO),
    "of the name of a column": pd.RangeIndex(1, 3, name="x"),
    "of two levels, one of the name of a column": pd.MultiIndex.from_tuples(TWO, names=["x", "event_id"]),
    "categories": pd.CategoricalIndex(["u", "v"], name="group"),
}


def stored(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


@pytest.mark.parametrize("name", INDEXES)
def test_rows_and_frames_have_the_index_as_pandas_gives_it(name: str) -> None:
    index = INDEXES[name]
    data = stored(FRAME.set_index(index))

    rows = restore_index(frames.read_parquet(data))
    frame = frames.parquet_to_frame(data)
    ((together, _, _),) = bulk.read_alike([data])

    if "row numbers" in name or name == "filtered" or name.startswith("of the name"):
        expected = FRAME
    elif "one of the name of a column" in name:
        expected = FRAME.set_index(index.droplevel(0)).reset_index()
    else:
        expected = FRAME.set_index(index).reset_index()
    assert_frame_equal(frame, expected)
    assert rows.column_names == list(expected.columns)
    for column in expected.columns:
        assert rows[column].to_pylist() == expected[column].tolist()
    assert together.equals(rows.replace_schema_metadata(None))


def test_a_file_without_an_index_is_left_alone() -> None:
    for data in (
        stored(FRAME),
        frames.frame_to_parquet(FRAME),
        frames.arrow_to_parquet(pa.table({"a": [1]})),
    ):
        table = frames.read_parquet(data)
        assert restore_index(table) is table


@pytest.mark.parametrize(
    "told",
    [
        {"index_columns": "roi_id"},
        {"index_columns": [{"kind": "range", "name": "roi_id", "start": 1, "stop": 10**15, "step": 1}]},
        {"index_columns": [{"kind": "range", "name": "roi_id", "start": 1, "stop": 10**30, "step": 1}]},
        {"index_columns": [{"kind": "range", "name": "roi_id", "start": "1", "stop": 3, "step": 1}]},
        {"index_columns": [{"kind": "range", "name": "roi_id", "start": 1, "stop": 3, "step": 0}]},
        {"index_columns": [{"kind": "range", "name": ["roi_id"], "start": 1, "stop": 3, "step": 1}]},
        {"index_columns": [{"kind": "range", "name": "roi_id"}]},
        {"index_columns": [{"kind": "other"}]},
        {"index_columns": ["absent"]},
        {"index_columns": [7]},
        {"index_columns": None},
        ["index_columns"],
        "index",
    ],
    ids=str,
)
def test_metadata_that_are_bent_or_fit_no_more_say_nothing(told: object) -> None:
    table = pa.Table.from_pandas(FRAME).replace_schema_metadata({"pandas": json.dumps(told)})

    assert restore_index(table) is table


def test_columns_of_one_name_are_left_alone() -> None:
    metadata = {"pandas": json.dumps({"index_columns": ["a"], "columns": []})}
    table = pa.table([[1], [2]], names=["a", "a"]).replace_schema_metadata(metadata)

    assert restore_index(table) is table
