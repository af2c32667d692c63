"""Columns take few bytes, and nothing of their values is lost."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kymflow_view.tables import columns
from kymflow_view.tables.columns import Coded, Numbers, Plain
from support.view_tables import column_of

DAY = datetime.date(2024, 5, 1)
NOON = datetime.datetime(2024, 5, 1, 12)
OF_EVERY_KIND: list[tuple[pa.DataType, list[Any], str]] = [
    (pa.int8(), [1, None, -128], "integer"),
    (pa.int64(), [2**63 - 1, None, -(2**63)], "integer"),
    (pa.uint64(), [2**64 - 1, None, 0], "integer"),
    (pa.float16(), [0.5, None, float("inf")], "number"),
    (pa.float32(), [0.5, None, -1.5], "number"),
    (pa.float64(), [0.1, None, 1e300], "number"),
    (pa.decimal128(10, 2), [Decimal("1.50"), None, Decimal("-2.25")], "number"),
    (pa.string(), ["a", None, "ü"], "text"),
    (pa.large_string(), ["a", None, ""], "text"),
    (pa.string_view(), ["a", None, "b"], "text"),
    (pa.bool_(), [True, None, False], "boolean"),
    (pa.date32(), [DAY, None, DAY], "time"),
    (pa.date64(), [DAY, None, DAY], "time"),
    (pa.timestamp("s"), [NOON, None, NOON], "time"),
    (pa.timestamp("us", "Europe/Berlin"), [NOON.replace(tzinfo=datetime.UTC), None, None], "time"),
    (pa.time32("s"), [datetime.time(10, 30), None, datetime.time(0)], "other"),
    (pa.duration("ms"), [datetime.timedelta(seconds=1.5), None, datetime.timedelta(0)], "other"),
    (pa.null(), [None, None, None], "other"),
    (pa.binary(), [b"a", None, b""], "other"),
    (pa.list_(pa.float64()), [[1.5, None], None, []], "other"),
    (pa.struct({"a": pa.int64()}), [{"a": 1}, None, {"a": None}], "other"),
]


@pytest.mark.parametrize(("kind", "values", "name"), OF_EVERY_KIND, ids=str)
def test_values_of_every_kind_come_back_in_the_type_of_the_file(
    kind: pa.DataType, values: list[Any], name: str
) -> None:
    column = column_of(pa.chunked_array([pa.array(values[:2], kind), pa.array(values[2:], kind)]))
    places = np.array([2, -1, 0, 1], np.int32)

    found = column.arrow(places)
    assert found.type == kind
    expected = pa.array([values[2], None, values[0], None], kind)
    assert found.to_pylist() == expected.to_pylist()
    assert column.values.missing.tolist() == [value is None for value in values]
    assert column.kind == name
    assert column.values.nbytes >= 0
    empty = column_of(pa.chunked_array([], kind))
    assert empty.arrow(np.empty(0, np.int32)).type == kind
    assert len(empty.values) == 0


def test_categories_are_their_values_whatever_these_are() -> None:
    texts = pa.chunked_array([pa.array(["a", None]).dictionary_encode(), pa.array(["b"]).dictionary_encode()])
    column = column_of(texts)
    assert isinstance(column.values, Coded)
    assert column.arrow(np.array([2, 1, 0], np.int32)).to_pylist() == ["b", None, "a"]
    with_null = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array([None, "x"]))
    assert column_of(with_null).values.missing.tolist() == [True, False, True]

    numbers = column_of(pa.array([10, 2, None]).dictionary_encode())
    assert numbers.kind == "integer"
    assert numbers.arrow(np.array([1, 2], np.int32)).to_pylist() == [2, None]


def test_integers_and_codes_are_as_narrow_as_their_values() -> None:
    small = column_of(pa.array([-1, 100, None] * 1000, pa.int64())).values
    assert isinstance(small, Numbers)
    assert small.values.dtype == np.int8
    texts = column_of(pa.array(["a", "b"] * 1000)).values
    assert isinstance(texts, Coded)
    assert texts.codes.dtype == np.int8
    many = column_of(pa.array([str(number) for number in range(200)])).values
    assert isinstance(many, Coded)
    assert many.codes.dtype == np.int16


def test_very_many_different_texts_have_no_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MAX_DISTINCT", 100)
    monkeypatch.setattr(columns, "_SAMPLE", 50)
    different = column_of(pa.array([f"id_{number}" for number in range(200)] + [None]))
    repeated = column_of(pa.array(["a", "b"] * 100))

    assert isinstance(different.values, Plain)
    assert isinstance(repeated.values, Coded)
    assert different.arrow(np.array([2, -1], np.int32)).to_pylist() == ["id_2", None]
    assert different.arrow(np.array([2], np.int32)).type == pa.string()
    keys = different.values.keys
    assert keys is not None
    assert keys[[2, 10, 100]].argsort().tolist() == [0, 1, 2]


@pytest.mark.parametrize("n_missing", [0, 3, 1200])
@pytest.mark.parametrize("value", [1.5, 1, "a", True, b"x"])
def test_a_column_is_empty_only_where_no_row_has_a_value(n_missing: int, value: Any) -> None:
    kind = pa.scalar(value).type
    assert column_of(pa.array([None] * n_missing, kind)).is_empty
    assert not column_of(pa.array([*[None] * n_missing, value], kind)).is_empty
