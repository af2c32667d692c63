"""The commit: changed rows merged into a table as it is now, table and ledger written as one step."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.ledger import COMMIT, Ledger, LedgerEntry, commit_of, encode_ledger, find_ledger
from kymflow.core.zarr.schema import check_exact, conform, own_columns, table_schema
from kymflow_zarr import frames, layout

if TYPE_CHECKING:
    from kymflow.core.zarr.extraction import ImageRows
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store import Fingerprint, Store


class LedgerLost(Exception):
    """Some images were to change, but what the others gave is not known: extract all of them."""


@dataclass(frozen=True)
class TableState:
    """A table and its ledger as found; no ledger, if none provably belongs to it."""

    table: pa.Table
    ledger: Ledger | None


@dataclass(frozen=True)
class Commit:
    """A table after a commit.

    Attributes
    ----------
    table : pyarrow.Table
        All its rows.
    data : bytes
        Its file.
    fingerprint : Fingerprint or None
        Of its file; None if nothing had to be written.
    ledger : dict
        By image id.
    removed : list of str
        Images that went because the dataset has them no more.
    """

    table: pa.Table
    data: bytes
    fingerprint: Fingerprint | None
    ledger: Ledger
    removed: list[str]


def read_state(store: Store, table_name: str, data: bytes | None) -> TableState | None:
    """Return the table in `data` with its ledger, or None if there is no readable table."""
    if data is None:
        return None
    try:
        table = frames.parquet_to_arrow(data)
    except frames.UnreadableParquet:
        # A damaged table is made anew; its bytes stay until then.
        return None
    return TableState(table, find_ledger(store, table_name, table, data))


def commit_rows(
    ds: ZarrDataset,
    contract: TableContract,
    changed: Mapping[str, ImageRows],
    *,
    complete: bool,
    failed: Sequence[str] = (),
    made_by: Mapping[str, str] | None = None,
) -> Commit:
    """Merge changed images into a table, and write it with its ledger.

    Parameters
    ----------
    ds : ZarrDataset
        The dataset.
    contract : TableContract
        The table's.
    changed : mapping of str to ImageRows
        New rows by image id; all others keep theirs.
    complete : bool
        Whether `changed` and `failed` speak of all images, so that no ledger is needed.
    failed : sequence of str
        Images that keep their old rows although they may be stale.
    made_by : mapping of str to str
        More words for the table's footer: what made it.

    Raises
    ------
    LedgerLost
        Not `complete`, and no ledger tells what the other images gave.
    SchemaError
        Columns of two images do not go together. Nothing is written.
    """
    store = ds.store
    key = layout.table_key(contract.table_name)
    result: Commit | None = None
    replaced: str | None = None
    written: str | None = None

    def change(present: bytes | None) -> bytes | None:
        nonlocal result, replaced, written
        _drop_ledger(store, contract, written)
        written = None
        state = read_state(store, contract.table_name, present)
        old = _known_entries(state, contract, complete=complete, failed=failed)
        live = set(ds.list_image_ids())
        ledger = {image_id: entry for image_id, entry in old.items() if image_id in live}
        for image_id, rows in changed.items():
            if image_id in live:
                ledger[image_id] = LedgerEntry(rows.table.num_rows, rows.own_schema, contract.schema_version)
        removed = sorted(set(old) - live)
        if state is not None and state.ledger == ledger and present and not changed:
            result = Commit(state.table, present, None, ledger, [])
            return None
        merged = _merge(contract, state, ledger, {i: rows for i, rows in changed.items() if i in live})
        commit_id = uuid.uuid4().hex
        footer = {**(made_by or {}), "kymflow.indexer": contract.indexer}
        footer |= {"kymflow.schema_version": contract.schema_version, COMMIT.decode(): commit_id}
        data = frames.arrow_to_parquet(merged.replace_schema_metadata(footer))
        store.put(
            layout.ledger_key(contract.table_name, commit_id),
            encode_ledger(ledger, commit_id, data),
            flush=True,
        )
        written = commit_id
        replaced = commit_of(state.table) if state is not None else None
        result = Commit(merged, data, None, ledger, removed)
        return data

    try:
        fingerprint = store.update(key, change)
    except BaseException:
        _drop_ledger(store, contract, written)
        raise
    if result is None:
        raise AssertionError("the store did not call for the change")
    if fingerprint is None:
        return result
    _drop_ledger(store, contract, replaced)
    return Commit(result.table, result.data, fingerprint, result.ledger, result.removed)


def _drop_ledger(store: Store, contract: TableContract, commit_id: str | None) -> None:
    if commit_id is not None:
        store.delete(layout.ledger_key(contract.table_name, commit_id))


def _known_entries(
    state: TableState | None, contract: TableContract, *, complete: bool, failed: Sequence[str]
) -> Ledger:
    if state is not None and state.ledger is not None:
        return state.ledger
    if not complete:
        raise LedgerLost
    if state is None or IMAGE_ID not in state.table.column_names:
        return {}
    # Nothing tells what these gave; what the table holds of them is the best there is.
    known = {}
    for image_id in failed:
        rows = own_columns(_rows_of(state.table, [image_id]))
        if rows.num_rows:
            known[image_id] = LedgerEntry(rows.num_rows, rows.schema, "")
    return known


def _rows_of(table: pa.Table, image_ids: Sequence[str]) -> pa.Table:
    ids = table.column(IMAGE_ID).cast(pa.string())
    return table.filter(pc.is_in(ids, value_set=pa.array(image_ids, pa.string())))


def _merge(
    contract: TableContract, state: TableState | None, ledger: Ledger, changed: Mapping[str, ImageRows]
) -> pa.Table:
    schema = table_schema(contract, ((image_id, ledger[image_id].schema) for image_id in sorted(ledger)))
    kept_ids = [image_id for image_id in ledger if image_id not in changed]
    pieces = []
    if state is not None and kept_ids:
        pieces.append(conform(_rows_of(state.table, kept_ids), schema, contract))
    pieces += [
        conform(changed[image_id].table, schema, contract)
        for image_id in sorted(changed)
        if changed[image_id].table.num_rows
    ]
    if not pieces:
        return schema.empty_table()
    merged = pa.concat_tables(pieces)
    if len(pieces) > 1 and kept_ids:
        merged = merged.take(pc.sort_indices(merged.column(IMAGE_ID)))
    merged = merged.combine_chunks()
    check_exact(merged, contract)
    return merged
