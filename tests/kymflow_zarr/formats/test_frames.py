from __future__ import annotations

import datetime as dt
import io
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from kymflow_zarr import ColumnError
from kymflow_zarr.formats.frames import (
    UnreadableParquet,
    arrow_to_frame,
    frame_to_arrow,
    frame_to_parquet,
    parquet_to_arrow,
    parquet_to_frame,
    table_to_frame,
)

# Round trips

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))


def column(values: st.SearchStrategy, dtype: object, length: int) -> st.SearchStrategy[pd.Series]:
    return st.lists(values, min_size=length, max_size=length).map(lambda items: pd.Series(items, dtype=dtype))


def columns(length: int) -> st.SearchStrategy[pd.Series]:
    return st.one_of(
        column(INT64, "int64", length),
        column(st.integers(0, 255), "uint8", length),
        column(st.floats(allow_nan=True), "float64", length),
        column(st.floats(width=32), "float32", length),
        column(st.booleans(), "bool", length),
        column(st.none() | st.booleans(), "boolean", length),
        column(st.none() | st.booleans(), object, length),
        column(st.none() | INT64, "Int64", length),
        column(st.none() | st.integers(-(2**53), 2**53), object, length),
        column(st.none() | TEXT, object, length),
        column(st.none() | TEXT, "str", length),
        column(st.none() | TEXT, "string", length),
        column(st.none() | MOMENTS, "datetime64[ns]", length),
        column(MOMENTS, "datetime64[us, UTC]", length),
        column(st.integers(-(10**12), 10**12), "timedelta64[ns]", length),
        column(st.none() | st.sampled_from(["rise", "drop"]), "category", length),
        column(st.just(float("nan")), "float64", length),
        column(st.none(), object, length),
        column(st.none(), "Int64", length),
        column(st.binary(max_size=3), object, length),
    )


@st.composite
def data_frames(draw: st.DrawFn) -> pd.DataFrame:
    length = draw(st.integers(0, 5))
    names = draw(st.lists(st.text("abä /'.", min_size=1, max_size=4), unique=True, max_size=5))
    frame = pd.DataFrame({name: draw(columns(length)) for name in names}, index=range(length))
    return frame.set_index(pd.Index(draw(st.permutations(range(length))))) if draw(st.booleans()) else frame


@given(st.integers(0, 4).flatmap(lambda n: st.lists(columns(n), min_size=1, max_size=3)))
@settings(max_examples=200)
def test_arrow_without_words_for_pandas_has_the_same_columns(found: list[pd.Series]) -> None:
    df = pd.DataFrame({f"c{place}": values for place, values in enumerate(found)})
    try:
        expected = frame_to_arrow(df)
    except ColumnError as error:
        with pytest.raises(ColumnError, match=re.escape(str(error))):
            frame_to_arrow(df, pandas_metadata=False)
        return
    bare = frame_to_arrow(df, pandas_metadata=False)
    assert bare.schema.metadata is None
    assert bare.schema == expected.schema
    assert repr(bare.to_pylist()) == repr(expected.to_pylist())


@given(df=data_frames())
@settings(max_examples=60, database=None)
def test_round_trip_is_that_of_pandas(df: pd.DataFrame) -> None:
    data = frame_to_parquet(df)
    back = parquet_to_frame(data)
    ours = pd.read_parquet(io.BytesIO(data))
    theirs = pd.read_parquet(io.BytesIO(df.to_parquet(index=False)))
    assert_frame_equal(back, ours, check_column_type=True)
    if len(df.columns):
        assert_frame_equal(back, theirs)
    assert list(back.columns) == list(df.columns)


@given(df=data_frames())
@settings(max_examples=25, database=None)
def test_equal_frames_give_equal_bytes_and_a_second_trip_changes_nothing(df: pd.DataFrame) -> None:
    data = frame_to_parquet(df)
    assert frame_to_parquet(df) == data
    back = parquet_to_frame(data)
    assert_frame_equal(parquet_to_frame(frame_to_parquet(back)), back)


