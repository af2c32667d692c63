"""A task: some images of one dataset and one indexer, whose rows are extracted in one go."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from kymflow.core.plugins.process_state import KeptStreams
from kymflow.core.zarr.extraction import bulk
from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.extraction.blaming import blaming
from kymflow.core.zarr.extraction.checks import ImageFault, check_rows
from kymflow.core.zarr.extraction.plain_rows import PlainRows, stack_rows
from kymflow.core.zarr.extraction.prefetch import prefetch
from kymflow.core.zarr.indexers.artifact import ArtifactIndexer, read_artifact
from kymflow.core.zarr.indexers.base import BulkIndexer, DatasetIndexer, as_bulk
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.indexers.declared import DeclaredIndexer
from kymflow.core.zarr.indexers.record import RecordIndexer
from kymflow.errors import IndexerError
from kymflow_zarr import ZarrDataset, ZarrImageRecord, layout
from kymflow_zarr.errors import (
    ColumnError,
    InvalidNameError,
    PixelsReplacedError,
    StoreError,
)
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import Listing, StoreReader
from kymflow_zarr.store.dependencies import Dependencies
from kymflow_zarr.store.read_ahead import ReadAhead
from kymflow_zarr.store.tracking import TrackingStore

T = TypeVar("T")
# How often an image is tried whose pixels are replaced while its indexer reads them.
_ATTEMPTS = 3
# Rows of images, and by image id why others gave none.
Extracted = tuple[list[Batch], dict[str, IndexerError]]
# Told how many images are about to be extracted; what it raises stops everything.
Step = Callable[[int], None]


@dataclass(frozen=True)
class Task:
    """What is done to images; it can be sent to another process, which opens the dataset itself.

    Attributes
    ----------
    ds, indexer, contract
        What to extract from what.
    stop_at_failure : bool
        Whether images after the first that fails need not be extracted.
    listing : Listing or None
        Which artifacts there are, if they have been listed already.
    run_id : str
        Another one for each run: a cluster that remembers the results of tasks must not give old ones,
        since artifacts change.
    """

    ds: ZarrDataset
    indexer: DatasetIndexer
    contract: TableContract
    stop_at_failure: bool
    listing: Listing | None = None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def extract(self, image_ids: Sequence[str]) -> Extracted:
        """Extract the rows of some images."""
        (found,) = self.extract_each([image_ids], lambda images: None)
        return found

    def extract_each(self, chunks: Sequence[Sequence[str]], step: Step) -> Generator[Extracted, None, None]:
        """Yield the rows of each chunk of images, in order."""
        indexer = as_bulk(self.indexer)
        if indexer is None:
            readers = prefetch(self._read_ahead, chunks, self.ds.store.chunks_ahead)
            for chunk, store in zip(chunks, readers, strict=True):
                yield self._checked(*self._raw(chunk, step, store))
            return

        def read(chunk: Sequence[str]) -> bulk.Artifacts | None:
            return bulk.read_artifacts(self.ds, indexer.bulk_artifact or "", chunk, self.listing)

        artifacts = prefetch(read, chunks, self.ds.store.chunks_ahead)
        for chunk in chunks:
            step(len(chunk))
            # No name here keeps what was read while the next chunk is.
            yield self._in_bulk(indexer, chunk, next(artifacts))

    def _in_bulk(
        self, indexer: BulkIndexer, chunk: Sequence[str], artifacts: bulk.Artifacts | None
    ) -> Extracted:
        """Decode artifacts together; images whose artifacts are out of the ordinary one by one."""
        batches, odd = ([], chunk) if artifacts is None else bulk.decode_artifacts(indexer, artifacts)
        more, errors = self._raw(odd, lambda images: None)
        return self._checked([*batches, *more], errors)

    def _read_ahead(self, image_ids: Sequence[str]) -> StoreReader:
        """Read what the indexer says that it reads of nearly every image; each then finds it there."""
        if not isinstance(self.indexer, RecordIndexer) or not self.indexer.reads:
            return self.ds.store
        names = self.indexer.reads
        keys = [f"{layout.IMAGES}/{one}/{layout.ANALYSIS}/{name}" for one in image_ids for name in names]
        try:
            return ReadAhead(self.ds.store, keys, self.listing)
        except (InvalidNameError, StoreError):
            # The medium refused one of them: each image tells it of itself.
            return self.ds.store

    def _raw(self, image_ids: Sequence[str], step: Step, store: StoreReader | None = None) -> Extracted:
        """Let the indexer extract each image's rows; what it reads, it reads of `store`."""
        if isinstance(self.indexer, RecordIndexer) and self.indexer.gives_plain_rows:
            indexer = self.indexer
            found, errors = self._each(image_ids, step, lambda one: self._plain_rows(indexer, one, store))
            batches, faults = stack_rows(indexer, found)
            for image_id, fault in faults.items():
                errors[image_id] = ImageFault(self.contract, image_id).extraction_error(fault)
            return batches, errors
        return self._each(
            image_ids,
            step,
            lambda image_id: extract_image(self.ds, self.indexer, self.contract, image_id, store),
        )

    def _each(
        self, image_ids: Sequence[str], step: Step, extract: Callable[[str], T]
    ) -> tuple[list[T], dict[str, IndexerError]]:
        """Call `extract` with each image; return what it gives, and why it gives nothing of others."""
        found: list[T] = []
        errors: dict[str, IndexerError] = {}
        for image_id in image_ids:
            step(1)
            streams = KeptStreams()
            try:
                found.append(_unmixed(extract, image_id))
            except IndexerError as error:
                if not self._is_there(image_id):
                    continue
                errors[image_id] = error
                if self.stop_at_failure:
                    break
            finally:
                streams.put_back(self.contract.who)
        return found, errors

    def _plain_rows(self, indexer: RecordIndexer, image_id: str, reader: StoreReader | None) -> PlainRows:
        store = TrackingStore(self.ds.store if reader is None else reader)
        record = ZarrImageRecord(store, image_id, zarr_format=self.ds.zarr_format)
        with blaming(ImageFault(self.contract, image_id)):
            rows = indexer.checked_rows(record)
        return PlainRows(image_id, rows, store.dependencies)

    def _checked(self, batches: list[Batch], errors: dict[str, IndexerError]) -> Extracted:
        good: list[Batch] = []
        for batch in _stacked(batches):
            checked, faults = check_rows(batch, self.contract)
            good += checked
            errors.update((str(fault.image_id), fault) for fault in faults)
        return good, {one: error for one, error in errors.items() if self._is_there(one)}

    def _is_there(self, image_id: str) -> bool:
        # Of an image that was deleted meanwhile, there is nothing to fail.
        return self.ds.record(image_id).exists()


