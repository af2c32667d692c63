"""The commit: changed rows merged into a table as it is now, table and ledger written as one step."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.tables.ledger import Ledger
from kymflow.core.zarr.tables.ledger_file import COMMIT, TableFile, commit_of, encode_ledger
from kymflow.core.zarr.tables.merge import Kept, Merge, keep_failed, nothing_kept
from kymflow.core.zarr.tables.state import CODE, TableState, footer_of, read_state
from kymflow_zarr import layout
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import OutdatedError
from kymflow_zarr.store.comparison import Comparison, compare, look
from kymflow_zarr.store.dependencies import Dependencies

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Fingerprint


class LedgerLost(Exception):
    """Some images were to change, but what the others gave is not known: extract these as well."""


@dataclass(frozen=True)
class Changes:
    """What a commit is to change.

    Attributes
    ----------
    rows : Batch
        New rows; all other images keep theirs.
    failed : mapping of str to str
        Causes by image id; these images keep their old rows although they may be stale.
    deleted : set of str
        Images whose rows go: they have been deleted, or they failed and their old rows do not go with
        the others' new ones.
    whole : bool
        Whether `rows` and `failed` speak of all images, so that no ledger is needed.
    revalidated : Dependencies or None
        Dependencies that had to be read to be found unchanged, of images that stay as they are.
    """

    rows: Batch = field(default_factory=lambda: Batch.concat([]))
    failed: Mapping[str, str] = field(default_factory=dict)
    deleted: Set[str] = frozenset()
    whole: bool = False
    revalidated: Dependencies | None = None

    @property
    def image_ids(self) -> set[str]:
        """All images that are spoken of."""
        return {*self.rows.image_ids, *self.failed, *self.deleted}


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
    outdated : list of str
        Images to extract again: what their rows were made from has changed since, or they were said to
        be deleted and are there.
    """

    table: pa.Table
    file: TableFile
    fingerprint: Fingerprint | None
    ledger: Ledger
    removed: list[str]
    outdated: list[str]


