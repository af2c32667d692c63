"""Times, dates and durations that Python can hold, at any depth of a column; Arrow holds many more."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.extraction.plain_types import is_list
from kymflow_zarr.errors import ColumnError

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_S = 86_400
_EPOCH = datetime.date(1970, 1, 1)
_FIRST_DAY = (datetime.date.min - _EPOCH).days
_END_DAY = (datetime.date.max - _EPOCH).days + 1
# Of a time that a file counts in seconds, programs make microseconds or less. The smallest number of all
# is NumPy's word for a missing time.
_LONGEST_S = 2**63 // 10**6


def check_times(name: str, values: pa.ChunkedArray) -> None:
    """Refuse a column with times that Python or pandas cannot hold.

    Parameters
    ----------
    name : str
        The column's.
    values : pyarrow.ChunkedArray
        Of a plain type.

    Raises
    ------
    ColumnError
        There is a date before year 1 or after 9999, a time of day beyond 24 hours or between two
        microseconds, a duration of more than 100 million days, or an unknown time zone.
    """
    if not _has_times(values.type):
        return
    for leaf in _leaves(values):
        if pa.types.is_temporal(leaf.type) and leaf.null_count < len(leaf):
            fault = _fault(leaf)
            if fault is not None:
                message = f"column {name!r} ({leaf.type}) {fault}. Give it as text or as a number."
                raise ColumnError(message, column=name)


def _has_times(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return any(_has_times(kind.field(place).type) for place in range(kind.num_fields))
    return bool(pa.types.is_temporal(kind))


def _leaves(values: pa.ChunkedArray) -> Iterator[pa.ChunkedArray]:
    """Yield what is inside lists and objects."""
    kind = values.type
    if pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from _leaves(pc.struct_field(values, place))
    elif is_list(kind):
        yield from _leaves(pc.list_flatten(values))
    else:
        yield values


def _fault(values: pa.ChunkedArray) -> str | None:
    """Say what is wrong with times; None if nothing is."""
    kind = values.type
    if pa.types.is_timestamp(kind) and not _is_zone(kind.tz):
        return f"is in a time zone that is unknown here, {kind.tz!r}"
    allowed, what = _allowed(kind)
    found = pc.min_max(values.cast(pa.int32() if kind.bit_width == 32 else pa.int64())).as_py()
    if found["min"] not in allowed or found["max"] not in allowed:
        return f"holds {what}"
    if kind == pa.time64("ns"):
        try:
            values.cast(pa.time64("us"))
        except pa.ArrowInvalid:
            return "holds times of day between two microseconds"
    return None


def _allowed(kind: pa.DataType) -> tuple[range, str]:
    """Return which counts of a type of times can be held, and words for all others."""
    if pa.types.is_date(kind):
        return range(_FIRST_DAY, _END_DAY), "dates outside of the years 1 to 9999"
    per_second = _PER_SECOND[kind.unit]
    if pa.types.is_time(kind):
        return range(_DAY_S * per_second), "times of day outside of 24 hours"
    if pa.types.is_timestamp(kind):
        # In a zone, the first and the last day may be one of another year.
        margin = 0 if kind.tz is None else 1
        first, end = ((day * _DAY_S) * per_second for day in (_FIRST_DAY + margin, _END_DAY - margin))
        return range(max(first, 1 - 2**63), min(end, 2**63)), "times outside of the years 1 to 9999"
    longest = min(_LONGEST_S * per_second, 2**63 - 1)
    return range(-longest, longest + 1), "durations of more than 100 million days"


@lru_cache
def _is_zone(zone: str | None) -> bool:
    try:
        pa.scalar(0, pa.timestamp("s", zone)).as_py()
    except (pa.ArrowException, ValueError, OverflowError, KeyError, OSError, TypeError):
        return False
    return True