def extract_image(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    image_id: str,
    reader: StoreReader | None = None,
) -> Batch:
    """Let an indexer extract one image's rows, and note what it reads; by default, of the dataset's store.

    Raises
    ------
    ExtractionError
        The indexer raised.
    RowsError
        It gave something that cannot be rows.
    """
    store = TrackingStore(ds.store if reader is None else reader)
    record = ZarrImageRecord(store, image_id, zarr_format=ds.zarr_format)
    fault = ImageFault(contract, image_id)
    in_bulk = as_bulk(indexer)
    with blaming(fault):
        if isinstance(indexer, DeclaredIndexer) and indexer.gives_arrow:
            return Batch.of_image(image_id, indexer.read_rows(record), store.dependencies)
        if in_bulk is not None:
            paths = in_bulk.paths if isinstance(in_bulk, ArtifactIndexer) else ()
            table = in_bulk.shape(read_artifact(record, in_bulk.bulk_artifact or "", paths))
            return Batch.of_image(image_id, table, store.dependencies)
        frame: object = indexer.extract_rows(record)
    if not isinstance(frame, pd.DataFrame):
        raise fault.rows_error(f"extract_rows must return a DataFrame, got {type(frame).__name__}")
    try:
        table = frames.frame_to_arrow(frame, pandas_metadata=False)
    except ColumnError as error:
        raise fault.rows_error(str(error), error.column) from error
    # A frame without columns may have rows.
    return Batch.of_table(table, [len(frame)], Dependencies.of({image_id: store.dependencies}))


def _unmixed(extract: Callable[[str], T], image_id: str) -> T:
    """Extract an image; again where its pixels were replaced while its indexer read them."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return extract(image_id)
        except IndexerError as error:
            if not isinstance(error.__cause__, PixelsReplacedError):
                raise
    return extract(image_id)


def _stacked(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Put rows that come one after the other and have the same plain columns below each other."""
    for schema, alike in groupby(batches, key=lambda batch: batch.tables[0].schema):
        group = list(alike)
        if len(group) == 1 or any(pa.types.is_nested(kind) for kind in schema.types) or not schema.names:
            yield from group
            continue
        yield Batch.of_table(
            pa.concat_tables([batch.tables[0] for batch in group]),
            [count for batch in group for count in batch.counts],
            Dependencies.concat([batch.dependencies for batch in group]),
        )
