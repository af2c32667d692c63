"""The one type that holds the values of several: a function of their set, whatever the order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

import pyarrow as pa

from kymflow.core.zarr.extraction.plain_types import MAX_DECIMAL128, is_list, plain_type

_UNITS = ("s", "ms", "us", "ns")
# One zone under the names that programs have for it.
_UTC = frozenset({"UTC", "utc", "Etc/UTC", "Z", "+00:00"})
_MAX_DIGITS = 76


def common_type(kinds: Iterable[pa.DataType]) -> pa.DataType | None:
    """Return the type that holds the values of all these types, or None.

    It depends on the set of types alone. What has no type (null) goes with any. Different integers are
    ``int64``, or ``uint64`` if none has a sign; integers and floats are floats; different units of time are
    the finest; decimals have digits for all; lists hold what holds all their elements; objects have the names
    of all, sorted unless all have the same in one order. Whether each value fits is for the cast to say.
    """
    distinct: list[pa.DataType] = []
    for kind in kinds:
        plain = plain_type(kind)
        if not pa.types.is_null(plain) and plain not in distinct:
            distinct.append(plain)
    if len(distinct) < 2:
        return distinct[0] if distinct else pa.null()
    families = {family(kind) for kind in distinct}
    if len(families) > 1:
        return None
    # The zone is no part of how timestamps are joined.
    join = _JOINS.get(families.pop().partition(" ")[0])
    return join(distinct) if join is not None else None


def family(kind: pa.DataType) -> str:
    """Return a word for the types that go together with this one, by what is outermost in it."""
    types = pa.types
    if types.is_integer(kind) or types.is_floating(kind):
        return "number"
    if types.is_decimal(kind):
        return "decimal"
    if types.is_timestamp(kind):
        return "timestamp" if kind.tz is None else f"timestamp in {_zone(kind)}"
    for is_one, word in (
        (types.is_time, "time"),
        (types.is_duration, "duration"),
        (is_list, "list"),
        (types.is_struct, "object"),
    ):
        if is_one(kind):
            return word
    return str(kind)


def divide(kinds: Sequence[pa.DataType]) -> list[list[pa.DataType]]:
    """Return which types do not go with which others; no group if all go together.

    Parameters
    ----------
    kinds : sequence of pyarrow.DataType
        Different ones.

    Returns
    -------
    list of list of pyarrow.DataType
        Types of one group have values of one family at the first place at which the types part: the
        outermost, by names in order. Types that say nothing of that place are in no group.
    """
    return _divide([(plain_type(kind), kind) for kind in kinds])


# A type at some place inside a column's type, and the column's type.
_Placed = tuple[pa.DataType, pa.DataType]


def _divide(placed: Iterable[_Placed]) -> list[list[pa.DataType]]:
    placed = [(inner, whole) for inner, whole in placed if not pa.types.is_null(inner)]
    groups = _grouped((family(inner), whole) for inner, whole in placed)
    if len(groups) != 1:
        return list(groups.values()) if groups else []
    inners = [inner for inner, _ in placed]
    match next(iter(groups)):
        case "list":
            return _divide((inner.value_type, whole) for inner, whole in placed)
        case "object":
            for name in sorted({field.name for inner in inners for field in inner}):
                found = _divide(
                    (inner.field(name).type, whole)
                    for inner, whole in placed
                    if inner.get_field_index(name) >= 0
                )
                if found:
                    return found
        case "decimal" if _common_decimal(inners) is None:
            return list(_grouped((str(inner), whole) for inner, whole in placed).values())
    return []


def _grouped(items: Iterable[tuple[Hashable, pa.DataType]]) -> dict[Hashable, list[pa.DataType]]:
    groups: dict[Hashable, list[pa.DataType]] = {}
    for key, kind in items:
        groups.setdefault(key, []).append(kind)
    return groups


# The joins: of at least two different types of one family.


def _common_number(kinds: Sequence[pa.DataType]) -> pa.DataType:
    if any(pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    return pa.uint64() if all(pa.types.is_unsigned_integer(kind) for kind in kinds) else pa.int64()


def _common_decimal(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    scale = max(kind.scale for kind in kinds)
    precision = max(kind.precision - kind.scale for kind in kinds) + scale
    if precision > _MAX_DIGITS:
        return None
    return (pa.decimal128 if precision <= MAX_DECIMAL128 else pa.decimal256)(precision, scale)


def _common_timestamp(kinds: Sequence[pa.DataType]) -> pa.DataType:
    zones = {kind.tz for kind in kinds}
    return pa.timestamp(_finest(kinds), zones.pop() if len(zones) == 1 else "UTC")


def _common_time(kinds: Sequence[pa.DataType]) -> pa.DataType:
    unit = _finest(kinds)
    return pa.time32(unit) if unit == "ms" else pa.time64(unit)


def _common_list(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    inner = common_type(kind.value_type for kind in kinds)
    return None if inner is None else plain_type(pa.list_(inner))


def _common_object(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    orders = {tuple(field.name for field in kind) for kind in kinds}
    names = orders.pop() if len(orders) == 1 else sorted({name for order in orders for name in order})
    fields = []
    for name in names:
        common = common_type(kind.field(name).type for kind in kinds if kind.get_field_index(name) >= 0)
        if common is None:
            return None
        fields.append((name, common))
    return pa.struct(fields)


def _finest(kinds: Sequence[pa.DataType]) -> str:
    return _UNITS[max(_UNITS.index(kind.unit) for kind in kinds)]


def _zone(kind: pa.DataType) -> str:
    return "UTC" if kind.tz in _UTC else str(kind.tz)


_JOINS: dict[str, Callable[[Sequence[pa.DataType]], pa.DataType | None]] = {
    "number": _common_number,
    "decimal": _common_decimal,
    "timestamp": _common_timestamp,
    "time": _common_time,
    "duration": lambda kinds: pa.duration(_finest(kinds)),
    "list": _common_list,
    "object": _common_object,
}
