"""The commit: changed rows merged into a table as it is now, table and ledger written as one step."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.tables.ledger import Ledger
from kymflow.core.zarr.tables.ledger_file import COMMIT, TableFile, commit_of, encode_ledger
from kymflow.core.zarr.tables.merge import Kept, Merge, keep_failed, nothing_kept
from kymflow.core.zarr.tables.state import DECLARED, INDEXER, TableState, read_state
from kymflow_zarr import layout
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import OutdatedError
from kymflow_zarr.store.dependencies import look_at

if TYPE_CHECKING:
    from kymflow.core.zarr.extraction.rows import ImageRows
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Fingerprint
    from kymflow_zarr.store.tracking import Dependency


Redo = Callable[[Sequence[str]], "tuple[dict[str, ImageRows], dict[str, str]]"]


class LedgerLost(Exception):
    """Some images were to change, but what the others gave is not known: extract all of them."""


@dataclass(frozen=True)
class Commit:
    """A table after a commit.

    Attributes
    ----------
    table : pyarrow.Table
        All its rows.
    file : TableFile
        Its file.
    fingerprint : Fingerprint or None
        Of its file; None if nothing had to be written.
    ledger : Ledger
        What each image gave.
    removed : list of str
        Images that went because the dataset has them no more.
    """

    table: pa.Table
    file: TableFile
    fingerprint: Fingerprint | None
    ledger: Ledger
    removed: list[str]


def commit_rows(
    ds: ZarrDataset,
    contract: TableContract,
    changed: Mapping[str, ImageRows],
    *,
    complete: bool,
    redo: Redo,
    failed: Mapping[str, str] | None = None,
    gone: Iterable[str] = (),
    yielding: Iterable[str] = (),
    revalidated: Mapping[str, Sequence[Dependency]] | None = None,
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
        Extracts images again, by id; gives rows, and causes of those that fail and keep their old rows.
        Images in neither have gone.
    failed : mapping of str to str
        Causes by image id; these images keep their old rows although they may be stale.
    gone : iterable of str
        Images whose rows go, unless they have come back: then they are extracted.
    yielding : iterable of str
        Those of `failed` whose rows go all the same, since they do not go with the others' new ones.
    revalidated : mapping of str to sequence of Dependency
        Of images that stay as they are: what had to be read to know that, as it was found.
    made_by : mapping of str to str
        More words for the table's footer: what made it.

    Raises
    ------
    LedgerLost
        Not `complete`, and no ledger tells what the other images gave.
    SchemaError
        Columns of two images do not go together. Nothing is written.
    """
    attempt = _Attempt(ds, contract, complete, redo, made_by or {})
    attempt.changed.update(changed)
    attempt.failed.update(failed or {})
    attempt.gone.update(gone)
    attempt.yielding.update(yielding)
    attempt.revalidated.update(revalidated or {})
    try:
        fingerprint = ds.store.update(layout.table_key(contract.table_name), attempt.change)
    except BaseException:
        if not attempt.is_in_place():
            attempt.withdraw()
        raise
    if attempt.result is None:
        raise AssertionError("the store did not call for the change")
    if fingerprint is not None:
        for key in attempt.older_ledgers:
            ds.store.discard(key)
    return replace(attempt.result, fingerprint=fingerprint)


