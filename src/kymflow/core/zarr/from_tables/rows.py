"""The rows of a table that an indexer derives of others, checked and brought to their types."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from kymflow.core.plugins.process_state import told_process_state
from kymflow.core.zarr.extraction.blaming import blaming
from kymflow.core.zarr.extraction.checks import to_types
from kymflow.core.zarr.from_tables.source_tables import SourceTables, derive_error
from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.indexers.table_indexer import TableIndexer
from kymflow.errors import DeriveError, RowsError
from kymflow_zarr.errors import ColumnError
from kymflow_zarr.formats import frames


@dataclass(frozen=True)
class _Fault:
    contract: TableContract

    def extraction_error(self, cause: BaseException) -> DeriveError:
        return derive_error(
            self.contract, f"derive raised {type(cause).__name__}: {' '.join(str(cause).split())}"
        )


def derive_rows(indexer: TableIndexer, contract: TableContract, sources: SourceTables) -> pa.Table:
    """Let an indexer derive its rows, and return them with just the columns that its table has.

    Raises
    ------
    DeriveError
        A source cannot be read, or the indexer raised.
    RowsError
        It gave something that cannot be rows of its table.
    """
    given = sources.frames(contract)
    with told_process_state(contract.who), blaming(_Fault(contract)):
        frame: object = indexer.derive(given)
    if not isinstance(frame, pd.DataFrame):
        raise _rows_error(contract, f"derive must return a DataFrame, got {type(frame).__name__}")
    kept = [str(name) for name in frame.index.names if name is not None]
    if kept:
        raise _rows_error(
            contract,
            f"derive returned a DataFrame with {', '.join(map(repr, kept))} in its index, which would be "
            "lost: end with .reset_index(), or group with as_index=False",
        )
    try:
        table = to_types(frames.frame_to_arrow(frame, pandas_metadata=False), contract)
    except (ColumnError, pa.ArrowException, RecursionError) as error:
        column = error.column if isinstance(error, ColumnError) else None
        raise _rows_error(contract, " ".join(str(error).split()), column) from error
    return _with_columns(table, contract, len(frame))


def _with_columns(table: pa.Table, contract: TableContract, n_rows: int) -> pa.Table:
    """Return rows with the required columns first, and units and descriptions of the declared ones."""
    there = set(table.column_names)
    missing = [name for name in contract.required if name not in there]
    if missing and n_rows:
        what = f"the required column {missing[0]!r} is missing; it gave {table.column_names}"
        raise _rows_error(contract, what, missing[0])
    if IMAGE_ID in there and table.schema.field(IMAGE_ID).type not in (pa.string(), pa.null()):
        what = f"column 'image_id' must be text, got {table.schema.field(IMAGE_ID).type}"
        raise _rows_error(contract, what, IMAGE_ID)
    fields, columns = [], []
    for name in dict.fromkeys([*contract.required, *table.column_names]):
        declared = contract.by_name.get(name)
        values = table.column(name) if name in there else None
        kind = pa.null() if values is None else values.type
        field = declared.arrow_field if declared else pa.field(name, kind)
        fields.append(field)
        columns.append(pa.nulls(n_rows, field.type) if values is None else values)
    if not fields:
        raise _rows_error(contract, "derive returned a DataFrame without columns, and none is declared")
    return pa.table(columns, schema=pa.schema(fields))


def _rows_error(contract: TableContract, what: str, column: str | None = None) -> RowsError:
    told = derive_error(contract, what)
    return RowsError(told.message, indexer=told.indexer, table_name=told.table_name, column=column)
