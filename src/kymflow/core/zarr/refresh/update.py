"""One run of one indexer over some or all images: extract, commit, report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from kymflow.core.runs.options import OnError
from kymflow.core.runs.reports import UpdateReport
from kymflow.core.zarr.extraction.rows import ImageRows
from kymflow.core.zarr.extraction.run import extract_images
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.refresh.listing import Looks, list_images, look
from kymflow.core.zarr.refresh.plan import make_plan, remember
from kymflow.core.zarr.tables.commit import Commit, LedgerLost, commit_rows
from kymflow.core.zarr.tables.conflicts import find_conflicting_images
from kymflow.core.zarr.tables.state import find_state
from kymflow.errors import SchemaError
from kymflow_zarr import layout
from kymflow_zarr.errors import CancelledError, RecordNotFoundError

if TYPE_CHECKING:
    import threading

    from kymflow.core.zarr.indexers.base import DatasetIndexer
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing
    from kymflow_zarr.store.tracking import Dependency


def update_table(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    *,
    image_ids: Iterable[str] | None = None,
    live: Sequence[str] | None = None,
    listing: Listing | None = None,
    made_by: Mapping[str, str] | None = None,
    **how: Any,
) -> tuple[Commit, UpdateReport]:
    """Extract images again and put their rows into the table, in one write.

    Parameters
    ----------
    ds, indexer, contract
        What to run on what.
    image_ids : iterable of str or None
        The images; None means all. Where it is not known what the others gave to the table
        (there is no table yet, or somebody else wrote it), all are extracted.
    live, listing : optional
        What :func:`list_images` gave, if all images are extracted and they have been listed already.
    made_by : mapping of str to str, optional
        More words for the table's footer.
    **how
        ``on_error``, ``on_progress``, ``cancel`` and ``executor`` of :func:`extract_images`.

    Raises
    ------
    RecordNotFoundError
        An id of `image_ids` that neither the dataset nor the table knows.
    """
    ds.check_writable()
    _check_on_error(**how)
    started = time.perf_counter()
    asked = None
    if image_ids is not None:
        asked, live = _check_known(ds, contract, image_ids)
    return _update(ds, indexer, contract, asked, made_by, started, live=live, listing=listing, **how)


def _update(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    asked: Sequence[str] | None,
    made_by: Mapping[str, str] | None,
    started: float,
    **how: Any,
) -> tuple[Commit, UpdateReport]:
    try:
        rows, failed, commit = _run(ds, indexer, contract, asked, made_by, **how)
    except LedgerLost:
        how["live"] = how["listing"] = None
        rows, failed, commit = _run(ds, indexer, contract, None, made_by, **how)
    updated = sorted(commit.ledger.among(rows))
    report = UpdateReport(
        table_name=contract.table_name,
        rows=commit.table.num_rows,
        images=commit.ledger.n_known,
        updated=updated,
        removed=commit.removed,
        unchanged=len(commit.ledger) - len(updated) - len(commit.ledger.among(failed)),
        failed=failed,
        seconds=time.perf_counter() - started,
    )
    return commit, report


def _run(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    asked: Sequence[str] | None,
    made_by: Mapping[str, str] | None,
    *,
    on_error: OnError = "raise",
    live: Sequence[str] | None = None,
    listing: Listing | None = None,
    cancel: threading.Event | None = None,
    revalidated: Mapping[str, Sequence[Dependency]] | None = None,
    **how: Any,
) -> tuple[dict[str, ImageRows], dict[str, str], Commit]:
    if live is None:
        live, listing = list_images(ds)
    rows, failed = extract_images(
        ds, indexer, contract, live, on_error=on_error, cancel=cancel, listing=listing, **how
    )
    gone = set(asked or ()).difference(rows, failed)

    def redo(image_ids: Sequence[str]) -> tuple[dict[str, ImageRows], dict[str, str]]:
        if cancel is not None and cancel.is_set():
            raise CancelledError(
                f"{contract.indexer!r} was cancelled while it extracted again what had changed meanwhile; "
                f"table {contract.table_name!r} is as it was",
                dataset=ds.path,
                table_name=contract.table_name,
                indexer=contract.indexer,
            )
        again, causes = extract_images(ds, indexer, contract, image_ids, on_error=on_error, cancel=cancel)
        for image_id in set(image_ids).difference(again):
            rows.pop(image_id, None)
        rows.update(again)
        failed.update(causes)
        return again, causes

    yielding: set[str] = set()
    while True:
        try:
            commit = commit_rows(
                ds,
                contract,
                rows,
                complete=asked is None,
                redo=redo,
                failed=failed,
                gone=gone,
                yielding=yielding,
                revalidated=revalidated,
                made_by=made_by,
            )
            return rows, failed, commit
        except SchemaError as error:
            if on_error == "raise":
                raise
            # What a failed image keeps of old gives way to what the others give now.
            older = {image_id for image_id in error.image_ids if image_id in failed} - yielding
            if older:
                yielding |= older
                continue
            conflicting = find_conflicting_images(error, contract, rows)
            if not conflicting:
                raise
            failed.update(conflicting)
            for image_id in conflicting:
                del rows[image_id]


def _check_on_error(*, on_error: object = "raise", **_: Any) -> None:
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}")


def refresh_table(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    *,
    made_by: Mapping[str, str] | None = None,
    looks: Looks | None = None,
    cancel: threading.Event | None = None,
    **how: Any,
) -> tuple[Commit | None, UpdateReport]:
    """Bring a table up to its images' artifacts, extracting only what is stale; see :func:`update_table`.

    Parameters
    ----------
    looks : Looks, optional
        What there is, if other tables are refreshed, too; this is the next of them.

    Returns
    -------
    commit : Commit or None
        None if there was nothing to do, and nothing was written.
    report : UpdateReport
    """
    ds.check_writable()
    _check_on_error(**how)
    started = time.perf_counter()
    with look(ds, [contract.table_name]) if looks is None else nullcontext(looks) as looks:
        listing = looks.listing
        plan = make_plan(ds, contract, listing, looks.table(contract.table_name), cancel=cancel)
        if not plan.is_empty or plan.revalidated:
            looks.forget()
    if not plan.is_empty:
        asked = None if plan.whole else [*plan.stale, *plan.removed]
        # The plan has seen which images there are; those that come or go meanwhile, the commit sees.
        live = list(plan.stale)
        how |= {"cancel": cancel, "revalidated": plan.revalidated, "live": live, "listing": listing}
        return _update(ds, indexer, contract, asked, made_by, started, **how)
    remember(ds, plan)
    report = UpdateReport(
        table_name=contract.table_name,
        rows=plan.rows,
        images=plan.fresh,
        unchanged=plan.fresh,
        seconds=time.perf_counter() - started,
    )
    return None, report


def _check_known(
    ds: ZarrDataset, contract: TableContract, image_ids: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Return the ids, sorted, if the dataset or the table knows them all; and those that are there."""
    ids = [image_ids] if isinstance(image_ids, str) else list(image_ids)
    asked = sorted({layout.check_name(image_id, "image id") for image_id in ids})
    there = sorted(ds.existing(asked))
    absent = sorted(set(asked).difference(there))
    if not absent:
        return asked, there
    state = find_state(ds.store, contract.table_name)
    if state is None and ds.store.exists(layout.table_key(contract.table_name)):
        # A damaged table may have known them, and so may one without ledger.
        return asked, there
    if state is not None and state.ledger is None:
        return asked, there
    known = state.ledger if state is not None and state.ledger is not None else {}
    for image_id in absent:
        if image_id not in known:
            raise RecordNotFoundError(
                f"{ds.path} has no image {image_id!r}, and neither has table {contract.table_name!r}. "
                "list_image_ids() tells which images there are.",
                dataset=ds.path,
                image_id=image_id,
                table_name=contract.table_name,
            )
    return asked, there
