"""Rows as an indexer gave them, checked and brought to their types, many images at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.extraction.plain_types import own_columns
from kymflow.core.zarr.extraction.times import check_times
from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.errors import ExtractionError, RowsError
from kymflow_zarr.errors import ColumnError
from kymflow_zarr.formats import frames
from kymflow_zarr.formats.integers import has_inexact_integers


class _Fault(Exception):
    """Something is wrong with rows, of whichever image."""

    def __init__(self, what: str, column: str | None = None) -> None:
        super().__init__(what)
        self.what, self.column = what, column


def check_rows(batch: Batch, contract: TableContract) -> tuple[list[Batch], list[RowsError]]:
    """Check rows and bring them to their types; a fault is looked for in ever smaller halves.

    Parameters
    ----------
    batch : Batch
        Rows of one table, as an indexer gave them; ``image_id`` may be missing.
    contract : TableContract
        What the indexer promises.

    Returns
    -------
    batches : list of Batch
        Of the images without fault.
    errors : list of RowsError
        One for each of the others: rows of another image, rows without a required column, or
        values that a table cannot hold or that do not fit their declared type.
    """
    try:
        return [_finish(batch, contract)], []
    except (_Fault, ColumnError, pa.ArrowException, frames.UnreadableParquet, RecursionError) as error:
        if len(batch) == 1:
            return [], [_rows_error(error, contract, batch.image_ids[0])]
    found = [check_rows(half, contract) for half in batch.halves()]
    return [one for batches, _ in found for one in batches], [
        error for _, errors in found for error in errors
    ]


def _rows_error(error: Exception, contract: TableContract, image_id: str) -> RowsError:
    fault = ImageFault(contract, image_id)
    if isinstance(error, _Fault):
        return fault.rows_error(error.what, error.column)
    column = error.column if isinstance(error, ColumnError) else None
    what = "a column is nested beyond reason" if isinstance(error, RecursionError) else str(error)
    rows_error = fault.rows_error(" ".join(what.split()), column)
    rows_error.__cause__ = error
    return rows_error


def _finish(batch: Batch, contract: TableContract) -> Batch:
    rows = pa.concat_tables(batch.stretches()) if batch.counts.any() else batch.tables[0].slice(0, 0)
    table = to_types(rows, contract)
    if batch.counts.any():
        missing = [name for name in contract.required if name not in table.column_names]
        if missing:
            what = f"the required column {missing[0]!r} is missing; it gave {table.column_names}"
            raise _Fault(what, missing[0])
    counts = batch.counts
    places = np.repeat(np.arange(len(counts)), counts)
    table = _with_image_id(table, batch.dependencies.record_ids.take(pa.array(places)))
    begins = np.cumsum(counts) - counts
    schemas, codes = _own_schemas(table, begins, counts)
    return Batch(batch.dependencies, counts, (table,), np.zeros_like(counts), begins, schemas, codes)


def to_types(rows: pa.Table, contract: TableContract) -> pa.Table:
    """Return rows in the types that a table has: declared ones, else those of their own.

    Raises
    ------
    ColumnError
        Values that do not fit their declared type, or that no table can hold.
    """
    # Declared types first: a column declared float is one even if all its values are integers.
    columns = {}
    for name, values in zip(rows.column_names, rows.columns, strict=True):
        declared = contract.by_name.get(name)
        columns[name] = declared.cast(values) if declared else values
    table = own_columns(pa.table(columns)) if columns else pa.table({})
    _check_storable(table)
    return table


_NO_SCHEMA = pa.schema([])


def _own_schemas(
    table: pa.Table, begins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> tuple[tuple[pa.Schema, ...], npt.NDArray[np.int64]]:
    """Return the schemas that images give, and which is whose.

    A column without any value in an image has no type there; an image without rows gives no columns.
    """
    schema = table.schema
    filled = np.flatnonzero(counts)
    codes = np.zeros(len(counts), np.int64)
    gappy = [place for place, values in enumerate(table.columns) if values.null_count]
    if len(counts) == 1 or not gappy:
        codes[filled] = 1
        return (_NO_SCHEMA, schema), codes
    has_value = np.ones((len(filled), len(gappy)), bool)
    for number, place in enumerate(gappy):
        valid = table.column(place).is_valid().to_numpy().astype(np.int64)
        has_value[:, number] = np.add.reduceat(valid, begins[filled]) > 0 if len(filled) else True
    patterns, which = np.unique(has_value, axis=0, return_inverse=True)
    schemas = [_NO_SCHEMA]
    for pattern in patterns:
        own = schema
        for place, there in zip(gappy, pattern, strict=True):
            if not there:
                own = own.set(place, pa.field(schema.field(place).name, pa.null()))
        schemas.append(own)
    codes[filled] = which.ravel() + 1
    return tuple(schemas), codes


def _check_storable(table: pa.Table) -> None:
    """Refuse columns that Parquet cannot hold, or that pandas would not read back, or changed.

    Raises
    ------
    ColumnError
        Such a column, by name.
    """
    for name, values in zip(table.column_names, table.columns, strict=True):
        frames.check_writable(name, values.type)
        check_times(name, values)
        if values.null_count and has_inexact_integers(values):
            raise ColumnError(
                f"column {name!r} has missing values and integers beyond 2**53, which would come back "
                "as other numbers. Give them as text.",
                column=name,
            )


def _with_image_id(table: pa.Table, ids: pa.Array) -> pa.Table:
    if IMAGE_ID in table.column_names:
        claimed = table.column(IMAGE_ID)
        table = table.drop_columns([IMAGE_ID])
        if claimed.null_count != len(ids):
            if not pa.types.is_string(claimed.type):
                raise _Fault(f"column 'image_id' must be text, got {claimed.type}", IMAGE_ID)
            foreign = claimed.filter(pc.not_equal(claimed, ids))
            if len(foreign):
                raise _Fault(
                    f"{len(foreign)} of {len(ids)} rows claim image {foreign[0].as_py()!r}", IMAGE_ID
                )
    if not table.num_columns:
        return pa.table({IMAGE_ID: ids})
    return table.add_column(0, IMAGE_ID, ids)


@dataclass(frozen=True)
class ImageFault:
    """Words errors of one image: always which indexer, which image, and what."""

    contract: TableContract
    image_id: str

    def rows_error(self, what: str, column: str | None = None) -> RowsError:
        """Return the error for rows that cannot be rows of the table."""
        return RowsError(self._message(what), column=column, **self._where())

    def extraction_error(self, cause: BaseException) -> ExtractionError:
        """Return the error for an indexer that raised."""
        what = f"extract_rows raised {type(cause).__name__}: {' '.join(str(cause).split())}"
        return ExtractionError(self._message(what), **self._where())

    def ended_error(self, what: str, hint: str = "") -> ExtractionError:
        """Return the error for an indexer that ended the process it ran in."""
        return ExtractionError(
            self._message(f"its indexer ended {what} on this image{hint}"), **self._where()
        )

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
