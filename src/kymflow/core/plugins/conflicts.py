"""Plugins in each other's way: they claim one name or table, or each waits for a table of the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from kymflow.core.plugins.info import IndexerInfo, ReaderInfo
from kymflow.core.plugins.loading import Info, Offered, Registered
from kymflow.core.plugins.switches import DISABLED
from kymflow.core.zarr.indexers.dependency_order import find_ring


def mark_conflicts(entries: Sequence[Registered[Offered, Info]]) -> list[Registered[Offered, Info]]:
    """Return the entries, with status ``conflict`` where others claim the same name or table."""
    claimants: dict[tuple[str, str], list[Info]] = defaultdict(list)
    for entry in entries:
        if entry.offered is not None:
            for claim in entry.info.claims:
                claimants[claim].append(entry.info)
    return [entry if entry.offered is None else _marked(entry, claimants) for entry in entries]


def mark_indexers(
    entries: Sequence[Registered[Offered, IndexerInfo]],
) -> list[Registered[Offered, IndexerInfo]]:
    """Return the entries as :func:`mark_conflicts`, those whose tables wait for each other marked, too."""
    marked = mark_conflicts(entries)
    while True:
        usable = [one.info for one in marked if one.offered is not None and one.info.status == "ok"]
        ring = find_ring({info.table_name: info.sources for info in usable})
        if not ring:
            return marked
        why = waiting_in_words(ring)
        marked = [
            Registered(one.offered, replace(one.info, status="conflict", error=why))
            if one.info.table_name in ring and one.info.status == "ok"
            else one
            for one in marked
        ]


def waiting_in_words(ring: Sequence[str]) -> str:
    """Say that tables wait for each other, so that none of them can be made first."""
    names = " <- ".join([*ring, ring[0]])
    return f"these tables are sources of each other, so that none can be made first: {names}; take one out"


def _marked(
    entry: Registered[Offered, Info], claimants: dict[tuple[str, str], list[Info]]
) -> Registered[Offered, Info]:
    errors = [_words(claim, claimants[claim]) for claim in entry.info.claims if len(claimants[claim]) > 1]
    if not errors:
        return entry
    return Registered(entry.offered, replace(entry.info, status="conflict", error=". ".join(errors)))


def _words(claim: tuple[str, str], infos: Sequence[IndexerInfo | ReaderInfo]) -> str:
    kind, name = claim
    same_distribution = len({info.distribution for info in infos}) < len(infos)
    who = [info.plugin if same_distribution else info.origin for info in infos]
    switches = dict.fromkeys(
        info.entry_point.partition(" = ")[0] if same_distribution else info.distribution for info in infos
    )
    spelt = dict.fromkeys(info.name for info in infos) if kind == "name" else ()
    as_spelt = f" (spelt {', '.join(map(repr, spelt))})" if len(spelt) > 1 else ""
    return (
        f"{', '.join(who[:-1])} and {who[-1]} {'both' if len(who) == 2 else 'all'} claim the {kind} "
        f"{name!r}{as_spelt}; uninstall {'one of them' if len(who) == 2 else 'all but one'}, or switch "
        f"it off with {' or '.join(f'{DISABLED}={name}' for name in switches)}"
    )
