"""What JSON can hold of a value, without losing a digit."""

from __future__ import annotations

import datetime
import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kymflow_view.tables.cells import MAX_JSON_TEXT, cells
from support.view_tables import column_of

UTC = datetime.UTC
NANOSECONDS = 1_714_559_400_123_456_789


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (pa.array([2**53, 2**53 + 1, -(2**60), None]), [2**53, str(2**53 + 1), str(-(2**60)), None]),
        (pa.array([0.1, math.inf, -math.inf, math.nan, None]), [0.1, "inf", "-inf", None, None]),
        (pa.array([0.5, math.inf], pa.float16()), [0.5, "inf"]),
        (pa.array([Decimal("1.5"), None]), [1.5, None]),
        (pa.array(["<b>", "", None]), ["<b>", "", None]),
        (pa.array([True, False, None]), [True, False, None]),
        (
            pa.array([0, NANOSECONDS, None], pa.timestamp("ns")),
            ["1970-01-01T00:00:00", "2024-05-01T10:30:00.123456789", None],
        ),
        (pa.array([1_500, -(10**14)], pa.timestamp("ms")), ["1970-01-01T00:00:01.5", "-1199-02-15T14:13:20"]),
        (
            pa.array([datetime.datetime(2024, 5, 1, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo")),
            ["2024-05-01T09:00:00+09:00"],
        ),
        # In summer and in winter; and one that no clock of Python's shows.
        (
            pa.array(
                [1_714_557_600_250, 1_704_067_200_000, 10**15, None], pa.timestamp("ms", "Europe/Berlin")
            ),
            ["2024-05-01T12:00:00.25+02:00", "2024-01-01T01:00:00+01:00", "33658-09-27T01:46:40+00:00", None],
        ),
        (pa.array([0], pa.timestamp("ns", "-03:30")), ["1969-12-31T20:30:00-03:30"]),
        (pa.array([0], pa.timestamp("s", "Nowhere/Nothing")), ["1970-01-01T00:00:00+00:00"]),
        (pa.array([datetime.date(2024, 5, 1), None], pa.date32()), ["2024-05-01", None]),
        (pa.array([datetime.date(2024, 5, 1), None], pa.date64()), ["2024-05-01", None]),
        (pa.array([datetime.time(10, 30), None]), ["10:30:00", None]),
        (pa.array([datetime.timedelta(seconds=90), None], pa.duration("s")), ["0:01:30", None]),
        (pa.array([None, None], pa.null()), [None, None]),
        (pa.array([b"\x00\xff", None]), ['"00ff"', None]),
        (pa.array([[1.5, math.inf, None], None, []]), ['[1.5, "inf", null]', None, "[]"]),
        (pa.array([{"ü": 2**60, "ok": True}]), [f'{{"ü": "{2**60}", "ok": true}}']),
        (pa.array([[datetime.date(2024, 5, 1)]]), ['["2024-05-01"]']),
    ],
    ids=lambda found: str(found.type) if isinstance(found, pa.Array) else "",
)
def test_values_are_shown_as_json_can_hold_them(values: pa.Array, shown: list[Any]) -> None:
    column = column_of(values)

    found = cells(column, np.arange(len(values), dtype=np.int32))
    assert found == shown
    assert [type(value) for value in found] == [type(value) for value in shown]
    assert json.loads(json.dumps(found, allow_nan=False)) == shown
    assert cells(column, np.array([-1], np.int32)) == [None]


def test_of_a_long_list_the_beginning_is_shown() -> None:
    (text,) = cells(column_of(pa.array([list(range(10_000))])), np.array([0], np.int32))

    assert text.startswith("[0, 1, 2, ")
    assert text.endswith(" ... (58,890 characters)")
    assert len(text) < MAX_JSON_TEXT + 50
