from __future__ import annotations

import pyarrow as pa
import pytest

from kymflow import Column
from kymflow.core.zarr.indexers.columns import check_columns
from kymflow_zarr import ColumnError, InvalidNameError


def chunked(values: list[object], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("declared", "arrow"),
    [
        ("str", pa.string()),
        ("int", pa.int64()),
        ("float", pa.float64()),
        ("bool", pa.bool_()),
        ("datetime", pa.timestamp("us")),
    ],
)
def test_each_type_has_its_arrow_type(declared: str, arrow: pa.DataType) -> None:
    assert Column("x", declared).arrow_type == arrow


def test_unit_and_description_travel_as_field_metadata() -> None:
    field = Column("v", "float", "mm/s", "Mean velocity").arrow_field

    assert field.metadata == {b"unit": b"mm/s", b"description": b"Mean velocity"}
    assert Column("v").arrow_field.metadata is None


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(InvalidNameError, match="column 'x': type must be one of str, int.*got 'double'"):
        Column("x", "double")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_column_needs_a_name(name: object) -> None:
    with pytest.raises(InvalidNameError, match="a column needs a name"):
        Column(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("float", [1, 2]),
        ("int", [1.0, 2.0]),
        ("str", ["a", None]),
        ("bool", [None, None]),
        ("datetime", [None]),
    ],
)
def test_values_of_the_same_kind_are_brought_to_the_type(declared: str, values: list[object]) -> None:
    cast = Column("x", declared).cast(chunked(values))

    assert cast.type == Column("x", declared).arrow_type
    assert cast.to_pylist() == values


@pytest.mark.parametrize(
    ("declared", "values", "got"),
    [
        ("int", [1.5], "double"),
        ("float", [2**53 + 1], "int64"),
        ("str", [1], "int64"),
        ("float", ["1.5"], "string"),
        ("bool", [1], "int64"),
        ("int", [True], "bool"),
        ("datetime", ["2024-01-01"], "string"),
    ],
)
def test_values_that_would_change_or_are_of_another_kind_are_refused(
    declared: str, values: list[object], got: str
) -> None:
    with pytest.raises(ColumnError, match=f"column 'x' is declared {declared}, got {got}"):
        Column("x", declared).cast(chunked(values))


def test_text_as_pandas_categories_is_text() -> None:
    categories = chunked(["stall", "drop", "stall"]).dictionary_encode()

    assert Column("kind", "str").cast(categories).to_pylist() == ["stall", "drop", "stall"]


def test_times_with_a_zone_are_not_silently_made_local() -> None:
    values = chunked([0], pa.timestamp("us", "UTC"))

    with pytest.raises(ColumnError, match="column 'x' is declared datetime, got timestamp.*UTC"):
        Column("x", "datetime").cast(values)


def test_a_column_declared_twice_is_refused() -> None:
    with pytest.raises(ColumnError, match="column 'x' is declared twice"):
        check_columns([Column("x"), Column("y"), Column("x", "int")])


@pytest.mark.parametrize("columns", [["x"], 5, {"x": "float"}])
def test_something_else_than_columns_is_refused(columns: object) -> None:
    with pytest.raises(ColumnError, match="columns must be a sequence of Column"):
        check_columns(columns)
