"""Many images' rows: in which order, how far it is, and what a failure does."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from kymflow.core.runs.options import OnError, OnProgress
from kymflow.core.zarr.extraction.on_executor import run_on_executor
from kymflow.core.zarr.extraction.rows import ImageRows
from kymflow.core.zarr.extraction.task import Extracted, Work
from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import CancelledError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow_zarr.store.base import Listing

# So many images are read, checked and brought to Arrow together.
CHUNK = 500


def extract_images(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    image_ids: Sequence[str],
    *,
    on_error: OnError = "raise",
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
    executor: Executor | None = None,
    listing: Listing | None = None,
) -> tuple[dict[str, ImageRows], dict[str, str]]:
    """Extract many images' rows.

    Parameters
    ----------
    ds, indexer, contract, image_ids
        What to extract from what.
    on_error, on_progress, cancel, executor
        As for :meth:`KymDataset.rebuild`.
    listing : Listing, optional
        What there is, if it has been listed already; it stays in this process.

    Returns
    -------
    rows : dict of str to ImageRows
        By image id.
    failed : dict of str to str
        Cause by image id; empty with ``on_error="raise"``.

    Raises
    ------
    IndexerError
        With ``on_error="raise"``, the failure of the first image that fails.
    CancelledError
        `cancel` was set.
    WorkerError
        A worker of `executor` ended without an answer.
    """
    steps = _Steps(ds, contract, len(image_ids), on_progress, cancel)
    work = Work(ds, indexer, contract, on_error == "raise", listing if executor is None else None)
    rows: dict[str, ImageRows] = {}
    failed: dict[str, str] = {}
    chunks = [image_ids[begin : begin + CHUNK] for begin in range(0, len(image_ids), CHUNK)]
    results: Generator[tuple[Sequence[str], Extracted], None, None]
    if executor is None:
        results = work.extract_each(chunks, steps.step)
    else:
        results = run_on_executor(executor, work, image_ids, steps.step)
    # Closed at once, an executor does not go on with what nobody waits for.
    with closing(results):
        for chunk, found in results:
            rows.update(found.rows)
            for image_id in chunk:
                error = found.errors.get(image_id)
                if error is not None:
                    if on_error == "raise":
                        raise error
                    failed[image_id] = str(error)
    steps.end()
    return rows, failed


class _Steps:
    """Tells how far it is, and stops when it is told to."""

    def __init__(
        self,
        ds: ZarrDataset,
        contract: TableContract,
        total: int,
        on_progress: OnProgress | None,
        cancel: threading.Event | None,
    ) -> None:
        self._ds = ds
        self._contract = contract
        self._total = total
        self._on_progress = on_progress
        self._cancel = cancel
        self._done = 0

    def step(self, images: int) -> None:
        """Say that so many more images are about to be done."""
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)
        if self._cancel is not None and self._cancel.is_set():
            raise CancelledError(
                f"{self._contract.indexer!r} was cancelled after {self._done} of {self._total} images; "
                f"table {self._contract.table_name!r} is as it was",
                dataset=self._ds.path,
                table_name=self._contract.table_name,
                indexer=self._contract.indexer,
            )
        self._done += images

    def end(self) -> None:
        """Say that all is done."""
        if self._on_progress is not None:
            self._on_progress(self._total, self._total)