def test_usual_types_come_back_as_they_were() -> None:
    df = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, float("nan")],
            "ok": [True, False],
            "kind": pd.Series(["rise", None], dtype="str"),
            "when": pd.to_datetime(["2025-07-22", None]),
            "treatment": pd.Categorical(["AngII", None], categories=["AngII", "saline"]),
            "count": pd.array([1, None], dtype="Int64"),
            "nothing": [float("nan")] * 2,
        }
    )
    assert_frame_equal(parquet_to_frame(frame_to_parquet(df)), df)
    # Of a frame without rows pandas itself forgets the categories.
    empty = df.drop(columns="treatment").head(0)
    assert_frame_equal(parquet_to_frame(frame_to_parquet(empty)), empty)


def test_index_is_dropped() -> None:
    df = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="row"))
    assert_frame_equal(parquet_to_frame(frame_to_parquet(df)), pd.DataFrame({"a": [1, 2]}))


def test_file_that_pandas_wrote_with_an_index_is_read_with_a_plain_one() -> None:
    data = pd.DataFrame({"a": [1, 2]}, index=pd.Index([5, 9])).to_parquet()
    assert_frame_equal(parquet_to_frame(data), pd.DataFrame({"a": [1, 2]}))


def test_columns_that_nothing_needs_to_change_for() -> None:
    big = 2**60 + 1
    for series in (
        pd.Series([big, 1]),
        pd.Series([big, None], dtype="Int64"),
        pd.Series([big, 1], dtype=object),
        pd.Series([2**63 + 1], dtype="uint64"),
    ):
        back = parquet_to_frame(frame_to_parquet(pd.DataFrame({"n": series})))
        assert int(back["n"][0]) == int(series[0])


# Refused

BIG = 2**53 + 1
REFUSED = {
    "number and text": [1, "x"],
    "text and float": ["x", 1.5],
    "text and bytes": ["x", b"y"],
    "integer and boolean": [1, True],
    "date and datetime": [dt.date(2025, 7, 22), dt.datetime(2025, 7, 22, 13, 30)],
    "objects": [object(), None],
    "dict and text": [{"a": 1}, "x"],
    "empty dicts": [{}, {}],
    "complex": [1j, 2j],
    "big integer beside None": [BIG, None],
    "big integer beside NaN": [BIG, float("nan")],
    "big integer beside float": [BIG, 0.5],
    "big negative integer beside None": [-BIG, None],
    "big integer in a list beside None": [[BIG, None], [1]],
    "huge integer": [2**70, 1],
    "text that is no UTF-8": ["\udcff", "x"],
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_parquet_cannot_hold_is_refused_by_column(case) -> None:
    df = pd.DataFrame({"good": [1, 2], "bad one": pd.Series(REFUSED[case], dtype=object)})
    with pytest.raises(ColumnError, match="column 'bad one'") as caught:
        frame_to_parquet(df)
    assert caught.value.column == "bad one"
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(np.ones(2, dtype=complex)),
        pd.Series(np.ones(2, dtype="longdouble")),
        pd.Series(pd.arrays.SparseArray([0, 1])),
        pd.Series(pd.Categorical([BIG, None])),
    ],
    ids=lambda series: str(series.dtype),
)
def test_types_that_parquet_cannot_hold_are_refused_by_column(series) -> None:
    with pytest.raises(ColumnError, match="column 'bad'"):
        frame_to_parquet(pd.DataFrame({"bad": series}))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "a"], "column 'a' stands twice"),
        ([1, "a"], "column names must be str, got int: 1"),
        ([None, "a"], "column names must be str, got"),
        ([("a", "b"), "c"], r"column names must be str, got tuple: \('a', 'b'\)"),
        (["\udcff", "a"], "column '.udcff'"),
    ],
)
def test_column_names_that_parquet_cannot_hold(names, words) -> None:
    with pytest.raises(ColumnError, match=words):
        frame_to_parquet(pd.DataFrame([[1, 2]], columns=pd.Index(names, dtype=object)))


# Damaged


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\0" * 50 + b"PAR1", b"a,b\n1,2\n", b"\x89HDF"])
def test_bytes_that_are_no_parquet(data) -> None:
    with pytest.raises(UnreadableParquet, match=r"\S"):
        parquet_to_frame(data)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4))
