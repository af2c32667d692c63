"""The schema of a table, a pure function of its images' own schemas, and rows brought to it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.errors import SchemaError
from kymflow_zarr.formats import integers


def is_alike(one: pa.Schema, other: pa.Schema) -> bool:
    """Tell whether two tables have the same columns: names, types, units and descriptions, in order.

    What Parquet calls the elements of a list is no difference.
    """
    return one.names == other.names and all(
        mine.type == theirs.type and (mine.metadata or {}) == (theirs.metadata or {})
        for mine, theirs in zip(one, other, strict=True)
    )


def table_schema(contract: TableContract, schemas: Iterable[tuple[str, pa.Schema]]) -> pa.Schema:
    """Return the schema of a table.

    Parameters
    ----------
    contract : TableContract
        Gives the first columns, and the types of the declared ones.
    schemas : iterable of (image id, schema)
        Each image's own, in image_id order; images without rows have none to give.

    Raises
    ------
    SchemaError
        Two images give one column types that do not go together.
    """
    fields = {field.name: field for field in contract.first_fields}
    fixed = {IMAGE_ID, *contract.by_name}
    first_with: dict[str, str] = {}
    seen: set[pa.Schema] = set()
    for image_id, schema in schemas:
        if schema in seen:
            continue
        seen.add(schema)
        for field in schema:
            if field.name in fixed:
                if field.name not in fields:
                    fields[field.name] = contract.by_name[field.name].arrow_field
                continue
            known = fields.get(field.name)
            if known is None or pa.types.is_null(known.type):
                fields[field.name] = pa.field(field.name, field.type)
                first_with[field.name] = image_id
                continue
            common = common_type(known.type, field.type)
            if common is None:
                one, other = (first_with[field.name], known.type), (image_id, field.type)
                raise clash(contract, field.name, one, other)
            if common != known.type:
                fields[field.name] = pa.field(field.name, common)
    return pa.schema(list(fields.values()))


def clash(
    contract: TableContract, column: str, one: tuple[str, pa.DataType], other: tuple[str, pa.DataType]
) -> SchemaError:
    """Return the error for a column of which two images have types that do not go together."""
    types = [str(kind) if len(str(kind)) <= 80 else f"{str(kind)[:80]}..." for kind in (one[1], other[1])]
    advice = f"Make indexer {contract.indexer!r} declare the column's type"
    if pa.types.is_nested(one[1]) or pa.types.is_nested(other[1]):
        # A type of objects or lists cannot be declared; that of a value inside them can.
        advice = f"Take the values that you want by their path: Column(..., path={f'{column}.<name>'!r})"
    error = SchemaError(
        f"column {column!r} of table {contract.table_name!r}: image {one[0]!r} has {types[0]}, image "
        f"{other[0]!r} has {types[1]}, which do not go together. {advice}, or mend the "
        "artifact of one of them.",
        table_name=contract.table_name,
        indexer=contract.indexer,
        image_id=other[0],
        column=column,
    )
    error.image_ids = (other[0], one[0])
    error.types = (other[1], one[1])
    return error


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the type that holds both, or None.

    Equal; null and any; integers; integer and float is float; lists and objects of such.
    """
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_integer(one) and pa.types.is_integer(other):
        return _common_integer(one, other)
    numbers = [pa.types.is_integer(t) or pa.types.is_floating(t) for t in (one, other)]
    if all(numbers):
        return pa.float64()
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other) and one.tz == other.tz:
        return pa.timestamp(_finer_unit(one, other), one.tz)
    if pa.types.is_duration(one) and pa.types.is_duration(other):
        return pa.duration(_finer_unit(one, other))
    if pa.types.is_decimal(one) and pa.types.is_decimal(other):
        scale = max(one.scale, other.scale)
        precision = max(one.precision - one.scale, other.precision - other.scale) + scale
        return pa.decimal128(precision, scale) if precision <= 38 else None
    if pa.types.is_list(one) and pa.types.is_list(other):
        inner = common_type(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return _common_struct(one, other)
    return None


def _common_struct(one: pa.StructType, other: pa.StructType) -> pa.DataType | None:
    """Return objects with the names of both, in order of appearance; what one lacks is missing there."""
    fields: dict[str, pa.DataType] = {field.name: field.type for field in one}
    for field in other:
        common = common_type(fields[field.name], field.type) if field.name in fields else field.type
        if common is None:
            return None
        fields[field.name] = common
    return pa.struct(list(fields.items()))


def _finer_unit(one: pa.DataType, other: pa.DataType) -> str:
    units = ("s", "ms", "us", "ns")
    return units[max(units.index(one.unit), units.index(other.unit))]


def _common_integer(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    unsigned = [pa.types.is_unsigned_integer(t) for t in (one, other)]
    if all(unsigned):
        return pa.uint64()
    return None if pa.uint64() in (one, other) else pa.int64()


def conform(rows: pa.Table, schema: pa.Schema, contract: TableContract) -> pa.Table:
    """Return `rows` with just the columns of `schema`, at its types; what they lack is missing.

    Raises
    ------
    SchemaError
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
    if pa.types.is_nested(values.type):
        # Arrow trips over a part of a column of objects that hold objects; a copy is whole.
        values = values.take(pa.array(range(len(values)), pa.int64()))
    try:
        return values.cast(field.type)
    except pa.ArrowException as error:
        if pa.types.is_nested(field.type):
            # Lists of nothing, and objects that lack a name, know no cast.
            with suppress(pa.ArrowException):
                return pa.chunked_array([pa.array(values.to_pylist(), field.type)])
        reason = str(error).partition("\n")[0]
        raise _misfit(rows, field.name, contract, f"they cannot become {field.type}: {reason}") from error


def check_exact(table: pa.Table, contract: TableContract) -> None:
    """Refuse integers that pandas would read back changed, because the column has missing values.

    Raises
    ------
    SchemaError
        Such a column, by name.
    """
    for name, values in zip(table.column_names, table.columns, strict=True):
        if values.null_count and integers.has_inexact_integers(values):
            raise _misfit(table, name, contract, "beside missing values they would become floats")


def _misfit(rows: pa.Table, column: str, contract: TableContract, why: str) -> SchemaError:
    """Return the error for values that would change, naming the first image that has one."""
    values = rows.column(column)
    large = pa.types.is_integer(values.type)
    image_id = None
    if IMAGE_ID in rows.column_names and rows.num_rows:
        image_ids = rows.column(IMAGE_ID)
        if large:
            beyond = pc.greater(pc.abs(values.cast(pa.int64(), safe=False)), integers.LARGEST_EXACT_INT)
            image_ids = image_ids.filter(beyond)
        image_id = image_ids[0].as_py() if len(image_ids) else None
    where = f"column {column!r} of table {contract.table_name!r}"
    what = "holds integers beyond 2**53" if large else "holds values"
    error = SchemaError(
        f"{where} {what}, of image {image_id!r}, that would come back as others: {why}. Make indexer "
        f"{contract.indexer!r} give them as text, or declare the column's type.",
        table_name=contract.table_name,
        indexer=contract.indexer,
        image_id=image_id,
        column=column,
    )
    error.image_ids = () if image_id is None else (image_id,)
    return error
