"""DataFrames and Arrow tables to Parquet bytes and back, and what Parquet cannot hold."""

from __future__ import annotations

import datetime
import decimal
import io
import itertools
import numbers
from collections.abc import Iterable
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kymflow_zarr.errors import ColumnError
from kymflow_zarr.formats import parquet_limits
from kymflow_zarr.formats.integers import check_integers

# Readers of Parquet give up at a hundred levels; deeper JSON costs Arrow seconds.
MAX_NESTING = 32
# Of single images' artifacts: read twice as fast as zstd, and hardly longer.
ARTIFACT_COMPRESSION = "lz4"
# Of tables: written and read a quarter faster than with zstd, 6 % longer, and every program knows it.
TABLE_COMPRESSION = "snappy"
_FEW_ROWS = 1000
# Of a group, the first and last image are noted; who wants few images reads only their groups. With
# half as many rows, files are another 2 % longer.
ROWS_PER_GROUP = 131_072

# What to say of a file without a single byte, in place of a parser's words.
EMPTY = "it is empty (0 bytes)"

_UNKNOWN_TO_PARQUET = (pa.types.is_interval, pa.types.is_union, pa.types.is_run_end_encoded)
_ARROW_REFUSALS = (pa.ArrowException, OverflowError, UnicodeError, TypeError, ValueError)


class UnreadableParquet(ValueError):
    """Bytes that are not a Parquet table; callers say which artifact or table it was."""


def check_column_names(df: pd.DataFrame) -> None:
    """Refuse column names that a Parquet table cannot have.

    Raises
    ------
    ColumnError
        A name is no str or stands twice.
    """
    seen = set()
    for name in df.columns:
        if not isinstance(name, str):
            raise ColumnError(
                f"column names must be str, got {type(name).__name__}: {name!r}. "
                "Rename it, for example with df.columns = df.columns.map(str).",
                column=str(name),
            )
        try:
            name.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ColumnError(f"column {name!r}: its name is no UTF-8. Rename it.", column=name) from error
        if name in seen:
            raise ColumnError(f"column {name!r} stands twice. Drop or rename one.", column=name)
        seen.add(name)


def frame_to_arrow(df: pd.DataFrame, *, pandas_metadata: bool = True) -> pa.Table:
    """Convert a DataFrame to Arrow; the index is dropped, NaN and None become null.

    Parameters
    ----------
    df : DataFrame
        What to convert.
    pandas_metadata : bool
        Whether the table shall tell pandas which types of its own the columns had; to word that
        takes as long as to convert small columns.

    Raises
    ------
    ColumnError
        A column that Parquet cannot hold exactly, by name: mixed objects, complex numbers,
        text that is no UTF-8, integers beyond 2**53 beside missing values or floats.
    """
    check_column_names(df)
    columns = {str(name): values for name, values in df.items()}
    for name, values in columns.items():
        if values.dtype == object:
            _check_one_kind(name, values)
    try:
        if pandas_metadata:
            table = pa.Table.from_pandas(df, preserve_index=False)
        else:
            table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    except RecursionError as error:
        raise ColumnError("a column is nested beyond reason. Flatten it.") from error
    except _ARROW_REFUSALS as error:
        raise _blame_column(df, error) from error
    for (name, values), found in zip(columns.items(), table.columns, strict=True):
        if not isinstance(values.dtype, pd.api.extensions.ExtensionDtype) or pa.types.is_dictionary(
            found.type
        ):
            check_integers(name, found)
        check_writable(name, found.type)
    return table


def _check_one_kind(name: str, values: pd.Series[Any]) -> None:
    """Refuse an object column of several kinds of values that Arrow would make one of."""
    kinds = {_kind(value) for value in values[values.notna()]}
    if len(kinds) > 1:
        raise ColumnError(
            f"column {name!r} (object) cannot be stored in Parquet: it mixes "
            f"{' and '.join(sorted(kinds))}. Give all its values one type, for example with astype(str).",
            column=name,
        )


def _kind(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, numbers.Real) and not isinstance(value, decimal.Decimal):
        return "numbers"
    if isinstance(value, datetime.datetime | np.datetime64):
        return "datetime"
    if isinstance(value, list | tuple | np.ndarray):
        return "lists"
    return next(
        (kind.__name__ for kind in (str, bytes, dict) if isinstance(value, kind)), type(value).__name__
    )


