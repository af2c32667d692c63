"""One run of one indexer over some or all images: extract, commit, and again what changed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kymflow.core.runs.options import RunOptions
from kymflow.core.runs.reports import UpdateReport
from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.extraction.run import extract_images
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.refresh.plan import make_plan, remember
from kymflow.core.zarr.tables.commit import Changes, Commit, LedgerLost, commit_rows
from kymflow.core.zarr.tables.state import CODE, find_state
from kymflow.errors import SchemaError
from kymflow_zarr import layout
from kymflow_zarr.errors import CancelledError, KymflowError, RecordNotFoundError

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.base import DatasetIndexer
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing
    from kymflow_zarr.store.dependencies import Dependencies

# So many times an image is extracted that changes each time while it is; then it is left stale.
MAX_ROUNDS = 4


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes
    ----------
    commit : Commit or None
        The last one; None if there was nothing to do.
    report : UpdateReport
        What was done.
    wrote : bool
        Whether the table's file is another one now.
    error : KymflowError or None
        What went wrong after the first commit, with ``on_error="raise"``.
    """

    commit: Commit | None
    report: UpdateReport
    wrote: bool = False
    error: KymflowError | None = None


def update_table(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    options: RunOptions,
    *,
    image_ids: Iterable[str] | None = None,
    listing: Listing | None = None,
    made_by: Mapping[str, str] | None = None,
) -> Outcome:
    """Extract images again and put their rows into the table, in one write.

    Parameters
    ----------
    ds, indexer, contract, options
        What to run on what, and how.
    image_ids : iterable of str or None
        The images; None means all. Where it is not known what the others gave to the table
        (there is no table yet, or somebody else wrote it), these are extracted as well.
    listing : Listing, optional
        Which images there are, if they have been listed already.
    made_by : mapping of str to str, optional
        More metadata for the table's footer.

    Raises
    ------
    RecordNotFoundError
        An id of `image_ids` that neither the dataset nor the table knows.
    """
    ds.check_writable()
    if image_ids is None and listing is None and ds.store.lists_all_for_names:
        listing = ds.listing()
    run = _Run(ds, indexer, contract, options, made_by or {}, listing)
    if image_ids is None:
        live = ds.list_image_ids() if listing is None else listing.names
        return run.update(live, whole=True)
    requested, live = _check_known(ds, contract, image_ids)
    return run.update(live, deleted=set(requested).difference(live))


def refresh_table(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    options: RunOptions,
    *,
    listing: Listing | None = None,
    made_by: Mapping[str, str] | None = None,
    changed_code: bool = False,
) -> Outcome:
    """Bring a table up to its images' artifacts, extracting only what is stale; see :func:`update_table`.

    With `changed_code`, a table that other code made is stale as a whole.
    """
    ds.check_writable()
    started = time.perf_counter()
    listing = ds.listing() if listing is None else listing
    quiet = replace(options, on_progress=None)
    code = (made_by or {}).get(CODE, "") if changed_code else ""
    plan = make_plan(ds, contract, listing, find_state(ds.store, contract.table_name), quiet, code)
    if not plan.is_empty:
        # The plan has seen which images there are; those that come or go meanwhile, the commit sees.
        run = _Run(ds, indexer, contract, options, made_by or {}, listing, started)
        # Of a table without ledger, ids may be anything; the commit finds those that were deleted.
        deleted = frozenset() if plan.whole else frozenset(plan.removed)
        return run.update(list(plan.stale), whole=plan.whole, deleted=deleted, revalidated=plan.revalidated)
    if plan.revalidated is not None:
        remember(ds, contract, plan.revalidated)
    report = UpdateReport(
        table_name=contract.table_name,
        rows=plan.rows,
        images=plan.fresh,
        unchanged=plan.fresh,
        seconds=time.perf_counter() - started,
    )
    return Outcome(None, report)


