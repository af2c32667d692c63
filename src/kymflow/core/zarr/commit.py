"""The commit: changed rows merged into a table as it is now, table and ledger written as one step."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.ledger import COMMIT, Ledger, LedgerEntry, commit_of, encode_ledger, find_ledger
from kymflow.core.zarr.schema import check_exact, conform, own_columns, table_schema
from kymflow.errors import SchemaError
from kymflow_zarr import frames, layout

if TYPE_CHECKING:
    from kymflow.core.zarr.extraction import ImageRows
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store import Fingerprint, Store


INDEXER = "kymflow.indexer"
Redo = Callable[[str], "ImageRows | str"]
# Of rows that a failed image keeps although nothing tells what made them.
_UNKNOWN_VERSION = ""


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


def made_by_indexer(table: pa.Table, contract: TableContract) -> bool:
    """Tell whether a table's footer names the indexer of this contract."""
    return (table.schema.metadata or {}).get(INDEXER.encode()) == contract.indexer.encode()


def commit_rows(
    ds: ZarrDataset,
    contract: TableContract,
    changed: Mapping[str, ImageRows],
    *,
    complete: bool,
    redo: Redo,
    failed: Mapping[str, str] | None = None,
    made_by: Mapping[str, str] | None = None,
) -> Commit:
    """Merge changed images into a table, and write it with its ledger.

    What an image's rows were made from may have changed since they were extracted, and another
    writer may have committed newer rows already. So it is looked at again while no other writer
    can commit, and what changed is extracted once more.

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
    redo : callable
        Extracts an image again, by id; the cause, if that fails and the image keeps its old rows.
    failed : mapping of str to str
        Causes by image id; these images keep their old rows although they may be stale.
    made_by : mapping of str to str
        More words for the table's footer: what made it.

    Raises
    ------
    LedgerLost
        Not `complete`, and no ledger tells what the other images gave.
    SchemaError
        Columns of two images do not go together. Nothing is written.
    """
    attempt = _Attempt(ds, contract, dict(changed), complete, redo, dict(failed or {}), dict(made_by or {}))
    try:
        fingerprint = ds.store.update(layout.table_key(contract.table_name), attempt.change)
    except BaseException:
        attempt.withdraw()
        raise
    if attempt.result is None:
        raise AssertionError("the store did not call for the change")
    if fingerprint is not None:
        for key in attempt.older_ledgers:
            ds.store.delete(key)
    return replace(attempt.result, fingerprint=fingerprint)