def check_writable(name: str, arrow_type: pa.DataType, depth: int = 0) -> None:
    """Refuse a column that Parquet cannot hold or give back, whatever its values.

    Raises
    ------
    ColumnError
        It holds objects without any field or with two of one name, or is nested beyond reason.
    """
    if depth > MAX_NESTING:
        raise ColumnError(f"column {name!r} is nested more than {MAX_NESTING} deep. Flatten it.", column=name)
    if pa.types.is_struct(arrow_type) and not arrow_type.num_fields:
        raise ColumnError(
            f"column {name!r} holds only empty objects, which Parquet cannot. Drop it.", column=name
        )
    names = [arrow_type.field(index).name for index in range(arrow_type.num_fields)]
    if len(set(names)) < len(names):
        raise ColumnError(
            f"column {name!r} holds objects in which {max(names, key=names.count)!r} stands twice. "
            "Rename one.",
            column=name,
        )
    if any(is_one(arrow_type) for is_one in _UNKNOWN_TO_PARQUET):
        raise ColumnError(
            f"column {name!r} has type {arrow_type}, which Parquet does not know. Convert it.", column=name
        )
    for index in range(arrow_type.num_fields):
        check_writable(name, arrow_type.field(index).type, depth + 1)


def _blame_column(df: pd.DataFrame, error: Exception) -> ColumnError:
    for name in df.columns:
        try:
            pa.Array.from_pandas(df[name])
        except _ARROW_REFUSALS as cause:
            reason = str(cause.args[0] if cause.args else cause)
            return ColumnError(
                f"column {name!r} ({df[name].dtype}) cannot be stored in Parquet: {reason}. "
                "Give all its values one type, for example with astype.",
                column=name,
            )
    return ColumnError(f"the DataFrame cannot be stored in Parquet: {error}")


def arrow_to_parquet(table: pa.Table, *, compression: str = TABLE_COMPRESSION) -> bytes:
    """Return `table` as the bytes of a Parquet file.

    Raises
    ------
    ValueError
        Parquet knows no such compression.
    """
    sink = io.BytesIO()
    write_parquet([table], sink, compression=compression)
    return sink.getvalue()


def write_parquet(
    pieces: Iterable[pa.Table], sink: IO[bytes], *, compression: str = TABLE_COMPRESSION
) -> None:
    """Write tables of one schema below each other, as one Parquet file; each as it comes.

    Raises
    ------
    ValueError
        Parquet knows no such compression.
    """
    rest = iter(pieces)
    first = next(rest)
    try:
        with pq.ParquetWriter(
            sink,
            first.schema,
            compression=compression,
            use_dictionary=_worth_a_dictionary(first),
            # By the first one tables are ordered; of small files they would be a third.
            write_statistics=first.schema.names[:1],
        ) as writer:
            for piece in itertools.chain([first], rest):
                writer.write_table(piece, row_group_size=ROWS_PER_GROUP)
    except pa.ArrowException as error:
        raise ValueError(f"cannot write Parquet with compression {compression!r}: {error}") from error


def _worth_a_dictionary(table: pa.Table) -> bool | list[str]:
    """Return the columns that get a dictionary: categories have one, and repeated values want one.

    Measured floats do not repeat, and trying it doubles the time. In the artifact of one image, a
    dictionary is one more page to read for each column.
    """
    if any(pa.types.is_nested(kind) for kind in table.schema.types):
        return True
    few = table.num_rows < _FEW_ROWS
    return [
        field.name
        for field in table.schema
        # pandas' categories are in it, those without a row, too.
        if pa.types.is_dictionary(field.type) or not (few or pa.types.is_floating(field.type))
    ]


def frame_to_parquet(df: pd.DataFrame, *, compression: str = ARTIFACT_COMPRESSION) -> bytes:
    """Return `df` as the bytes of a Parquet file; see :func:`frame_to_arrow`."""
    return arrow_to_parquet(frame_to_arrow(df), compression=compression)


def parquet_to_arrow(data: bytes, *, limited: bool = False) -> pa.Table:
    """Read the bytes of a Parquet file; errors as :func:`read_parquet`."""
    table = read_parquet(data, limited=limited)
    try:
        # Text that is no UTF-8 would otherwise be found only when somebody looks at it.
        table.validate(full=True)
    except pa.ArrowException as error:
        raise _unreadable(error) from error
    return table


def read_parquet(data: bytes, *, limited: bool = False) -> pa.Table:
    """Read the bytes of a Parquet file, and leave it to the caller to validate the values.

    Parameters
    ----------
    data : bytes
        The file.
    limited : bool
        Whether it is what one image has, of which there is a limit; tables may be as large as they are.

    Raises
    ------
    UnreadableParquet
        They are damaged, too large or something else.
    """
    if not data:
        raise UnreadableParquet(EMPTY)
    try:
        if limited:
            return parquet_limits.read_artifact(data)
        return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)
    # Bent metadata make Arrow and pyarrow raise many kinds of errors.
    except Exception as error:
        raise _unreadable(error) from error


