"""Conditions that fit a column, and those that do not."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from kymflow import ColumnError
from kymflow_view.tables.conditions import Operator, matching
from support.view_tables import column_of

TIMES = [
    datetime.datetime(2023, 12, 31, 23, 59, 59),
    datetime.datetime(2024, 5, 1),
    datetime.datetime(2024, 5, 1, 10, 30, 0, 250_000),
    datetime.datetime(2024, 5, 2),
    None,
]
NUMBERS = pa.array([1.5, math.inf, math.nan, None, -2.0])
WHOLE = pa.array([2**53, 2**53 + 1, None, -1])


def rows(values: pa.Array, operator: Operator, value: Any = None) -> list[int]:
    return [place for place, holds in enumerate(matching(column_of(values), operator, value)) if holds]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        ("=", "2024", [1, 2, 3]),
        ("=", "2024-05", [1, 2, 3]),
        ("=", "2023-12", [0]),
        ("=", "2024-05-01", [1, 2]),
        ("!=", "2024-05-01", [0, 3]),
        ("<", "2024-05-01", [0]),
        ("<=", "2024-05-01", [0, 1, 2]),
        (">", "2024-05-01", [3]),
        (">=", " 2024-05-01 ", [1, 2, 3]),
        ("=", "2024-05-01T10:30:00.250", [2]),
        (">", "2024-05-01 10:30:00.2499999", [2, 3]),
        ("<", "2024-05-01T10:30:00.250000001", [0, 1, 2]),
    ],
)
def test_times_are_compared_with_moments_days_months_and_years(
    unit: str, zone: str | None, operator: Operator, value: str, found: list[int]
) -> None:
    times = pa.array(TIMES, pa.timestamp(unit)).cast(pa.timestamp(unit, zone))
    assert rows(times, operator, value) == found


def test_days_are_compared_as_times_are() -> None:
    days = [datetime.date(1969, 12, 31), datetime.date(2024, 2, 29), None]
    for kind in (pa.date32(), pa.date64()):
        assert rows(pa.array(days, kind), "=", "2024-02") == [1]
        assert rows(pa.array(days, kind), "<", "2024-02-29T12:00") == [0, 1]


def test_moments_are_compared_whatever_their_zones() -> None:
    times = pa.array(TIMES[1:2], pa.timestamp("s", "UTC"))
    assert rows(times, "=", "2024-05-01T02:00:00+02:00") == [0]


def test_without_a_zone_a_time_is_taken_as_the_column_shows_it() -> None:
    midnight = pa.array([datetime.datetime(2024, 4, 30, 22, 0)], pa.timestamp("s")).cast(pa.int64())
    times = midnight.cast(pa.timestamp("s", "Europe/Berlin"))
    assert rows(times, "=", "2024-05-01T00:00:00") == [0]
    assert rows(times, "=", "2024-05-01") == [0]
    assert rows(times, "<", "2024-05") == []


def test_large_integers_are_compared_exactly_and_given_as_text() -> None:
    assert rows(WHOLE, "=", str(2**53 + 1)) == [1]
    assert rows(WHOLE, ">", 2**53) == [1]
    assert rows(WHOLE, "<", "0.5") == [3]
    assert rows(WHOLE, "<", 10**400) == [0, 1, 3]
    assert rows(pa.array([2**64 - 1, 0], pa.uint64()), ">", 2**64 - 2) == [0]
    assert rows(pa.array([2**64 - 1, 0], pa.uint64()), ">", -1) == [0, 1]


def test_numbers_may_be_infinite_and_given_as_text() -> None:
    assert rows(NUMBERS, "=", "inf") == [1]
    assert rows(NUMBERS, ">", "-1e3") == [0, 1, 4]
    assert rows(NUMBERS, "!=", 1.5) == [1, 4]
    assert rows(NUMBERS, "<", 10**400) == [0, 4]
    assert rows(pa.array([Decimal("1.5"), None]), "<=", 1.5) == [0]
    assert rows(pa.array([0.5, 1.0], pa.float16()), "<", 1e300) == [0, 1]


def test_texts_are_equal_exactly_and_contain_in_any_case() -> None:
    texts = pa.array(["Control", "control", "file_10.TIF", "a.*b", None])
    assert rows(texts, "=", "Control") == [0]
    assert rows(texts, "contains", "TROL") == [0, 1]
    assert rows(texts, "contains", ".*") == [3]
    assert rows(texts, ">", "file_9") == [2]
    assert rows(texts, "<=", "CONTROL") == [0, 1, 3]
    assert rows(texts, "!=", "control") == [0, 2, 3]


def test_lists_are_missing_or_present() -> None:
    assert rows(pa.array([[1], None]), "missing") == [1]
    assert rows(pa.array([[1], None]), "present") == [0]


@pytest.mark.parametrize(
    ("values", "operator", "value", "message"),
    [
        (NUMBERS, ">", "large", "column 'x' holds numbers; 'large' is none"),
        (NUMBERS, ">", "5_0", "column 'x' holds numbers; '5_0' is none"),
        (WHOLE, "=", "1_0", "column 'x' holds integers; '1_0' is none"),
        (NUMBERS, ">", True, "column 'x' holds numbers; True is none"),
        (NUMBERS, "=", math.nan, "column 'x' holds numbers; nan is none"),
        (NUMBERS, "contains", "1", "column 'x' holds numbers; contains is not for it"),
        (WHOLE, "=", "1" * 100 + "x", r"column 'x' holds integers; '1{59}\.\.\. is none"),
        (pa.array(["a"]), "=", 1, "column 'x' holds texts; 1 is none"),
        (pa.array(["a"]), "=", "\ud800", r"column 'x' holds texts; '\\ud800' is none"),
        (pa.array([True]), "=", "maybe", "column 'x' holds true or false; 'maybe' is none"),
        (pa.array([True]), "<", True, "column 'x' holds true or false; < is not for it"),
        (pa.array(TIMES), "=", "May", "column 'x' holds times; 'May' is none such as 2024, 2024-05-01 or"),
        (pa.array(TIMES), "=", "2024-13", "column 'x' holds times; '2024-13' is none such as"),
        (pa.array(TIMES), "=", "9999", "column 'x' holds times; '9999' is none such as"),
        (pa.array(TIMES), "=", "2024-05-01T00:00Z", "'2024-05-01T00:00Z' is none: it has a time zone"),
        (pa.array(TIMES), "=", 2024, "column 'x' holds times; 2024 is none such as"),
        (pa.array([[1]]), "=", 1, "column 'x' holds list<.*>; = is not for it"),
        (pa.array(TIMES), "=", "2024-00", "such as 2024, 2024-05-01"),
        (pa.array(TIMES), "=", "2024-05-00", "such as 2024, 2024-05-01"),
    ],
)
def test_what_does_not_fit_a_column_is_an_error_that_names_it(
    values: pa.Array, operator: Operator, value: Any, message: str
) -> None:
    with pytest.raises(ColumnError, match=message):
        matching(column_of(values), operator, value)
