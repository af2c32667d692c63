"""The plain Arrow types of one image's columns, as Parquet gives them back; NaN is missing."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.indexers.columns import nan_to_null
from kymflow_zarr.errors import ColumnError

# More digits need twice as many bytes.
MAX_DECIMAL128 = 38
# Text of which a file says that it is JSON.
_JSON = "extension<arrow.json>"


def own_columns(table: pa.Table) -> pa.Table:
    """Return one image's rows with plain types; a column without any value has no type yet (null).

    Dictionaries are decoded, NaN becomes null, the many Arrow types of text become one; maps are lists of
    objects with ``key`` and ``value``, and extension types what they are stored as.

    Raises
    ------
    ColumnError
        Values that Python cannot hold, by column.
    """
    columns = {}
    for name, values in zip(table.column_names, table.columns, strict=True):
        try:
            columns[name] = _own(values)
        except (ValueError, OverflowError, pa.ArrowException) as error:
            # Inside objects and lists: a date of the year 20000, two values of one name.
            what = f"column {name!r} holds {values.type} that Python cannot: {error}. Give it as text."
            raise ColumnError(what, column=name) from error
    return pa.table(columns)


def _own(values: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    plain = plain_type(values.type)
    if values.null_count < len(values) and values.type != plain:
        # Before NaN is looked for, which only plain types show.
        values = _cast(values, plain)
    if pa.types.is_floating(values.type) and len(values):
        values = nan_to_null(values)
    elif pa.types.is_nested(values.type) and _has_nan(values):
        values = pa.chunked_array([pa.array(_without_nan(values.to_pylist()), values.type)])
    return pa.nulls(len(values)) if values.null_count == len(values) else values


def _cast(values: pa.ChunkedArray, plain: pa.DataType) -> pa.ChunkedArray:
    said = str(values.type)
    if pa.types.is_nested(values.type) and ("list_view<" in said or _JSON in said):
        # Arrow makes damaged lists of views, and knows no cast of JSON inside objects.
        return pa.chunked_array([pa.array(values.to_pylist(), plain)])
    return values.cast(plain)


def plain_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the one of several Arrow types that Parquet gives back."""
    types = pa.types
    if _is_extension(arrow_type):
        # Which of them there are is a matter of Arrow's version: of others it gives what is stored.
        is_bool = arrow_type.extension_name == "arrow.bool8"
        return pa.bool_() if is_bool else plain_type(arrow_type.storage_type)
    if types.is_dictionary(arrow_type):
        return plain_type(arrow_type.value_type)
    if types.is_large_string(arrow_type) or types.is_string_view(arrow_type):
        return pa.string()
    if is_list(arrow_type):
        return pa.list_(pa.field("element", plain_type(arrow_type.value_type)))
    is_bytes = types.is_large_binary(arrow_type) or types.is_binary_view(arrow_type)
    if is_bytes or types.is_fixed_size_binary(arrow_type):
        # Lists of bytes of one length are more than pandas can read.
        return pa.binary()
    if types.is_struct(arrow_type):
        return pa.struct([(field.name, plain_type(field.type)) for field in arrow_type])
    if types.is_map(arrow_type):
        # pandas gives maps as lists of pairs, of which it can make no column again.
        return plain_type(
            pa.list_(pa.struct([("key", arrow_type.key_type), ("value", arrow_type.item_type)]))
        )
    if types.is_decimal(arrow_type) and arrow_type.precision <= MAX_DECIMAL128:
        return pa.decimal128(arrow_type.precision, arrow_type.scale)
    # Parquet has no seconds, and a day is a day; a table must come back as it was returned.
    if types.is_timestamp(arrow_type) and arrow_type.unit == "s":
        return pa.timestamp("ms", arrow_type.tz)
    if arrow_type == pa.time32("s"):
        return pa.time32("ms")
    return pa.date32() if types.is_date64(arrow_type) else arrow_type


def _is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


def is_list(kind: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's types of lists."""
    types = pa.types
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def _has_nan(values: pa.ChunkedArray) -> bool:
    """Tell whether there is a NaN in lists or objects, at any depth."""
    if pa.types.is_floating(values.type):
        return bool(pc.any(pc.is_nan(values)).as_py())
    if is_list(values.type):
        return _has_nan(pc.list_flatten(values))
    if pa.types.is_struct(values.type):
        return any(_has_nan(pc.struct_field(values, place)) for place in range(values.type.num_fields))
    return False


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    return value