def count_rows(data: bytes) -> int:
    """Return the number of rows that the footer of a Parquet file tells.

    Raises
    ------
    UnreadableParquet
        It is damaged.
    """
    try:
        return int(pq.read_metadata(pa.BufferReader(data)).num_rows)
    except Exception as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> UnreadableParquet:
    return UnreadableParquet(str(error).strip().partition("\n")[0] or type(error).__name__)


def arrow_to_frame(table: pa.Table) -> pd.DataFrame:
    """Convert to a DataFrame as ``pd.read_parquet`` does, an index among the columns.

    Raises
    ------
    UnreadableParquet
        pandas cannot hold the values (a timestamp out of its range, text that is no UTF-8), or what the
        file tells pandas of them is damaged.
    """
    try:
        frame: pd.DataFrame = table.to_pandas()
        index = frame.index
        if (
            isinstance(index, pd.RangeIndex)
            and index.name is None
            and index.equals(pd.RangeIndex(len(frame)))
        ):
            return frame
        # Other programs store an index; as columns nothing of it is lost.
        return _with_index(frame)
    # Anything may stand in pandas' metadata, and pyarrow and pandas trip over it in as many ways.
    except Exception as error:
        raise _unpandable(table, error) from error


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a DataFrame with its index as columns, as :func:`.stored_index.restore_index` has them in Arrow.

    Row numbers without a name are left out, and what has the name of a column.
    """
    index = frame.index
    numbers = index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype)
    default = "index" if index.nlevels == 1 else None
    out = [
        level
        for level, name in enumerate(index.names)
        if numbers or (default if name is None else name) in frame.columns
    ]
    if len(out) == index.nlevels:
        return frame.reset_index(drop=True)
    return (frame.reset_index(level=out, drop=True) if out else frame).reset_index()


def _unpandable(table: pa.Table, error: Exception) -> UnreadableParquet:
    """Return the error for values that pandas cannot hold, or cannot as its own metadata want it."""
    cause = str(_unreadable(error))
    if not isinstance(error, pa.ArrowException) and b"pandas" in (table.schema.metadata or {}):
        cause = f"what it tells pandas of its columns (metadata 'pandas') is damaged: {cause}"
    return UnreadableParquet(cause)


def table_to_frame(table: pa.Table) -> pd.DataFrame:
    """Convert a dataset's table as :func:`arrow_to_frame` does, but keep integers and bools what they are.

    Where values are missing, pandas would make floats and objects of them. Here they become its nullable
    types (``Int64``, ``boolean``); a column without missing values is as ever.

    Raises
    ------
    UnreadableParquet
        As :func:`arrow_to_frame`.
    """
    frame = arrow_to_frame(table)
    for name, values in zip(table.column_names, table.columns, strict=True):
        # Names that other programs wrote may stand twice, or be those of an index.
        if list(frame.columns).count(name) != 1:
            continue
        nullable = _nullable_dtype(values.type)
        if _holds_objects(values.type):
            # pandas would make floats of the integers in them, where others are missing.
            try:
                objects = values.to_pylist()
            except (ValueError, OverflowError) as error:
                raise _unpandable(table.select([name]).replace_schema_metadata(None), error) from error
            frame[name] = pd.Series(objects, index=frame.index, dtype=object)
        elif nullable is not None and values.null_count and isinstance(frame[name].dtype, np.dtype):
            frame[name] = nullable.__from_arrow__(values)
    return frame


def _holds_objects(arrow_type: pa.DataType) -> bool:
    if pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type):
        return _holds_objects(arrow_type.value_type)
    return bool(pa.types.is_struct(arrow_type))


def _nullable_dtype(arrow_type: pa.DataType) -> Any:
    if pa.types.is_boolean(arrow_type):
        return pd.BooleanDtype()
    if pa.types.is_integer(arrow_type):
        # pandas writes int64 as Int64, and uint8 as UInt8.
        return pd.api.types.pandas_dtype(str(arrow_type).replace("i", "I").replace("u", "U"))
    return None


def parquet_to_frame(data: bytes) -> pd.DataFrame:
    """Read the Parquet file of one image as ``pd.read_parquet`` does.

    Raises
    ------
    UnreadableParquet
        They are damaged, too large or something else.
    """
    return arrow_to_frame(parquet_to_arrow(data, limited=True))
