"""Installed plugins that cannot be used, and the tables that stay as they were because of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from kymflow.cli.failures import say
from kymflow.cli.hints import call
from kymflow.core.plugins.source import normalized
from kymflow.core.zarr.tables.info import describe_table
from kymflow_zarr import TableError, TableNotFoundError

if TYPE_CHECKING:
    from kymflow.core.plugins.info import IndexerInfo
    from kymflow.core.zarr.kym_dataset import KymDataset


@dataclass(frozen=True)
class Unusable:
    """An indexer, or a whole plugin, that is installed and cannot be used.

    Attributes
    ----------
    name, status, error : str
        As ``kymflow indexers`` lists it.
    tables : list of str
        Which of the dataset's tables were not brought up to date.
    """

    name: str
    status: str
    error: str
    tables: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``refresh --json`` documents."""
        return asdict(self)


def tell_unusable(kd: KymDataset, refreshed: Collection[str]) -> list[Unusable]:
    """Say of each plugin that cannot be used which tables are stale for it, and what to do.

    Parameters
    ----------
    kd : KymDataset
        The dataset.
    refreshed : collection of str
        Tables that were brought up to date.
    """
    # After a run of all indexers, this is all of them as they were loaded.
    infos = [info for info in kd.registry.known() if info.status != "ok"]
    if not infos:
        return []
    made_by = {name: _made_by(kd, name) for name in kd.ds.list_table_names() if name not in refreshed}
    found = []
    for info in infos:
        mine = [name for name, by in made_by.items() if name == info.table_name or _is_of(info, by)]
        found.append(Unusable(info.name, info.status, info.error, mine))
        say(f"kymflow: {_words(info, mine)}")
    return found


def _made_by(kd: KymDataset, table: str) -> str:
    try:
        return normalized(describe_table(kd.ds, table).distribution)
    except (TableError, TableNotFoundError):
        return ""


def _is_of(info: IndexerInfo, distribution: str) -> bool:
    """Tell whether a plugin that failed as a whole has made a table; what it would offer is not known."""
    return bool(distribution) and not info.table_name and normalized(info.distribution) == distribution


def _words(info: IndexerInfo, tables: list[str]) -> str:
    plural = "s" if tables[1:] else ""
    what = f"table{plural} {', '.join(tables)} not brought up to date" if tables else "no table made by it"
    # What a broken plugin failed with has been told when it was loaded.
    why = f": {info.error}" if info.status == "conflict" else ""
    switch = info.distribution or info.entry_point.partition(" ")[0]
    off = f", KYMFLOW_DISABLE_PLUGINS={switch} switches it off" if switch else ""
    return (
        f"stale: {what}, as {info.name!r} of {info.origin} cannot be used ({info.status}){why}; "
        f"`{call('indexers')}` says why{off}"
    )
