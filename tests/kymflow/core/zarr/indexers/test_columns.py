from __future__ import annotations

import decimal
import random

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


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
        pa.null(),
    ],
    ids=str,
)
def test_every_kind_of_text_is_text(kind: pa.DataType) -> None:
    values = [None, None] if kind == pa.null() else ["a", None]
    found = Column("x", "str").cast(chunked(values, kind))

    assert (found.type, found.to_pylist()) == (pa.string(), values)


def test_decimals_become_the_nearest_floats() -> None:
    # Of one in thirty of these, Arrow's own cast gives another float.
    chance = random.Random(1)
    values = [decimal.Decimal(chance.randrange(10**15)).scaleb(-chance.randrange(15)) for _ in range(500)]
    found = Column("x").cast(chunked([*values, None], pa.decimal128(38, 15)))

    assert found.to_pylist() == [*(float(value) for value in values), None]
    assert Column("n", "int").cast(chunked([decimal.Decimal(7)], pa.decimal128(5, 2))).to_pylist() == [7]


@pytest.mark.parametrize(
    ("declared", "value", "kind"),
    [
        ("float", decimal.Decimal(2**53 + 1), pa.decimal128(20, 0)),
        ("float", decimal.Decimal(10) ** 40, pa.decimal256(50, 2)),
        ("int", decimal.Decimal("1.5"), pa.decimal128(5, 1)),
        ("int", 2**63, pa.uint64()),
        ("float", 2**53 + 1, pa.uint64()),
        ("str", b"a", pa.binary()),
        ("bool", decimal.Decimal(1), pa.decimal128(5, 0)),
    ],
    ids=str,
)
def test_decimals_and_large_numbers_that_would_change_are_refused(
    declared: str, value: object, kind: pa.DataType
) -> None:
    with pytest.raises(
        ColumnError, match=f"column 'x' is declared {declared}, got {kind!s}".partition("(")[0]
    ):
        Column("x", declared).cast(chunked([value], kind))


def test_uint64_within_the_range_of_int64_is_an_integer() -> None:
    assert Column("x", "int").cast(chunked([2**63 - 1], pa.uint64())).to_pylist() == [2**63 - 1]
