"""Values as a browser gets them: what JSON can hold, without losing a digit."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kymflow_view.tables.columns import Column, Numbers
from kymflow_view.tables.order import Places

# Beyond this, a number of JavaScript no longer tells neighbouring integers apart.
LARGEST_EXACT_INT = 2**53
# Of a list that is longer as text, a page shows the beginning.
MAX_JSON_TEXT = 2_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def cells(column: Column, places: Places) -> list[Any]:
    """Return the values of some rows; place -1 is missing.

    Integers beyond 2**53 are texts, and so are infinite numbers (``inf``, ``-inf``) and times (ISO 8601;
    with the offset from UTC where the column has a time zone). Lists and objects are JSON text. What is
    missing is None.
    """
    values = column.values
    if column.kind == "time" and isinstance(values, Numbers):
        return _times(column, values.take(places))
    if column.kind == "other" and isinstance(values, Numbers):
        return [None if value is None else str(value) for value in column.arrow(places).to_pylist()]
    taken = values.take(places).to_pylist()
    if column.kind in ("integer", "number"):
        return [_number(value) for value in taken]
    return [_json_text(value) for value in taken] if column.kind == "other" else taken


def _number(value: Any) -> int | float | str | None:
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_EXACT_INT else str(value)
    if value is None or value != value:
        return None
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _times(column: Column, taken: pa.Array) -> list[str | None]:
    kind = column.plain_type
    gone = taken.is_null().to_numpy(zero_copy_only=False)
    counts = taken.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if pa.types.is_date(kind):
        days = counts.astype(f"datetime64[{'D' if pa.types.is_date32(kind) else 'ms'}]").astype(
            "datetime64[D]"
        )
        texts = np.datetime_as_string(days)
    else:
        offsets = [""] * len(counts)
        if column.zone is not None:
            counts, offsets = _in_zone(counts, kind.unit, column.zone)
        told = np.datetime_as_string(counts.astype(f"datetime64[{kind.unit}]")).tolist()
        each = zip(told, offsets, strict=True)
        texts = np.array([_without_zeros(text) + offset for text, offset in each], dtype=object)
    return [None if missing else str(text) for text, missing in zip(texts, gone, strict=True)]


def _in_zone(
    counts: npt.NDArray[np.int64], unit: str, zone: datetime.tzinfo
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return times as the clocks of a zone show them, and the offset from UTC of each."""
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    shifted, offsets = counts.copy(), ["+00:00"] * len(counts)
    for place, count in enumerate(counts.tolist()):
        try:
            local = (_EPOCH + datetime.timedelta(seconds=count // per_second)).astimezone(zone)
        except OverflowError:
            continue  # Before the year 1 or after 9999: in UTC.
        shift = local.replace(tzinfo=None) - local.astimezone(datetime.UTC).replace(tzinfo=None)
        shifted[place] += int(shift.total_seconds()) * per_second
        offsets[place] = local.isoformat()[19:]
    return shifted, offsets


def _without_zeros(time: str) -> str:
    return time.rstrip("0").removesuffix(".") if "." in time else time


def _json_text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)
    return text if len(text) <= MAX_JSON_TEXT else f"{text[:MAX_JSON_TEXT]} ... ({len(text):,} characters)"


def _plain(value: Any) -> Any:
    """Return a value out of lists and objects as JSON can hold it."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | int) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | bool | None) else str(value)
