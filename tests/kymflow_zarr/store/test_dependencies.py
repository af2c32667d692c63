"""Dependencies in columns say the same as one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kymflow_zarr.store.dependencies import Dependencies
from kymflow_zarr.store.tracking import Dependency
from support.drawn_dependencies import of, records, told


@given(records())
def test_columns_give_back_what_was_put_in(some: list[tuple[str, list[Dependency]]]) -> None:
    columns = of(some)

    assert [columns.decode(place) for place in range(len(columns))] == [tuple(read) for _, read in some]
    assert told(columns) == [(place, one.key) for place, (_, read) in enumerate(some) for one in read]
    assert len(columns.flat) == len(told(columns))


@given(records(), st.data())
def test_some_of_the_records_are_as_they_were(
    some: list[tuple[str, list[Dependency]]], data: st.DataObject
) -> None:
    whole = of(some)
    begin = data.draw(st.integers(0, len(some)))
    places = data.draw(st.permutations(range(len(some))))
    for part, expected in (
        (whole.slice(begin, len(some)), some[begin:]),
        (whole.take(places), [some[place] for place in places]),
        (
            Dependencies.concat([whole.slice(begin, len(some)), whole.slice(0, begin)]),
            some[begin:] + some[:begin],
        ),
    ):
        assert [part.decode(place) for place in range(len(part))] == [tuple(read) for _, read in expected]
        assert told(part) == [(place, one.key) for place, (_, read) in enumerate(expected) for one in read]
        earliest = [min([one.seen_ns for one in read], default=2**63 - 1) for _, read in expected]
        assert part.earliest_ns().tolist() == earliest
