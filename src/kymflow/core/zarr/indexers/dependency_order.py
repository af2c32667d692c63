"""Tables that are made of other tables: in which order they can be made, and where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


def in_dependency_order(sources: Mapping[str, Iterable[str]]) -> list[str]:
    """Return tables so that each comes after its sources, otherwise in the order given.

    Parameters
    ----------
    sources : mapping of str to iterable of str
        The sources of each table; those that are no keys are there already.

    Raises
    ------
    CycleError
        Some wait for each other; see :func:`find_ring`.
    """
    place = {name: number for number, name in enumerate(sources)}
    sorter = TopologicalSorter({name: [one for one in of if one in place] for name, of in sources.items()})
    sorter.prepare()
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=place.__getitem__)
        ordered += ready
        sorter.done(*ready)
    return ordered


def find_ring(sources: Mapping[str, Iterable[str]]) -> list[str]:
    """Return tables that wait for each other, each a source of the one before it; none if there are none.

    Of several rings, it is always the same one, and begins with the first of its names.
    """
    try:
        in_dependency_order(dict(sorted(sources.items())))
    except CycleError as error:
        # The last one is the first one again, and each is a source of the one after it.
        ring: list[str] = list(reversed(error.args[1][1:]))
        first = ring.index(min(ring))
        return [*ring[first:], *ring[:first]]
    return []
