"""One image's rows: ask the indexer, check what it gives, and bring it to Arrow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.indexers.artifact import ArtifactIndexer
from kymflow.core.zarr.indexers.base import IMAGE_ID, DatasetIndexer
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.schema import own_columns
from kymflow.errors import ExtractionError, IndexerError, RowsError
from kymflow_zarr import ZarrDataset, ZarrImageRecord, frames
from kymflow_zarr.errors import CancelledError, ColumnError
from kymflow_zarr.observed import ObservedStore, Seen
from kymflow_zarr.store import Store

OnError = Literal["raise", "skip"]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImageRows:
    """One image's rows, and what they were made from.

    Attributes
    ----------
    image_id : str
        The image.
    table : pyarrow.Table
        Its rows, at their own types; the first column is ``image_id``.
    seen : sequence of Seen
        All that the indexer asked the record for.
    """

    image_id: str
    table: pa.Table
    seen: Sequence[Seen] = ()

    def still_hold(self, store: Store) -> bool:
        """Tell whether everything that the indexer asked for is as it was."""
        return all(seen.still_holds(store) for seen in self.seen)

    @property
    def own_schema(self) -> pa.Schema:
        """What the image gives to the schema of the table: nothing, if it has no rows."""
        return self.table.schema if self.table.num_rows else pa.schema([])


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
    store = ObservedStore(ds.store)
    record = ZarrImageRecord(store, image_id, zarr_format=ds.zarr_format, read_only=True)
    fault = _Fault(contract, image_id)
    raw = _ask(indexer, record, fault)
    try:
        # Declared types first: a column declared float is one even if all its values are integers.
        columns = {}
        for name, values in zip(raw.column_names, raw.columns, strict=True):
            declared = contract.by_name.get(name)
            columns[name] = declared.cast(values) if declared else values
        table = own_columns(pa.table(columns)) if columns else pa.table({})
        _check_storable(table)
        _check_times(table)
    except ColumnError as error:
        raise fault.rows_error(str(error), error.column) from error
    except (pa.ArrowException, frames.UnreadableParquet) as error:
        raise fault.rows_error(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise fault.rows_error("a column is nested beyond reason") from error
    if raw.num_rows:
        missing = [name for name in contract.required if name not in table.column_names]
        if missing:
            raise fault.rows_error(
                f"the required column {missing[0]!r} is missing; it gave {table.column_names}", missing[0]
            )
    return ImageRows(image_id, _with_image_id(table, raw.num_rows, fault), store.seen)


def _ask(indexer: DatasetIndexer, record: ZarrImageRecord, fault: _Fault) -> pa.Table:
    # A plugin's own code runs here; whatever it raises concerns this one image.
    try:
        if (
            isinstance(indexer, ArtifactIndexer)
            and type(indexer).extract_rows is ArtifactIndexer.extract_rows
        ):
            return indexer.read_rows(record)
        raw: object = indexer.extract_rows(record)
    except (Exception, SystemExit) as error:
        raise fault.extraction_error(error) from error
    if not isinstance(raw, pd.DataFrame):
        raise fault.rows_error(f"extract_rows must return a DataFrame, got {type(raw).__name__}")
    try:
        return frames.frame_to_arrow(raw).replace_schema_metadata(None)
    except ColumnError as error:
        raise fault.rows_error(str(error), error.column) from error


def _check_storable(table: pa.Table) -> None:
    """Refuse columns that Parquet cannot hold, or that pandas would read back changed.

    Raises
    ------
    ColumnError
        Such a column, by name.
    """
    for name, values in zip(table.column_names, table.columns, strict=True):
        frames.check_writable(name, values.type)
        if values.null_count and frames.has_inexact_integers(values):
            raise ColumnError(
                f"column {name!r} has missing values and integers beyond 2**53, which would come back "
                "as other numbers. Give them as text.",
                column=name,
            )


def _check_times(table: pa.Table) -> None:
    """Refuse times that pandas cannot read back, such as of a time zone that there is not.

    Raises
    ------
    UnreadableParquet
        Such a column is there.
    """
    times = [
        name for name, kind in zip(table.column_names, table.schema.types, strict=True) if _is_time(kind)
    ]
    if times:
        frames.arrow_to_frame(table.select(times))


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind))


def _with_image_id(table: pa.Table, n_rows: int, fault: _Fault) -> pa.Table:
    ids = pa.array([fault.image_id] * n_rows, pa.string())
    if IMAGE_ID in table.column_names:
        claimed = table.column(IMAGE_ID)
        table = table.drop_columns([IMAGE_ID])
        if claimed.null_count != n_rows:
            if not pa.types.is_string(claimed.type):
                raise fault.rows_error(f"column 'image_id' must be text, got {claimed.type}", IMAGE_ID)
            foreign = claimed.filter(pc.not_equal(claimed, fault.image_id))
            if len(foreign):
                raise fault.rows_error(
                    f"{len(foreign)} of {n_rows} rows claim image {foreign[0].as_py()!r}", IMAGE_ID
                )
    if not table.num_columns:
        return pa.table({IMAGE_ID: ids})
    return table.add_column(0, IMAGE_ID, ids)


@dataclass(frozen=True)
class _Fault:
    """Words errors: always which indexer, which image, and what."""

    contract: TableContract
    image_id: str

    def rows_error(self, what: str, column: str | None = None) -> RowsError:
        return RowsError(self._message(what), column=column, **self._where())

    def extraction_error(self, cause: BaseException) -> ExtractionError:
        what = f"extract_rows raised {type(cause).__name__}: {' '.join(str(cause).split())}"
        return ExtractionError(self._message(what), **self._where())

    def _message(self, what: str) -> str:
        message = f"indexer {self.contract.indexer!r}, image {self.image_id!r}: {what}"
        # Half a letter in an error's text must not keep the ledger from holding it.
        return message.encode("utf-8", "backslashreplace").decode("utf-8")

    def _where(self) -> dict[str, str]:
        return {
            "indexer": self.contract.indexer,
            "table_name": self.contract.table_name,
            "image_id": self.image_id,
        }


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
        With ``on_error="raise"``, the first failure.
    CancelledError
        `cancel` was set.
    """
    rows: dict[str, ImageRows] = {}
    failed: dict[str, str] = {}
    for done, image_id in enumerate(_with_progress(image_ids, on_progress)):
        if cancel is not None and cancel.is_set():
            raise CancelledError(
                f"{contract.indexer!r} was cancelled after {done} of {len(image_ids)} images; "
                f"table {contract.table_name!r} is as it was",
                dataset=ds.path,
                table_name=contract.table_name,
                indexer=contract.indexer,
            )
        try:
            rows[image_id] = extract_image(ds, indexer, contract, image_id)
        except IndexerError as error:
            if not ds.record(image_id).exists():
                # Deleted meanwhile: there is nothing to fail.
                continue
            if on_error == "raise":
                raise
            failed[image_id] = str(error)
    return rows, failed


def _with_progress(image_ids: Sequence[str], on_progress: OnProgress | None) -> Iterable[str]:
    if on_progress is None:
        yield from image_ids
        return
    for done, image_id in enumerate(image_ids):
        on_progress(done, len(image_ids))
        yield image_id
    on_progress(len(image_ids), len(image_ids))
