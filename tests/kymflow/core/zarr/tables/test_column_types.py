"""The type that several types have in common: the same in every order and every grouping."""

from __future__ import annotations

from functools import reduce
from itertools import combinations, permutations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow.core.zarr.tables.column_types import common_type, divide

SCALARS = [
    *(pa.null(), pa.bool_(), pa.date32(), pa.date64()),
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64()),
    *(pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())),
    *(pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3), pa.binary(4)),
    *(pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "+00:00")),
    *(pa.timestamp("us", "Europe/Berlin"), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
    *(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.decimal128(5, 2), pa.decimal128(38, 0), pa.decimal128(38, 38), pa.decimal256(76, 0)),
    *(pa.decimal256(76, 76), pa.decimal256(50, 10)),
]
NAMES = st.sampled_from(["a", "b", "c"])
KINDS = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        inner.map(pa.list_),
        inner.map(pa.large_list),
        inner.map(lambda kind: pa.list_(kind, 2)),
        st.tuples(st.sampled_from([pa.string(), pa.int8(), pa.int64()]), inner).map(
            lambda pair: pa.map_(*pair)
        ),
        st.lists(st.tuples(NAMES, inner), min_size=1, unique_by=lambda field: field[0]).map(pa.struct),
    ),
    max_leaves=6,
)


def joined(kinds: list[pa.DataType]) -> pa.DataType | None:
    """Join types two by two; what clashes once goes with nothing any more."""
    return reduce(
        lambda one, other: None if one is None else common_type([one, other]),
        kinds[1:],
        common_type(kinds[:1]),
    )


@settings(max_examples=500)
@given(kinds=st.lists(KINDS, min_size=1, max_size=5), order=st.randoms(use_true_random=False))
def test_the_type_is_a_function_of_the_set(kinds: list[pa.DataType], order: object) -> None:
    whole = common_type(kinds)
    mixed = [*kinds, *kinds]
    order.shuffle(mixed)  # type: ignore[attr-defined]

    # Commutative and idempotent; associative: one by one, in any order, gives the same.
    assert common_type(mixed) == whole
    assert joined(mixed) == whole
    if whole is not None:
        assert common_type([whole, *mixed]) == whole
    # Sides are told of just where types clash, and those of one side do not clash where they part.
    sides = divide(list(dict.fromkeys(kinds)))
    assert (whole is None) == (len(sides) > 1)


@pytest.mark.slow
def test_every_three_plain_types_give_one_type_in_every_order() -> None:
    for trio in combinations(SCALARS, 3):
        found = {str(joined(list(order))) for order in permutations(trio)}
        assert found == {str(common_type(trio))}, trio


@pytest.mark.parametrize(
    ("kinds", "common"),
    [
        ([pa.int8(), pa.int64()], pa.int64()),
        ([pa.uint8(), pa.int8()], pa.int64()),
        ([pa.uint8(), pa.uint16()], pa.uint64()),
        ([pa.uint64(), pa.int64()], pa.int64()),
        ([pa.uint64(), pa.int8(), pa.float32()], pa.float64()),
        ([pa.float32()], pa.float32()),
        ([pa.float16(), pa.float32()], pa.float64()),
        ([pa.null(), pa.string()], pa.string()),
        ([pa.string_view(), pa.dictionary(pa.int8(), pa.large_string())], pa.string()),
        ([pa.binary(3), pa.binary_view()], pa.binary()),
        ([pa.binary(3)], pa.binary()),
        ([pa.timestamp("s"), pa.timestamp("ns")], pa.timestamp("ns")),
        ([pa.timestamp("us", "+00:00"), pa.timestamp("ms", "UTC")], pa.timestamp("us", "UTC")),
        ([pa.time32("ms"), pa.time64("ns")], pa.time64("ns")),
        ([pa.duration("s"), pa.duration("us")], pa.duration("us")),
        ([pa.date64(), pa.date32()], pa.date32()),
        ([pa.decimal128(5, 2), pa.decimal128(9, 0)], pa.decimal128(11, 2)),
        ([pa.decimal128(38, 0), pa.decimal128(10, 5)], pa.decimal256(43, 5)),
        ([pa.list_(pa.int64()), pa.large_list(pa.float64())], pa.list_(pa.float64())),
        ([pa.list_(pa.null()), pa.list_(pa.string_view(), 2)], pa.list_(pa.string())),
        (
            [
                pa.struct([("b", pa.int8()), ("a", pa.null())]),
                pa.struct([("b", pa.float64()), ("a", pa.int8())]),
            ],
            pa.struct([("b", pa.float64()), ("a", pa.int8())]),
        ),
        (
            [pa.struct([("b", pa.int8())]), pa.struct([("a", pa.int8()), ("b", pa.int16())])],
            pa.struct([("a", pa.int8()), ("b", pa.int64())]),
        ),
        (
            [pa.map_(pa.string(), pa.int8()), pa.map_(pa.large_string(), pa.float64())],
            pa.list_(pa.struct([("key", pa.string()), ("value", pa.float64())])),
        ),
    ],
    ids=str,
)
def test_types_that_go_together_have_one_that_holds_all(
    kinds: list[pa.DataType], common: pa.DataType
) -> None:
    assert common_type(kinds) == common
    assert common_type(reversed(kinds)) == common
    assert divide(kinds) == []


@pytest.mark.parametrize(
    "kinds",
    [
        [pa.int64(), pa.string()],
        [pa.bool_(), pa.int64()],
        [pa.decimal128(5, 2), pa.float64()],
        [pa.timestamp("us"), pa.timestamp("us", "UTC")],
        [pa.timestamp("us", "Europe/Berlin"), pa.timestamp("us", "UTC")],
        [pa.date32(), pa.timestamp("us")],
        [pa.decimal256(76, 0), pa.decimal256(76, 76)],
        [pa.list_(pa.int64()), pa.list_(pa.string())],
        [pa.list_(pa.int64()), pa.int64()],
        [pa.map_(pa.string(), pa.int8()), pa.map_(pa.int8(), pa.int8())],
    ],
    ids=str,
)
def test_types_that_do_not_go_together_have_none_and_are_sides(kinds: list[pa.DataType]) -> None:
    assert common_type(kinds) is None
    assert common_type(reversed(kinds)) is None
    assert divide(kinds) == [kinds[:1], kinds[1:]]


def test_types_that_say_nothing_of_the_place_are_on_no_side() -> None:
    kinds = [
        pa.struct([("x", pa.int8())]),
        pa.struct([("x", pa.float64()), ("y", pa.list_(pa.null()))]),
        pa.struct([("x", pa.string()), ("y", pa.list_(pa.int8()))]),
        pa.struct([("y", pa.list_(pa.int8()))]),
        pa.struct([("x", pa.null())]),
    ]

    assert divide(kinds) == [kinds[:2], [kinds[2]]]