def commit_rows(
    ds: ZarrDataset, contract: TableContract, changes: Changes, made_by: Mapping[str, str] | None = None
) -> Commit:
    """Merge changed images into a table, and write it with its ledger.

    What an image's rows were made from may have changed since they were extracted, and another
    writer may have committed newer rows already. So it is looked at again while no other writer can
    commit. Outdated rows give way to rows in the table that still hold, or that were extracted later;
    otherwise they are committed as what they were made from, so that they count as stale.

    Parameters
    ----------
    ds : ZarrDataset
        The dataset.
    contract : TableContract
        The table's.
    changes : Changes
        What to change.
    made_by : mapping of str to str or None
        More metadata for the table's footer: what made it. None leaves the footer as it is.

    Raises
    ------
    LedgerLost
        Not all images were extracted, and no ledger tells what the others gave.
    SchemaError
        Columns of two images do not go together. Nothing is written.
    """
    attempt = _Attempt(ds, contract, changes, made_by)
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
        self,
        ds: ZarrDataset,
        contract: TableContract,
        changes: Changes,
        made_by: Mapping[str, str] | None,
    ) -> None:
        self.ds = ds
        self.contract = contract
        self.changes = changes
        self.footer = None if made_by is None else footer_of(contract, made_by)
        self.result: Commit | None = None
        self.older_ledgers: list[str] = []
        self.written: str | None = None

    def change(self, present: bytes | None) -> bytes | None:
        """Return the table's new bytes, its ledger being written; None if it is right as it is."""
        if self.result is not None and present == self.result.file.data:
            # Only the answer to the last put was lost on its way.
            return None
        self.withdraw()
        contract, store, changes = self.contract, self.ds.store, self.changes
        # What is there now is of older commits, or of writers that this commit makes start again.
        self.older_ledgers = [found.key for found in store.list(layout.ledger_prefix(contract.table_name))]
        state = read_state(store, contract.table_name, present)
        live, comparison = self._look_again(state)
        ledger = self._ledger(state)
        rows, outdated = self._choose(ledger, live, comparison)
        removed = self._removed(state, live)
        kept = self._kept(state, ledger, live, rows)
        if changes.whole:
            # A rebuild is asked for when somebody does not trust the file: it is written in any case.
            # Meanwhile the old one, as large as the new one, need not be kept in memory.
            state = present = None
        merge = Merge(
            contract,
            kept,
            rows,
            {image_id: cause for image_id, cause in changes.failed.items() if image_id in live},
            {*self._deleted(kept.ledger, live), *(changes.deleted & changes.failed.keys() & live)},
        )
        new = merge.ledger
        if state is not None and self._leaves_the_file(state, merge):
            # The file stays, with its time; only what its rows were made from may be new.
            if state.ledger != new:
                self._put_ledger(new, commit_of(state.schema) or "", state.file)
            self.result = Commit(state.table, state.file, None, new, removed, outdated)
            return None
        merged = merge.table()
        # What reading and merging held alone goes, and goes back to the system, before the file comes.
        del merge, kept, rows
        if changes.whole:
            pa.default_memory_pool().release_unused()
        commit_id = uuid.uuid4().hex
        footer = {**self._footer_of(state), COMMIT: commit_id.encode()}
        file = TableFile(frames.arrow_to_parquet(merged.replace_schema_metadata(footer)))
        self.written = self._put_ledger(new, commit_id, file)
        self.result = Commit(merged, file, None, new, removed, outdated)
        return file.data

    def _look_again(self, state: TableState | None) -> tuple[set[str], Comparison]:
        """Look at all images of which this commit, or what it keeps, speaks; return those that are there."""
        known = state.ledger if self.changes.whole and state is not None else None
        ids = sorted({*self.changes.image_ids, *(known or ())})
        there, comparison = look(
            self.ds.store,
            [self.ds.attrs_key(image_id) for image_id in ids],
            self.changes.rows.dependencies,
        )
        live = {image_id for image_id, is_there in zip(ids, there, strict=True) if is_there}
        return live.difference(self.ds.find_copies(live)), comparison

    def _ledger(self, state: TableState | None) -> Ledger | None:
        """Return what the images in the table gave, as far as it still holds.

        A ledger of another indexer or another schema version holds no more: then all images must have
        been extracted. Where all were, others may have come since, by another writer.
        """
        if state is not None and state.ledger is not None and state.holds(self.contract):
            # First what was found unchanged, as it was found: where types clash, times count.
            found = self.changes.revalidated
            return state.ledger if found is None else state.ledger.revalidated(found)
        if not self.changes.whole:
            if state is not None and self._is_outdated(state):
                raise OutdatedError
            raise LedgerLost
        return None

    def _choose(
        self, ledger: Ledger | None, live: set[str], comparison: Comparison
    ) -> tuple[Batch, list[str]]:
        """Return the rows to commit, and which images to extract again."""
        changes = self.changes
        rows = replace(changes.rows, dependencies=comparison.now)
        there = np.array([image_id in live for image_id in rows.image_ids], bool)
        back = sorted((set(changes.deleted) & live).difference(rows.image_ids, changes.failed))
        outdated = np.flatnonzero(there & ~comparison.holds)
        if not len(outdated):
            return rows.where(there), back
        mine = changes.rows.take(outdated)
        better, hold = self._better_in_table(ledger, mine)
        there[outdated[better]] = False
        again = [image_id for image_id, holds in zip(mine.image_ids, hold, strict=True) if not holds]
        return rows.where(there), sorted([*again, *back])

    def _better_in_table(
        self, ledger: Ledger | None, mine: Batch
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Tell for which outdated rows those in the table are better, and where these hold."""
        better, hold = np.zeros(len(mine), bool), np.zeros(len(mine), bool)
        known = (
            set()
            if ledger is None
            else {one for one in ledger.among(mine.image_ids) if not ledger[one].error}
        )
        places = [place for place, image_id in enumerate(mine.image_ids) if image_id in known]
        if ledger is None or not places:
            return better, hold
        theirs = ledger.dependencies_of([mine.image_ids[place] for place in places])
        hold[places] = compare(self.ds.store, theirs).holds
        # Which of two outdated extractions came later is told by the clock; both will be done again.
        better[places] = theirs.earliest_ns() > mine.dependencies.earliest_ns()[places]
        return better | hold, hold

    def _deleted(self, ledger: Ledger, live: set[str]) -> list[str]:
        """Return the images of a ledger that have been deleted, as far as this commit knows."""
        if self.changes.whole:
            return [image_id for image_id in ledger if image_id not in live]
        return [image_id for image_id in self.changes.image_ids - live if image_id in ledger]

    def _removed(self, state: TableState | None, live: set[str]) -> list[str]:
        if state is None:
            return []
        if state.ledger is not None:
            return sorted(self._deleted(state.ledger, live))
        absent = state.known_ids() - live
        # In somebody else's table anything may stand there.
        return sorted(absent - self.ds.existing({one for one in absent if layout.is_name(one)}))

    def _kept(self, state: TableState | None, ledger: Ledger | None, live: set[str], rows: Batch) -> Kept:
        """Return what the images that do not change gave."""
        if state is None:
            return nothing_kept()
        if ledger is not None and self.changes.whole and live <= set(rows.image_ids):
            return nothing_kept()
        if ledger is not None and state.fits(ledger):
            return Kept(state.table, ledger)
        if not self.changes.whole:
            raise LedgerLost
        return keep_failed(state.table, self.changes.failed, self.contract)

    def is_in_place(self) -> bool:
        """Tell whether the table is this commit's, whatever went wrong after it was written."""
        if self.written is None or self.result is None:
            return False
        try:
            key = layout.table_key(self.contract.table_name)
            return self.ds.store.read(key)[0] == self.result.file.data
        except FileNotFoundError:
            return False
        except OSError:
            # Nobody knows: a ledger too many goes with the next commit, one too few costs a rebuild.
            return True

    def withdraw(self) -> None:
        """Delete the ledger of a commit that did not come about."""
        if self.written is not None:
            self.ds.store.discard(self.written)
            self.written = None

    def _footer_of(self, state: TableState | None) -> Mapping[bytes, bytes]:
        before = dict(state.schema.metadata or {}) if state is not None else {}
        if self.footer is None and state is not None:
            return before
        footer = {key.encode(): value.encode() for key, value in (self.footer or {}).items()}
        code = CODE.encode()
        if not self.changes.whole and before.get(code) != footer.get(code):
            # The rows of most images are of the code of before.
            footer.pop(code, None)
            footer.update({code: before[code]} if code in before else {})
        return footer

    def _leaves_the_file(self, state: TableState, merge: Merge) -> bool:
        if commit_of(state.schema) is None:
            return False
        if not self.ds.store.keeps_others_out and self.changes.image_ids:
            # A slower writer with older rows would not notice that these were found to be right.
            return False
        metadata = state.schema.metadata or {}
        if any(metadata.get(key) != value for key, value in self._footer_of(state).items()):
            return False
        return not merge.changes_rows_of(state.schema)

    def _put_ledger(self, ledger: Ledger, commit_id: str, file: TableFile) -> str:
        """Write the ledger of a table's file; return its key."""
        key = layout.ledger_key(self.contract.table_name, commit_id)
        self.ds.store.put(key, encode_ledger(ledger, commit_id, file), flush=True)
        self.older_ledgers = [other for other in self.older_ledgers if other != key]
        return key

    def _is_outdated(self, state: TableState) -> bool:
        """Tell whether another writer has replaced the table, and taken the old ledger with it."""
        store = self.ds.store
        if store.keeps_others_out or state.ledger is not None:
            return False
        try:
            return store.read(layout.table_key(self.contract.table_name))[0] != state.file.data
        except FileNotFoundError:
            return True
