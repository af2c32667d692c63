"""Many images' rows: records asked one after the other, or their artifacts read together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

import pandas as pd
import pyarrow as pa

from kymflow.core.zarr.declared import is_declaration, read_declared
from kymflow.core.zarr.indexers.artifact import ArtifactIndexer
from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.rows import ImageFault, ImageRows, Raw, check_rows
from kymflow.errors import IndexerError
from kymflow_zarr import ZarrDataset, ZarrImageRecord, frames
from kymflow_zarr.errors import CancelledError, ColumnError
from kymflow_zarr.observed import ObservedStore

OnError = Literal["raise", "skip"]
OnProgress = Callable[[int, int], None]

# So many images are read, checked and brought to Arrow together.
CHUNK = 500


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


def extract_image(
    ds: ZarrDataset, indexer: DatasetIndexer, contract: TableContract, image_id: str
) -> ImageRows:
    """Extract and check one image's rows, noting what the indexer asks for.

    Raises
    ------
    ExtractionError
        The indexer raised; chained.
    RowsError
        It gave no DataFrame, rows of another image, rows without a required column, or values
        that a table cannot hold or that do not fit their declared type.
    """
    found = Extracted()
    found.add(_ask(ds, indexer, contract, image_id), contract)
    for error in found.errors.values():
        raise error
    return found.rows[image_id]


def _ask(ds: ZarrDataset, indexer: DatasetIndexer, contract: TableContract, image_id: str) -> Raw:
    """Let an indexer extract one image's rows, and note what it asks for."""
    store = ObservedStore(ds.store)
    record = ZarrImageRecord(store, image_id, zarr_format=ds.zarr_format, read_only=True)
    fault = ImageFault(contract, image_id)
    # A plugin's own code runs here; whatever it raises concerns this one image.
    try:
        if isinstance(indexer, ArtifactIndexer) and _is_arrow(indexer):
            table = indexer.read_rows(record)
            return Raw(table, [image_id], [table.num_rows], [store.seen])
        frame: object = indexer.extract_rows(record)
    except (Exception, SystemExit) as error:
        raise fault.extraction_error(error) from error
    if not isinstance(frame, pd.DataFrame):
        raise fault.rows_error(f"extract_rows must return a DataFrame, got {type(frame).__name__}")
    try:
        table = frames.frame_to_arrow(frame).replace_schema_metadata(None)
    except ColumnError as error:
        raise fault.rows_error(str(error), error.column) from error
    return Raw(table, [image_id], [len(frame)], [store.seen])


def _is_arrow(indexer: ArtifactIndexer) -> bool:
    return type(indexer).extract_rows is ArtifactIndexer.extract_rows


def extract_images(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    image_ids: Sequence[str],
    *,
    on_error: OnError = "raise",
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
) -> tuple[dict[str, ImageRows], dict[str, str]]:
    """Extract many images' rows.

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
    """
    steps = _Steps(ds, contract, len(image_ids), on_progress, cancel)
    rows: dict[str, ImageRows] = {}
    failed: dict[str, str] = {}
    for begin in range(0, len(image_ids), CHUNK):
        chunk = image_ids[begin : begin + CHUNK]
        found = _extract_chunk(ds, indexer, contract, chunk, stop=on_error == "raise", step=steps.step)
        rows.update(found.rows)
        for image_id in chunk:
            error = found.errors.get(image_id)
            # Deleted meanwhile: there is nothing to fail.
            if error is not None and ds.record(image_id).exists():
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
        if self._on_progress is not None and self._total:
            self._on_progress(self._total, self._total)


def _extract_chunk(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    image_ids: Sequence[str],
    *,
    stop: bool,
    step: Callable[[int], None],
) -> Extracted:
    """Extract some images' rows; with `stop`, the first failure may be the last."""
    found = Extracted()
    one_by_one: Sequence[str] = image_ids
    if isinstance(indexer, ArtifactIndexer) and is_declaration(indexer):
        step(len(image_ids))
        together, one_by_one = read_declared(ds, indexer, image_ids)
        for raw in together:
            found.add(raw, contract)
        for image_id in one_by_one:
            _ask_into(found, ds, indexer, contract, image_id)
        return found
    answers: list[Raw] = []
    for image_id in one_by_one:
        step(1)
        try:
            answers.append(_ask(ds, indexer, contract, image_id))
        except IndexerError as error:
            found.errors[image_id] = error
            if stop:
                break
    for raw in _together(answers):
        found.add(raw, contract)
    return found


def _ask_into(
    found: Extracted, ds: ZarrDataset, indexer: DatasetIndexer, contract: TableContract, image_id: str
) -> None:
    try:
        found.add(_ask(ds, indexer, contract, image_id), contract)
    except IndexerError as error:
        found.errors[image_id] = error


def _together(answers: Iterable[Raw]) -> Iterable[Raw]:
    """Put rows of consecutive images that have the same plain columns below each other."""
    for schema, alike in groupby(answers, key=lambda raw: raw.table.schema):
        group = list(alike)
        if len(group) == 1 or any(pa.types.is_nested(kind) for kind in schema.types) or not schema.names:
            yield from group
            continue
        yield Raw(
            pa.concat_tables([raw.table for raw in group]),
            [raw.image_ids[0] for raw in group],
            [raw.counts[0] for raw in group],
            [raw.seen[0] for raw in group],
        )
