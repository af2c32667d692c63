"""Which rows of a column meet a condition; of a missing value nothing holds but that it is missing."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kymflow import ColumnError
from kymflow_view.tables.columns import Coded, Column, Numbers, Plain
from kymflow_view.tables.order import Mask, natural_keys

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "contains", "missing", "present"]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_COMPARE_TEXT = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_HOLDS = {
    "integer": "integers",
    "number": "numbers",
    "text": "texts",
    "boolean": "true or false",
    "time": "times",
}
_BOOLEANS = {"true": True, "false": False}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# A year, a month of it, or a day.
_DAYS = re.compile(r"\d{4}(-(0?[1-9]|1[0-2])(-(0?[1-9]|[12]\d|3[01]))?)?")
_LONGER_THAN_A_MONTH, _LONGER_THAN_A_YEAR = 31, 366
_NANOSECONDS = re.compile(r"[.,]\d{6}(\d{1,3})")


def matching(column: Column, operator: Operator, value: Any) -> Mask:
    """Tell which rows of a column meet a condition.

    Raises
    ------
    ColumnError
        The column holds no values of this kind, or none that are compared in this way.
    """
    if operator == "missing":
        return column.values.missing
    if operator == "present":
        return ~column.values.missing
    if column.kind == "text":
        return _matching_texts(column, operator, _text(column, operator, value))
    if operator == "contains" or column.kind == "other":
        raise _error(column, f"{operator} is not for it")
    if column.kind == "boolean":
        return _matching_booleans(column, operator, value)
    if column.kind == "time":
        return _matching_times(column, operator, value)
    return _compared(column, operator, _number(column, value))


def containing(column: Column, text: str) -> Mask:
    """Tell which rows of a column of texts have this in them, in upper or lower case."""
    values = column.values
    known = values.values
    assert not isinstance(values, Numbers)
    return _of_rows(values, pc.match_substring(known, text, ignore_case=True))


def _error(column: Column, what: str) -> ColumnError:
    holds = _HOLDS.get(column.kind, str(column.type))
    return ColumnError(f"column {column.name!r} holds {holds}; {what}", column=column.name)


def _wrong(column: Column, value: object, form: str = "") -> ColumnError:
    shown = repr(value)
    return _error(column, f"{shown if len(shown) <= 60 else shown[:60] + '...'} is none{form}")


def _of_rows(values: Coded | Plain, holds: Any) -> Mask:
    """Return for each row what holds of its value."""
    found: Mask = holds.fill_null(False).to_numpy(zero_copy_only=False)
    return np.append(found, False)[values.codes] if isinstance(values, Coded) else found


def _text(column: Column, operator: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(column, value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _wrong(column, value) from None
    return value


def _matching_texts(column: Column, operator: Operator, value: str) -> Mask:
    if operator == "contains":
        return containing(column, value)
    values = column.values
    assert not isinstance(values, Numbers)
    known = values.values
    if operator in _COMPARE_TEXT:
        # As they are sorted.
        key = natural_keys(pa.array([value]))[0]
        holds = _COMPARE_TEXT[operator](natural_keys(known), key)
        return _of_rows(values, holds) & ~values.missing
    same = pc.equal(known, pa.scalar(value, known.type))
    return _of_rows(values, same if operator == "=" else pc.invert(same))


def _matching_booleans(column: Column, operator: str, value: object) -> Mask:
    if operator not in ("=", "!="):
        raise _error(column, f"{operator} is not for it")
    wanted = _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(wanted, bool):
        raise _wrong(column, value)
    assert isinstance(column.values, Coded)
    holds: Mask = column.values.codes == (wanted if operator == "=" else not wanted)
    return holds


def _number(column: Column, value: object) -> int | float:
    """Return a number, which may be given as text: as such, large integers go to a browser and come back."""
    found: Any = value
    # Python reads 5_0 as 50; people who type it mean something else.
    for parse in (int, float) if isinstance(value, str) and "_" not in value else ():
        try:
            found = parse(found)
            break
        except ValueError:
            continue
    if isinstance(found, bool) or not isinstance(found, int | float) or found != found:
        raise _wrong(column, value)
    return found


def _matching_times(column: Column, operator: str, value: object) -> Mask:
    """Compare with a time, or with a whole day, month or year."""
    begin, end = _span(column, value)
    if begin == end or operator in ("<", ">="):
        return _compared(column, operator, begin)
    if operator in ("<=", ">"):
        return _compared(column, "<" if operator == "<=" else ">=", end)
    inside = _compared(column, ">=", begin) & _compared(column, "<", end)
    return inside if operator == "=" else ~inside & ~column.values.missing


def _span(column: Column, value: object) -> tuple[int | float, int | float]:
    """Return where a time begins and ends, as the column counts; a moment ends where it begins."""
    text = value.strip() if isinstance(value, str) else ""
    # As the column shows them.
    zone = column.zone or datetime.UTC
    try:
        if _DAYS.fullmatch(text):
            year, month, day = (int(part) for part in (*text.split("-"), "0", "0")[:3])
            begin = datetime.datetime(year, month or 1, day or 1, tzinfo=zone)
            days = 1 if day else _LONGER_THAN_A_MONTH if month else _LONGER_THAN_A_YEAR
            end = begin + datetime.timedelta(days)
            # The first of the next month or year.
            end = end if day else end.replace(day=1, month=end.month if month else 1)
            return _counted(column, begin), _counted(column, end)
        time = datetime.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _wrong(column, value, " such as 2024, 2024-05-01 or 2024-05-01T10:30:00") from None
    if time.tzinfo is not None and column.zone is None:
        raise _wrong(column, value, ": it has a time zone, and they have none")
    if time.tzinfo is None:
        time = time.replace(tzinfo=zone)
    # datetime passes over what comes after microseconds.
    further = _NANOSECONDS.search(text)
    at = _counted(column, time, int(further[1].ljust(3, "0")) if further else 0)
    return at, at


def _counted(column: Column, time: datetime.datetime, nanoseconds: int = 0) -> int | float:
    """Return a time in the unit of a column; half a unit more stands for any part of one."""
    micros = (time - _EPOCH) // datetime.timedelta(microseconds=1)
    whole, rest = divmod(micros * 1000 + nanoseconds, _nanoseconds_of(column.plain_type))
    return whole + 0.5 if rest else whole


def _nanoseconds_of(kind: pa.DataType) -> int:
    """Return how long the unit is that a column of times or days counts in."""
    if pa.types.is_date32(kind):
        return 86_400 * 10**9
    return {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}["ms" if pa.types.is_date64(kind) else kind.unit]


def _compared(column: Column, operator: str, value: int | float) -> Mask:
    keys = column.values.keys
    assert keys is not None
    if keys.dtype.kind in "iu":
        holds = _integers_compared(keys, operator, value)
    else:
        holds = _COMPARE[operator](keys, np.float64(_as_float(value)))
    return holds & ~column.values.missing


def _as_float(value: float) -> float:
    # An integer beyond all floats is beyond all values, too.
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _integers_compared(keys: Any, operator: str, value: int | float) -> Mask:
    """Compare integers with a number, exactly: neither side becomes a float."""
    if isinstance(value, float) and not value.is_integer():
        if operator in ("=", "!="):
            return np.full(len(keys), operator == "!=")
        if math.isfinite(value):
            # 2 > 1.5 as 2 > 1, and 2 >= 1.5 as 2 >= 2; and so on.
            value = math.floor(value) if operator in (">", "<=") else math.ceil(value)
    limits = np.iinfo(keys.dtype)
    if not limits.min <= value <= limits.max:
        return np.full(len(keys), _COMPARE[operator](0.0, 1.0 if value > 0 else -1.0))
    holds: Mask = _COMPARE[operator](keys, keys.dtype.type(int(value)))
    return holds
