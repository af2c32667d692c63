"""Two plugins that want the same: all that claim one name or one table, none of them preferred."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from kymflow.core.plugins.info import IndexerInfo, ReaderInfo
from kymflow.core.plugins.loading import Info, Offered, Registered
from kymflow.core.plugins.switches import DISABLED


def mark_conflicts(entries: Sequence[Registered[Offered, Info]]) -> list[Registered[Offered, Info]]:
    """Return the entries, with status ``conflict`` where others claim the same name or table."""
    claimants: dict[tuple[str, str], list[Info]] = defaultdict(list)
    for entry in entries:
        if entry.offered is not None:
            for claim in entry.info.claims:
                claimants[claim].append(entry.info)
    return [entry if entry.offered is None else _marked(entry, claimants) for entry in entries]


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
