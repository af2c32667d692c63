"""The check of a table that is made of others: derived once more, and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kymflow.core.zarr.from_tables.rows import derive_rows
from kymflow.core.zarr.from_tables.source_tables import read_sources
from kymflow.core.zarr.from_tables.standing import why_outdated
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.indexers.table_indexer import TableIndexer
from kymflow.core.zarr.tables.schema import is_alike
from kymflow.core.zarr.tables.state import TableState, noted_versions
from kymflow.errors import IndexerError
from kymflow_zarr.check.problems import Kind

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


@dataclass(frozen=True)
class Difference:
    """What is wrong with a table: which kind of problem, and in words that go on after its name."""

    kind: Kind
    what: str


@dataclass(frozen=True)
class Stale:
    """Why a table is not what its sources give now, and need not be."""

    why: str


def compare_derived(
    ds: ZarrDataset, indexer: TableIndexer, contract: TableContract, state: TableState
) -> Difference | Stale | None:
    """Derive a table and compare; None if it is what its sources give."""
    metadata = state.schema.metadata or {}
    if state.made_by(contract) and noted_versions(metadata) is None:
        what = "has a bent footer: it does not tell which tables it was derived from. Rebuild it."
        return Difference("bent footer", what)
    try:
        sources = read_sources(ds, contract)
        stale = why_outdated(contract, state, sources.versions)
        rows = derive_rows(indexer, contract, sources)
    except IndexerError as error:
        return Difference("failed", f"cannot be derived: {error}")
    if stale:
        return Stale(stale)
    if not is_alike(state.schema, rows.schema):
        there, wanted = (
            [f"{field.name} ({field.type})" for field in one] for one in (state.schema, rows.schema)
        )
        return Difference(
            "wrong columns", f"has other columns than it is derived with: {there}, not {wanted}."
        )
    if not state.table.replace_schema_metadata(None).equals(rows.replace_schema_metadata(None)):
        what = f"has {state.n_rows} rows, which are not the {rows.num_rows} that its source tables give."
        return Difference("wrong rows", what)
    return None