class _Attempt:
    """One attempt to commit; the store may call for the change again if another writer was first."""

    def __init__(
        self,
        ds: ZarrDataset,
        contract: TableContract,
        changed: dict[str, ImageRows],
        complete: bool,
        redo: Redo,
        failed: dict[str, str],
        made_by: dict[str, str],
    ) -> None:
        self.ds = ds
        self.contract = contract
        self.changed = changed
        self.complete = complete
        self.redo = redo
        self.failed = failed
        self.footer = {
            **made_by,
            INDEXER: contract.indexer,
            "kymflow.schema_version": contract.schema_version,
        }
        self.result: Commit | None = None
        self.older_ledgers: list[str] = []
        self.written: str | None = None

    def change(self, present: bytes | None) -> bytes | None:
        """Return the table's new bytes, its ledger being written; None if it is right as it is."""
        self.withdraw()
        contract, store = self.contract, self.ds.store
        # What is there now is of older commits, or of writers that this commit makes start again.
        self.older_ledgers = [found.key for found in store.list(layout.ledger_prefix(contract.table_name))]
        state = read_state(store, contract.table_name, present)
        live = set(self.ds.list_image_ids())
        self._redo_what_changed(live)
        old = self._kept_entries(state)
        changed = {image_id: rows for image_id, rows in self.changed.items() if image_id in live}
        ledger = {image_id: entry for image_id, entry in old.items() if image_id in live}
        for image_id, rows in changed.items():
            ledger[image_id] = LedgerEntry(
                rows.table.num_rows, rows.own_schema, contract.schema_version, tuple(rows.seen)
            )
        nothing = LedgerEntry(0, pa.schema([]), contract.schema_version)
        for image_id, cause in self.failed.items():
            if image_id in live:
                ledger[image_id] = replace(ledger.get(image_id, nothing), error=cause)
        merged = _merge(contract, state, ledger, changed)
        removed = sorted(known_ids(state) - live)
        if state is not None and present is not None and self._says_the_same(state, merged):
            # The file stays, with its time; only what its rows were made from may be new.
            if state.ledger != ledger:
                self._renew_ledger(state.table, present, ledger)
            self.result = Commit(state.table, present, None, ledger, removed)
            return None
        commit_id = uuid.uuid4().hex
        data = frames.arrow_to_parquet(
            merged.replace_schema_metadata({**self.footer, COMMIT.decode(): commit_id})
        )
        self.written = layout.ledger_key(contract.table_name, commit_id)
        store.put(self.written, encode_ledger(ledger, commit_id, data), flush=True)
        self.result = Commit(merged, data, None, ledger, removed)
        return data

    def _redo_what_changed(self, live: set[str]) -> None:
        for image_id, rows in list(self.changed.items()):
            if image_id not in live or rows.still_hold(self.ds.store):
                continue
            again = self.redo(image_id)
            if isinstance(again, str):
                del self.changed[image_id]
                self.failed[image_id] = again
            else:
                self.changed[image_id] = again

    def withdraw(self) -> None:
        """Delete the ledger of a commit that did not come about."""
        if self.written is not None:
            self.ds.store.delete(self.written)
            self.written = None

    def _says_the_same(self, state: TableState, merged: pa.Table) -> bool:
        if self.complete or commit_of(state.table) is None:
            # A rebuild is asked for when somebody does not trust the file.
            return False
        words = state.table.schema.metadata or {}
        if any(words.get(key.encode()) != value.encode() for key, value in self.footer.items()):
            return False
        old, new = state.table.replace_schema_metadata(None), merged.replace_schema_metadata(None)
        return bool(old.schema.equals(new.schema, check_metadata=True) and old.equals(new))

    def _renew_ledger(self, table: pa.Table, data: bytes, ledger: Ledger) -> None:
        commit_id = commit_of(table) or ""
        key = layout.ledger_key(self.contract.table_name, commit_id)
        self.ds.store.put(key, encode_ledger(ledger, commit_id, data), flush=True)
        self.older_ledgers = [other for other in self.older_ledgers if other != key]

    def _kept_entries(self, state: TableState | None) -> Ledger:
        """Return what the images that did not change gave, as far as it still holds.

        A ledger of another indexer or another schema version holds no more: then all images must
        have been extracted. Those that failed keep what the table has of them, if it still fits.
        """
        if state is not None and state.ledger is not None and self._holds(state.ledger, state.table):
            return state.ledger
        if not self.complete:
            raise LedgerLost
        kept: Ledger = {}
        if state is not None and IMAGE_ID in state.table.column_names:
            for image_id in self.failed:
                rows = own_columns(_rows_of(state.table, [image_id]))
                if rows.num_rows and self._fits(rows):
                    kept[image_id] = LedgerEntry(rows.num_rows, rows.schema, _UNKNOWN_VERSION)
        return kept

    def _holds(self, ledger: Ledger, table: pa.Table) -> bool:
        # A failed image keeps rows of whatever version until it can be extracted again.
        versions = {entry.schema_version for entry in ledger.values() if not entry.error}
        return made_by_indexer(table, self.contract) and versions <= {self.contract.schema_version}

    def _fits(self, rows: pa.Table) -> bool:
        try:
            conform(rows, table_schema(self.contract, [("", rows.schema)]), self.contract)
        except SchemaError:
            return False
        return True


def known_ids(state: TableState | None) -> set[str]:
    """Return the images that a table spoke of."""
    if state is None:
        return set()
    if state.ledger is not None:
        return set(state.ledger)
    if IMAGE_ID not in state.table.column_names:
        return set()
    return {str(image_id) for image_id in pc.unique(state.table.column(IMAGE_ID)).to_pylist()}


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
