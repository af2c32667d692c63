"""A piece of work: some images of one dataset, one indexer; records asked one by one, or read together."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby

import pandas as pd
import pyarrow as pa

from kymflow.core.zarr.extraction.bulk import Artifacts, decode_artifacts, is_declaration, read_artifacts
from kymflow.core.zarr.extraction.rows import ImageFault, ImageRows, Raw, check_rows
from kymflow.core.zarr.indexers.artifact import ArtifactIndexer
from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.errors import IndexerError
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from kymflow_zarr.errors import ColumnError
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import Listing
from kymflow_zarr.store.dependencies import DependencyColumns
from kymflow_zarr.store.tracking import TrackingStore


@dataclass(frozen=True)
class Extracted:
    """What many images gave: rows, or why not; by image id."""

    rows: dict[str, ImageRows] = field(default_factory=dict)
    errors: dict[str, IndexerError] = field(default_factory=dict)

    def add(self, raw: Raw, contract: TableContract) -> None:
        """Check rows, and take them or their faults in."""
        rows, errors = check_rows(raw, contract)
        self.rows.update((row.image_id, row) for row in rows)
        self.errors.update((str(error.image_id), error) for error in errors)


def ask(ds: ZarrDataset, indexer: DatasetIndexer, contract: TableContract, image_id: str) -> Raw:
    """Let an indexer extract one image's rows, and note what it asks for."""
    store = TrackingStore(ds.store)
    record = ZarrImageRecord(store, image_id, zarr_format=ds.zarr_format, read_only=True)
    fault = ImageFault(contract, image_id)
    # A plugin's own code runs here; whatever it raises concerns this one image.
    try:
        if isinstance(indexer, ArtifactIndexer) and _is_arrow(indexer):
            table = indexer.read_rows(record)
            return Raw(table, [image_id], [table.num_rows], [store.seen])
        frame: object = indexer.extract_rows(record)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    # A panic of a library in another language, or a cancelled task, is no Exception.
    except BaseException as error:
        raise fault.extraction_error(error) from error
    if not isinstance(frame, pd.DataFrame):
        raise fault.rows_error(f"extract_rows must return a DataFrame, got {type(frame).__name__}")
    try:
        table = frames.frame_to_arrow(frame, pandas_metadata=False)
    except ColumnError as error:
        raise fault.rows_error(str(error), error.column) from error
    return Raw(table, [image_id], [len(frame)], [store.seen])


def _is_arrow(indexer: ArtifactIndexer) -> bool:
    return type(indexer).extract_rows is ArtifactIndexer.extract_rows


@dataclass(frozen=True)
class Work:
    """What is done to each image; it can be sent to another process, which opens the dataset itself.

    Attributes
    ----------
    ds, indexer, contract
        What to extract from what.
    stop : bool
        Whether the first failure may be the last, since it stops everything.
    listing : Listing or None
        What there is, if it has been listed already.
    run_id : str
        Another one each time: a cluster that remembers the answer to a question must not give it again,
        since artifacts change.
    """

    ds: ZarrDataset
    indexer: DatasetIndexer
    contract: TableContract
    stop: bool
    listing: Listing | None = None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def extract(self, image_ids: Sequence[str]) -> Extracted:
        """Extract some images' rows."""
        with closing(self.extract_each([image_ids])) as results:
            return next(results)[1]

    def extract_each(
        self, chunks: Sequence[Sequence[str]], step: Callable[[int], None] | None = None
    ) -> Generator[tuple[Sequence[str], Extracted], None, None]:
        """Yield chunks with their rows, in order; `step` is told how many images are about to be done."""
        step = step or _ignore
        indexer = self.indexer
        if not isinstance(indexer, ArtifactIndexer) or not is_declaration(indexer):
            for chunk in chunks:
                yield chunk, self._extracted([], chunk, step)
            return

        def read(chunk: Sequence[str]) -> Artifacts | None:
            return read_artifacts(self.ds, indexer, chunk, self.listing)

        def decoded(chunk: Sequence[str], artifacts: Artifacts | None) -> tuple[list[Raw], Sequence[str]]:
            return ([], chunk) if artifacts is None else decode_artifacts(indexer, artifacts)

        with self.ds.store.ahead(read, chunks) as artifacts:
            for chunk in chunks:
                step(len(chunk))
                # No name here keeps what was read, or decoded, while the next chunk is.
                yield chunk, self._extracted(*decoded(chunk, next(artifacts)), _ignore)

    def _extracted(self, raw: list[Raw], one_by_one: Sequence[str], step: Callable[[int], None]) -> Extracted:
        """Check rows, and those of images that are asked one by one."""
        found = Extracted()
        for image_id in one_by_one:
            step(1)
            try:
                raw.append(ask(self.ds, self.indexer, self.contract, image_id))
            except IndexerError as error:
                if not self._is_there(image_id):
                    continue
                found.errors[image_id] = error
                if self.stop:
                    break
        for rows in _together(raw):
            found.add(rows, self.contract)
        for image_id in list(found.errors):
            if not self._is_there(image_id):
                del found.errors[image_id]
        return found

    def _is_there(self, image_id: str) -> bool:
        # Of an image that was deleted meanwhile, there is nothing to fail.
        return self.ds.record(image_id).exists()


def _ignore(images: int) -> None:
    """Tell nobody how far it is."""


def _together(answers: Iterable[Raw]) -> Iterable[Raw]:
    """Put rows that come one after the other and have the same plain columns below each other."""
    for schema, alike in groupby(answers, key=lambda raw: raw.table.schema):
        group = list(alike)
        if len(group) == 1 or any(pa.types.is_nested(kind) for kind in schema.types) or not schema.names:
            yield from group
            continue
        ids = [image_id for raw in group for image_id in raw.image_ids]
        yield Raw(
            pa.concat_tables([raw.table for raw in group]),
            ids,
            [count for raw in group for count in raw.counts],
            list(DependencyColumns.of(ids, [seen for raw in group for seen in raw.seen])),
        )