@dataclass
class _Run:
    """One run: what it is told, and what has become of images so far."""

    ds: ZarrDataset
    indexer: DatasetIndexer
    contract: TableContract
    options: RunOptions
    made_by: Mapping[str, str]
    listing: Listing | None = None
    started: float = field(default_factory=time.perf_counter)
    extracted: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    wrote: bool = False

    def update(
        self,
        image_ids: Sequence[str],
        *,
        whole: bool = False,
        deleted: Set[str] = frozenset(),
        revalidated: Dependencies | None = None,
    ) -> Outcome:
        """Extract images and commit their rows; extract again what changed meanwhile, a few times."""
        rows, failed = self._extract(image_ids, self.options)
        missing = {*deleted, *image_ids}.difference(rows.image_ids, failed)
        commit = self._commit(Changes(rows, failed, missing, whole, revalidated))
        error = None
        for _ in range(MAX_ROUNDS - 1):
            if not commit.outdated or self.options.is_cancelled:
                break
            try:
                commit = self._update_again(commit.outdated)
            except CancelledError:
                break
            except KymflowError as caught:
                # The table has been written: that is told before this is.
                error = caught
                break
        return Outcome(commit, self._report(commit), self.wrote, error)

    def _update_again(self, image_ids: Sequence[str]) -> Commit:
        self.listing = None
        rows, failed = self._extract(image_ids, replace(self.options, on_progress=None))
        return self._commit(Changes(rows, failed, set(image_ids).difference(rows.image_ids, failed)))

    def _extract(self, image_ids: Sequence[str], options: RunOptions) -> tuple[Batch, dict[str, str]]:
        rows, errors = extract_images(self.ds, self.indexer, self.contract, image_ids, options, self.listing)
        return rows, {image_id: str(error) for image_id, error in errors.items()}

    def _commit(self, changes: Changes) -> Commit:
        """Commit changes, and first extract the other images where nothing tells what they gave."""
        while True:
            try:
                commit = commit_rows(self.ds, self.contract, changes, self.made_by)
                break
            except LedgerLost:
                changes = self._with_others(changes)
            except SchemaError as error:
                changes = self._without_conflicts(changes, error)
        self.extracted.update(changes.rows.image_ids)
        self.failed = {one: cause for one, cause in self.failed.items() if one not in self.extracted}
        self.failed.update(changes.failed)
        self.removed.update(commit.removed)
        self.wrote |= commit.fingerprint is not None
        return commit

    def _with_others(self, changes: Changes) -> Changes:
        known = {*changes.rows.image_ids, *changes.failed}
        others = [image_id for image_id in self.ds.list_image_ids() if image_id not in known]
        rows, failed = self._extract(others, self.options.after(len(known)))
        return Changes(Batch.concat([changes.rows, rows]), {**changes.failed, **failed}, whole=True)

    def _without_conflicts(self, changes: Changes, error: SchemaError) -> Changes:
        """Return the changes without images whose columns do not go with the others'."""
        if self.options.on_error == "raise":
            raise error
        at_fault = error.causes.keys()
        if not at_fault:
            raise error
        # What was not extracted just now, or failed, is in the table: these rows go, as a rebuild would
        # have it. What was extracted leaves the image's older rows, if they go with the others.
        in_table = at_fault - set(changes.rows.image_ids)
        return replace(
            changes,
            rows=changes.rows.without(at_fault),
            failed={**error.causes, **changes.failed},
            deleted=changes.deleted | in_table,
        )

    def _report(self, commit: Commit) -> UpdateReport:
        updated = sorted(commit.ledger.among(self.extracted.difference(self.failed)))
        return UpdateReport(
            table_name=self.contract.table_name,
            rows=commit.table.num_rows,
            images=commit.ledger.n_known,
            updated=updated,
            removed=sorted(self.removed.difference(commit.ledger.among(self.removed))),
            unchanged=len(commit.ledger) - len(updated) - len(commit.ledger.among(self.failed)),
            failed=self.failed,
            stale=commit.outdated,
            seconds=time.perf_counter() - self.started,
        )


def _check_known(
    ds: ZarrDataset, contract: TableContract, image_ids: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Return the ids, sorted, if the dataset or the table knows them all; and those that are there."""
    ids = [image_ids] if isinstance(image_ids, str) else list(image_ids)
    requested = sorted({layout.check_name(image_id, "image id") for image_id in ids})
    there = sorted(ds.existing(requested))
    absent = sorted(set(requested).difference(there))
    if not absent:
        return requested, there
    state = find_state(ds.store, contract.table_name)
    if state is None and ds.store.exists(layout.table_key(contract.table_name)):
        # A damaged table may have known them, and so may one without ledger.
        return requested, there
    if state is not None and state.ledger is None:
        return requested, there
    known = state.ledger if state is not None and state.ledger is not None else {}
    for image_id in absent:
        if image_id not in known:
            raise RecordNotFoundError(
                f"{ds.path} has no image {image_id!r}, and neither has table {contract.table_name!r}.",
                advice="list_image_ids() tells which images there are.",
                dataset=ds.path,
                image_id=image_id,
                table_name=contract.table_name,
            )
    return requested, there
