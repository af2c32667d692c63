"""One run of an indexer that derives a table of others: read, derive, commit, and again what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from kymflow.core.runs.options import RunOptions
from kymflow.core.zarr.from_tables.rows import derive_rows
from kymflow.core.zarr.from_tables.source_tables import note_of, read_sources, versions_now
from kymflow.core.zarr.from_tables.standing import why_outdated
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.indexers.table_indexer import TableIndexer
from kymflow.core.zarr.tables.state import CODE, SOURCES, find_state, footer_of
from kymflow_zarr import layout
from kymflow_zarr.errors import CancelledError
from kymflow_zarr.formats import frames

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

# So many times a table is derived whose sources change each time while it is; then it is left stale.
MAX_ROUNDS = 4


@dataclass(frozen=True)
class Derived:
    """What a run came to.

    Attributes
    ----------
    rows : int
        Rows of the table now.
    wrote : bool
        Whether it was derived, and its file is another one now.
    problem : str
        Why it is stale nevertheless; empty if it is not.
    """

    rows: int
    wrote: bool = False
    problem: str = ""


def derive_table(
    ds: ZarrDataset,
    indexer: TableIndexer,
    contract: TableContract,
    options: RunOptions,
    *,
    made_by: Mapping[str, str],
    whole: bool = False,
    changed_code: bool = False,
) -> Derived:
    """Derive a table of its sources as they are on disk, unless it is of these very files.

    The indexer runs while no lock is held. Under the table's lock, its rows are written only if its sources
    are still those that it was given; otherwise it is derived again, a few times.

    Parameters
    ----------
    ds, indexer, contract, options
        What to run on what; `options` may cancel it.
    made_by : mapping of str to str
        More metadata for the table's footer.
    whole : bool
        Derive it in any case.
    changed_code : bool
        Derive it also if other code made it.

    Raises
    ------
    DeriveError, RowsError
        A source is not there or damaged, or the indexer failed; the table is as it was.
    CancelledError
        The run was cancelled; the table is as it was.
    """
    ds.check_writable()
    code = made_by.get(CODE, "") if changed_code else ""
    for _ in range(MAX_ROUNDS):
        if options.is_cancelled:
            raise CancelledError(
                f"{contract.indexer!r} was cancelled; table {contract.table_name!r} is as it was",
                dataset=ds.path,
                table_name=contract.table_name,
                indexer=contract.indexer,
            )
        sources = read_sources(ds, contract)
        versions = sources.versions
        if not whole:
            state = find_state(ds.store, contract.table_name)
            if state is not None and not why_outdated(contract, state, versions, code):
                return Derived(state.n_rows)
        rows = derive_rows(indexer, contract, sources)
        if _commit(ds, contract, rows, versions, made_by):
            return Derived(rows.num_rows, wrote=True)
    state = find_state(ds.store, contract.table_name)
    problem = "its source tables went on changing while it was derived; refresh again"
    return Derived(state.n_rows if state else 0, problem=problem)


def _commit(
    ds: ZarrDataset,
    contract: TableContract,
    rows: pa.Table,
    versions: Mapping[str, str],
    made_by: Mapping[str, str],
) -> bool:
    """Write a table if its sources are still those of these versions; tell whether it was written."""
    footer = {**footer_of(contract, made_by), SOURCES: note_of(versions)}
    data = frames.arrow_to_parquet(rows.replace_schema_metadata(footer))
    written = False

    def change(_: bytes | None) -> bytes | None:
        nonlocal written
        written = versions_now(ds.store, versions) == dict(versions)
        return data if written else None

    ds.store.update(layout.table_key(contract.table_name), change)
    if written:
        # Of images, of which an earlier table of this name was made.
        for found in list(ds.store.list(layout.ledger_prefix(contract.table_name))):
            ds.store.discard(found.key)
    return written
