"""The rows of many images: in which order, how far it is, and what a failure does."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from kymflow.core.plugins.process_state import told_process_state
from kymflow.core.runs.options import RunOptions
from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.extraction.on_executor import run_on_executor
from kymflow.core.zarr.extraction.task import Extracted, Task
from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.errors import IndexerError
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import CancelledError
from kymflow_zarr.store.base import Listing

# So many images are read, checked and brought to Arrow together.
CHUNK = 500


def extract_images(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    image_ids: Sequence[str],
    options: RunOptions,
    listing: Listing | None = None,
) -> tuple[Batch, dict[str, IndexerError]]:
    """Extract many images' rows.

    Parameters
    ----------
    ds, indexer, contract, image_ids, options
        What to extract from what, and how.
    listing : Listing, optional
        Which artifacts there are, if they have been listed already; it stays in this process.

    Returns
    -------
    rows : Batch
        Of the images that gave rows, or none, without failing; ordered by id.
    errors : dict of str to IndexerError
        By image id; empty with ``on_error="raise"``.

    Raises
    ------
    IndexerError
        With ``on_error="raise"``, the failure of the first image that fails.
    CancelledError
        The run was cancelled.
    WorkerError
        A worker of the executor ended without an answer.
    """
    steps = _Steps(ds, contract, options, len(image_ids))
    stops = options.on_error == "raise"
    task = Task(ds, indexer, contract, stops, listing if options.executor is None else None)
    results: Generator[Extracted, None, None]
    if options.executor is None:
        chunks = [image_ids[begin : begin + CHUNK] for begin in range(0, len(image_ids), CHUNK)]
        results = task.extract_each(chunks, steps.step)
    else:
        results = run_on_executor(options.executor, task, image_ids, steps.step)
    batches: list[Batch] = []
    failed: dict[str, IndexerError] = {}
    # Closed at once, an executor does not go on with what nobody waits for.
    with told_process_state(contract.who, streams=False), closing(results):
        for found, errors in results:
            if errors and stops:
                raise next(errors[image_id] for image_id in image_ids if image_id in errors)
            batches += found
            failed |= errors
    options.tell(len(image_ids), len(image_ids))
    return Batch.concat(batches), failed


@dataclass
class _Steps:
    """Tells how far a run is, and stops it when it is cancelled."""

    ds: ZarrDataset
    contract: TableContract
    options: RunOptions
    total: int
    done: int = 0

    def step(self, images: int) -> None:
        """Say that so many more images are about to be extracted."""
        self.options.tell(self.done, self.total)
        if self.options.is_cancelled:
            raise CancelledError(
                f"{self.contract.indexer!r} was cancelled after {self.done} of {self.total} images; "
                f"table {self.contract.table_name!r} is as it was",
                dataset=self.ds.path,
                table_name=self.contract.table_name,
                indexer=self.contract.indexer,
            )
        self.done += images