class _Attempt:
    """One attempt to commit; the store may call for the change again if another writer was first."""

    def __init__(
        self, ds: ZarrDataset, contract: TableContract, complete: bool, redo: Redo, made_by: Mapping[str, str]
    ) -> None:
        self.ds = ds
        self.contract = contract
        self.complete = complete
        self.redo = redo
        self.changed: dict[str, ImageRows] = {}
        self.failed: dict[str, str] = {}
        self.gone: set[str] = set()
        self.yielding: set[str] = set()
        self.revalidated: dict[str, Sequence[Dependency]] = {}
        self.footer = {
            **made_by,
            INDEXER: contract.indexer,
            "kymflow.schema_version": contract.schema_version,
            DECLARED: json.dumps(contract.declared_types, sort_keys=True),
        }
        self.result: Commit | None = None
        self.older_ledgers: list[str] = []
        self.written: str | None = None

    def change(self, present: bytes | None) -> bytes | None:
        """Return the table's new bytes, its ledger being written; None if it is right as it is."""
        if self.result is not None and present == self.result.file.data:
            # Only the answer to the last put was lost on its way.
            return None
        self.withdraw()
        contract, store = self.contract, self.ds.store
        # What is there now is of older commits, or of writers that this commit makes start again.
        self.older_ledgers = [found.key for found in store.list(layout.ledger_prefix(contract.table_name))]
        state = read_state(store, contract.table_name, present)
        live, outdated = self._look_again(state)
        self._extract_again(outdated, live)
        removed = self._removed(state, live)
        kept = self._kept(state, live)
        if self.complete:
            # A rebuild is asked for when somebody does not trust the file: it is written in any case.
            # Meanwhile the old one, as large as the new one, need not be kept in memory.
            state = present = None
        merge = Merge(
            contract,
            kept,
            {image_id: rows for image_id, rows in sorted(self.changed.items()) if image_id in live},
            {image_id: cause for image_id, cause in self.failed.items() if image_id in live},
            self._vanished(kept.ledger, live),
            self.yielding & live,
        )
        ledger = merge.ledger.revalidated(self.revalidated)
        if state is not None and self._leaves_the_file(state, merge):
            # The file stays, with its time; only what its rows were made from may be new.
            if state.ledger != ledger:
                self._renew_ledger(state, ledger)
            self.result = Commit(state.table, state.file, None, ledger, removed)
            return None
        merged = merge.table()
        # What reading and merging held alone goes, and goes back to the system, before the file comes.
        del merge, kept
        if self.complete:
            pa.default_memory_pool().release_unused()
        commit_id = uuid.uuid4().hex
        words = {**self.footer, COMMIT.decode(): commit_id}
        file = TableFile(frames.arrow_to_parquet(merged.replace_schema_metadata(words)))
        self.written = layout.ledger_key(contract.table_name, commit_id)
        store.put(self.written, encode_ledger(ledger, commit_id, file), flush=True)
        self.result = Commit(merged, file, None, ledger, removed)
        return file.data

    def _look_again(self, state: TableState | None) -> tuple[set[str], list[str]]:
        """Look at all images of which this commit, or what it keeps, speaks.

        Returns
        -------
        live : set of str
            Those that are there.
        outdated : list of str
            Those among them whose rows were made from what has changed since, or that have come back.
        """
        kept = state.ledger if self.complete and state is not None else None
        ids = sorted({*self.changed, *self.failed, *self.gone, *(kept or ())})
        there, hold = look_at(
            self.ds.store,
            (self.ds.attrs_key(image_id) for image_id in ids),
            ((image_id, rows.seen) for image_id, rows in self.changed.items()),
        )
        live = {image_id for image_id, is_there in zip(ids, there, strict=True) if is_there}
        fresh = zip(self.changed, hold, strict=True)
        outdated = [image_id for image_id, holds in fresh if not holds and image_id in live]
        back = (self.gone & live).difference(self.changed, self.failed)
        return live, [*outdated, *sorted(back)]

    def _extract_again(self, outdated: Sequence[str], live: set[str]) -> None:
        if not outdated:
            return
        rows, causes = self.redo(outdated)
        for image_id in outdated:
            self.changed.pop(image_id, None)
        self.changed.update(rows)
        self.failed.update(causes)
        lost = set(outdated).difference(rows, causes)
        self.gone.update(lost)
        live.difference_update(lost)

    def _vanished(self, ledger: Ledger, live: set[str]) -> list[str]:
        """Return the images of a ledger that are gone from the dataset, as far as this commit knows."""
        if self.complete:
            return [image_id for image_id in ledger if image_id not in live]
        spoken_of = {*self.changed, *self.failed, *self.gone}
        return [image_id for image_id in spoken_of - live if image_id in ledger]

    def _removed(self, state: TableState | None, live: set[str]) -> list[str]:
        if state is None:
            return []
        if state.ledger is not None:
            return sorted(self._vanished(state.ledger, live))
        gone = state.known_ids() - live
        # In somebody else's table anything may stand there.
        return sorted(gone - self.ds.existing({one for one in gone if layout.is_name(one)}))

    def is_in_place(self) -> bool:
        """Tell whether the table is this commit's, whatever went wrong after it was written."""
        if self.written is None or self.result is None:
            return False
        try:
            key = layout.table_key(self.contract.table_name)
            return self.ds.store.read(key)[0] == self.result.file.data
        except OSError:
            return False

    def withdraw(self) -> None:
        """Delete the ledger of a commit that did not come about."""
        if self.written is not None:
            self.ds.store.discard(self.written)
            self.written = None

    def _leaves_the_file(self, state: TableState, merge: Merge) -> bool:
        if commit_of(state.schema) is None:
            return False
        if not self.ds.store.keeps_others_out:
            # A slower writer with older rows would not notice that these were found to be right.
            return False
        words = state.schema.metadata or {}
        if any(words.get(key.encode()) != value.encode() for key, value in self.footer.items()):
            return False
        return not merge.changes_rows_of(state.schema)

    def _renew_ledger(self, state: TableState, ledger: Ledger) -> None:
        commit_id = commit_of(state.schema) or ""
        key = layout.ledger_key(self.contract.table_name, commit_id)
        self.ds.store.put(key, encode_ledger(ledger, commit_id, state.file), flush=True)
        self.older_ledgers = [other for other in self.older_ledgers if other != key]

    def _kept(self, state: TableState | None, live: set[str]) -> Kept:
        """Return what the images that did not change gave, as far as it still holds.

        A ledger of another indexer or another schema version holds no more: then all images must
        have been extracted. Where all were, others may have come since, by another writer.
        """
        if state is not None and state.ledger is not None and state.holds(self.contract):
            if self.complete and live <= self.changed.keys():
                return nothing_kept()
            return Kept(state.table, state.ledger)
        if not self.complete:
            if state is not None and self._is_outdated(state):
                raise OutdatedError
            raise LedgerLost
        return nothing_kept() if state is None else keep_failed(state.table, self.failed, self.contract)

    def _is_outdated(self, state: TableState) -> bool:
        """Tell whether another writer has replaced the table, and taken the old ledger with it."""
        store = self.ds.store
        if store.keeps_others_out or state.ledger is not None:
            return False
        try:
            return store.read(layout.table_key(self.contract.table_name))[0] != state.file.data
        except FileNotFoundError:
            return True