@settings(max_examples=100, database=None)
def test_bent_bytes_are_read_or_unreadable(bends: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for at, by in bends:
        data[at % len(data)] ^= by
    outcome = None
    try:
        outcome = parquet_to_frame(bytes(data))
    except UnreadableParquet as error:
        outcome = str(error)
    assert isinstance(outcome, pd.DataFrame) or outcome


GOOD = frame_to_parquet(
    pd.DataFrame({"n": range(20), "kind": ["rise", "drop"] * 10, "c": pd.Categorical(["u", "v"] * 10)})
)


def test_text_that_is_no_utf8_is_unreadable() -> None:
    offsets, text = pa.py_buffer(np.array([0, 1, 3], np.int32).tobytes()), pa.py_buffer(b"a\xff\xfe")
    table = pa.table({"kind": pa.Array.from_buffers(pa.string(), 2, [None, offsets, text])})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    with pytest.raises(UnreadableParquet, match=r"(?i)utf-?8"):
        parquet_to_frame(sink.getvalue())


def test_arrow_and_frame_agree() -> None:
    assert_frame_equal(arrow_to_frame(parquet_to_arrow(GOOD)), parquet_to_frame(GOOD))


# A dataset's tables


@pytest.mark.parametrize(
    ("arrow_type", "dtype"),
    [
        (pa.int64(), "Int64"),
        (pa.int8(), "Int8"),
        (pa.uint8(), "UInt8"),
        (pa.uint64(), "UInt64"),
        (pa.bool_(), "boolean"),
    ],
    ids=str,
)
def test_integers_and_bools_with_missing_values_keep_their_kind(arrow_type: pa.DataType, dtype: str) -> None:
    table = pa.table(
        {"a": pa.array([1, None, 0]).cast(arrow_type), "b": pa.array([1, 0, 1]).cast(arrow_type)}
    )
    table = table.append_column("none", pa.nulls(3, arrow_type))
    df = table_to_frame(table)
    assert df.dtypes.astype(str).tolist() == [dtype, str(arrow_type), dtype]
    assert df["a"].isna().tolist() == [False, True, False]
    assert df["a"].tolist()[0] == 1
    assert frame_to_arrow(df, pandas_metadata=False) == table


def test_integers_beyond_what_a_float_tells_apart_are_exact() -> None:
    assert table_to_frame(pa.table({"n": [2**60 + 1, None]}))["n"][0] == 2**60 + 1


def test_of_other_types_nothing_changes() -> None:
    table = pa.table(
        {
            "x": [0.5, None],
            "kind": ["rise", None],
            "when": pa.array([1, None], pa.timestamp("us")),
            "treatment": pa.array([1, None]).dictionary_encode(),
            "list": [[1, None], None],
            "nothing": pa.nulls(2),
        }
    )
    assert_frame_equal(table_to_frame(table), arrow_to_frame(table))


@given(df=data_frames())
@settings(max_examples=60, database=None)
def test_a_frame_differs_from_that_of_pandas_in_nothing_else(df: pd.DataFrame) -> None:
    table = frame_to_arrow(df)
    ours, theirs = table_to_frame(table), arrow_to_frame(table)
    kept = [
        name
        for name, values in zip(table.column_names, table.columns, strict=True)
        if not (values.null_count and (pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)))
    ]
    assert list(ours.columns) == list(theirs.columns)
    assert_frame_equal(ours[kept], theirs[kept])
    for name in set(table.column_names) - set(kept):
        assert [None if pd.isna(value) else value for value in ours[name]] == table.column(name).to_pylist()


def test_a_file_of_another_program_with_an_index_or_a_name_twice_is_read() -> None:
    df = pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}, index=pd.Index([7, 9], name="row"))
    back = table_to_frame(pa.Table.from_pandas(df))
    assert back.columns.tolist() == ["row", "n"]
    twice = pa.table([pa.array([1, None]), pa.array([1, 2])], names=["n", "n"])
    assert table_to_frame(twice).shape == (2, 2)
