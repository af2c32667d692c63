"""The schema of a table, a pure function of its images' own schemas, and rows brought to it."""

from __future__ import annotations

from contextlib import suppress

import pyarrow as pa

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.tables.column_types import common_type
from kymflow.core.zarr.tables.conflicts import Misfit, type_clash
from kymflow.core.zarr.tables.ledger import Ledger
from kymflow_zarr.formats import integers


def is_alike(one: pa.Schema, other: pa.Schema) -> bool:
    """Tell whether two tables have the same columns: names, types, units and descriptions, in order.

    What Parquet calls the elements of a list is no difference.
    """
    return one.names == other.names and all(
        mine.type == theirs.type and (mine.metadata or {}) == (theirs.metadata or {})
        for mine, theirs in zip(one, other, strict=True)
    )


def table_schema(contract: TableContract, ledger: Ledger) -> pa.Schema:
    """Return the schema of a table.

    Parameters
    ----------
    contract : TableContract
        Gives the first columns, and the types of the declared ones.
    ledger : Ledger
        Has each image's own schema; images without rows have none to give.

    Raises
    ------
    SchemaError
        Images give one column types that do not go together; it tells which are at fault.
    """
    fields = {field.name: field for field in contract.first_fields}
    fixed = {IMAGE_ID, *contract.by_name}
    kinds: dict[str, list[pa.DataType]] = {}
    for _, schema in ledger.distinct_schemas():
        for field in schema:
            if field.name in fixed:
                if field.name not in fields:
                    fields[field.name] = contract.by_name[field.name].arrow_field
                continue
            known = kinds.setdefault(field.name, [])
            fields.setdefault(field.name, field)
            if field.type not in known:
                known.append(field.type)
    clashing = []
    for name, found in kinds.items():
        common = found[0] if len(found) == 1 else common_type(found)
        if common is None:
            clashing.append(name)
        else:
            fields[name] = pa.field(name, common)
    if clashing:
        # In an order that no random id decides: who is at fault in one column no longer counts in the next.
        raise type_clash(contract, ledger, min(clashing))
    return pa.schema(list(fields.values()))


def conform(rows: pa.Table, schema: pa.Schema, contract: TableContract) -> pa.Table:
    """Return `rows` with just the columns of `schema`, at its types; what they lack is missing.

    Raises
    ------
    Misfit
        A value that would change: an integer beyond 2**53 among floats.
    """
    columns = []
    there = set(rows.column_names)
    for field in schema:
        if field.name not in there or pa.types.is_null(field.type):
            columns.append(pa.nulls(rows.num_rows, field.type))
            continue
        values = rows.column(field.name)
        if values.null_count == len(values):
            # What has no value has no type either: some kinds know no cast to each other.
            values = pa.chunked_array([pa.nulls(len(values), field.type)])
        elif values.type != field.type:
            values = _cast(rows, field, contract)
        columns.append(values)
    return pa.table(columns, schema=schema)


def _cast(rows: pa.Table, field: pa.Field, contract: TableContract) -> pa.ChunkedArray:
    values = rows.column(field.name)
    try:
        return _cast_values(values, field.type)
    except pa.ArrowException as error:
        why = f"they cannot become {field.type}: {str(error).partition(chr(10))[0]}"
        large = pa.types.is_integer(values.type) and pa.types.is_floating(field.type)
        what = "holds integers beyond 2**53" if large else "holds values"
        raise Misfit(contract, field.name, field.type, why, _fits, what) from error


def _cast_values(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_nested(values.type):
        # Arrow trips over a part of a column of objects that hold objects; a copy is whole.
        values = values.take(pa.array(range(len(values)), pa.int64()))
    try:
        return values.cast(kind)
    except pa.ArrowException:
        if pa.types.is_nested(kind):
            # Lists of nothing, and objects that lack a name, know no cast.
            with suppress(pa.ArrowException):
                return pa.chunked_array([pa.array(values.to_pylist(), kind)])
        raise


def _fits(values: pa.ChunkedArray, kind: pa.DataType) -> bool:
    try:
        _cast_values(values, kind)
    except pa.ArrowException:
        return False
    return True


def check_exact(table: pa.Table, contract: TableContract) -> None:
    """Refuse integers that pandas would read back changed, because the column has missing values.

    Raises
    ------
    Misfit
        Such a column, by name.
    """
    for name, values in zip(table.column_names, table.columns, strict=True):
        if values.null_count and integers.has_inexact_integers(values):
            why = "beside missing values they would become floats"
            what = "holds integers beyond 2**53"
            error = Misfit(contract, name, values.type, why, _are_exact, what)
            error.beside_gaps = True
            raise error


def _are_exact(values: pa.ChunkedArray, _: pa.DataType) -> bool:
    return not integers.has_inexact_integers(values)
