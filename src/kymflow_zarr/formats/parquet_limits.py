"""Parquet artifacts within limits: what a footer claims is compared first, then what repeats is counted."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kymflow_zarr import limits
from kymflow_zarr.formats import parquet_pages
from kymflow_zarr.formats.parquet_footer import ColumnChunk, read_row_groups

# Fixed values take as much in pandas, also those that Arrow packs closer.
_VALUE_BYTES = 8
# Lists and objects become objects of Python.
_NESTED_VALUE_BYTES = 64
# Of these, a value takes 12 bytes at most, or is text of any length.
_PLAIN_TYPES = frozenset(
    kind.id
    for kind in (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.bool_(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary()),
        *(pa.date32(), pa.time32("s"), pa.time64("us"), pa.timestamp("us"), pa.duration("us")),
    )
)
_TEXT_TYPES = frozenset(kind.id for kind in (pa.string(), pa.large_string(), pa.binary()))
# Pieces of columns; each costs time of its own.
_MOST_CHUNKS = 1_000_000
# Of text that is counted at a time.
_MOST_ROWS = 2**16
# Types as ParquetFile gives them, in the versions that can leave extensions out.
_EXTENSIONS = inspect.signature(pq.ParquetFile).parameters.get("arrow_extensions_enabled")
_TYPES = {} if _EXTENSIONS is None else {_EXTENSIONS.name: _EXTENSIONS.default}


def read_artifact(data: bytes) -> pa.Table:
    """Return the rows of a Parquet file, unless they take more memory than an artifact may.

    A few bytes may stand for many: run lengths, dictionaries, compression.

    Raises
    ------
    TooLargeError
        They do, or there are more columns than a table may have.
    """
    # A ParquetFile takes a tenth of a small file's time to get ready for reading single columns. What is in
    # memory needs no reading ahead, which would be done by another thread.
    file = pq.ParquetReader()
    file.open(pa.BufferReader(data), pre_buffer=False, **_TYPES)
    most = limits.max_artifact_bytes()
    if not _claims_little(file, data, most):
        _ = file.column_paths
        claims = _claims(file.metadata, data)
        limits.check_bytes(claims.n_bytes, limit=most)
        # A value may be as long as all that is stored, and may repeat as often.
        may_repeat = claims.n_bytes * claims.values > most
        if claims.nested or may_repeat or parquet_pages.most_bytes(claims.chunks) > most:
            pages = parquet_pages.read_pages(data, claims.chunks)
            _check_pages(pages, claims)
            if may_repeat:
                _check_repeated(data, file.metadata, pages)
    # One thread: files are small and many; callers that want more read in parallel.
    return file.read_all(use_threads=False)


def _claims_little(file: pq.ParquetReader, data: bytes, most: int) -> bool:
    """Tell whether a small file of plain columns claims so little that it cannot be too much.

    Most artifacts are small, and many; to read all that a footer says takes as long as to read the rows.
    """
    metadata = file.metadata
    n_columns = metadata.num_columns
    if metadata.num_row_groups != 1 or n_columns > limits.MAX_COLUMNS:
        return False
    group = metadata.row_group(0)
    rows = max(metadata.num_rows, group.num_rows)
    # A text may be as long as all that is stored, and may repeat in every row.
    if rows * max(group.total_byte_size, _NESTED_VALUE_BYTES * n_columns) > most:
        return False
    schema = file.schema_arrow
    # Names that are no text are met here, and in `column_paths`.
    if not schema.names:
        return False
    kinds = [kind.id for kind in schema.types]
    if not _PLAIN_TYPES.issuperset(kinds):
        return False
    # Pages may hold more than the footer claims, but not more than codecs give for so few bytes. One is
    # unpacked at a time, and only text is kept as long as it is there; columns of it may share a page.
    n_texts = sum([kind in _TEXT_TYPES for kind in kinds])
    return bool(max(n_texts, 1) * len(data) * parquet_pages.COMMON_RATIO <= most)


@dataclass(frozen=True)
class _Claims:
    """What the footer claims: bytes and values, at least; all columns of all row groups; those with lists."""

    n_bytes: int
    values: int
    chunks: list[ColumnChunk]
    nested: list[int]


def _claims(metadata: pq.FileMetaData, data: bytes) -> _Claims:
    """Return what the footer claims; refuse too many columns or row groups."""
    n_columns, n_groups, rows = metadata.num_columns, metadata.num_row_groups, metadata.num_rows
    limits.check_columns(n_columns)
    if n_groups * n_columns > _MOST_CHUNKS:
        raise limits.TooLargeError(f"its {n_groups} row groups are more than can be read")
    groups = read_row_groups(data)
    if [len(group.columns) for group in groups] != [n_columns] * n_groups:
        raise ValueError("the footer is damaged: a row group has not all columns")
    chunks = [chunk for group in groups for chunk in group.columns]
    if sum([chunk.stored_bytes for chunk in chunks]) > len(data):
        raise ValueError("its columns take more bytes than there are")
    stored = sum([group.n_bytes for group in groups])
    rows = max(rows, sum([group.n_rows for group in groups]))
    schema = metadata.schema
    columns = [schema.column(place) for place in range(n_columns)]
    nested = [place for place, column in enumerate(columns) if column.max_repetition_level]
    lists = [place for first in nested for place in range(first, len(chunks), n_columns)]
    # Values of a fixed length take it even where they are missing.
    fixed = rows * sum([column.length for column in columns])
    values = sum([chunks[place].n_values for place in lists])
    n_bytes = max(stored, fixed, _VALUE_BYTES * rows * max(n_columns, 1), _NESTED_VALUE_BYTES * values)
    return _Claims(n_bytes, max(rows, values), chunks, lists)


def _check_pages(pages: list[parquet_pages.Pages], claims: _Claims) -> None:
    limits.check_bytes(sum(some.n_bytes for some in pages))
    values = sum(pages[place].n_values for place in claims.nested)
    limits.check_bytes(_NESTED_VALUE_BYTES * values)


def _check_repeated(data: bytes, metadata: pq.FileMetaData, pages: list[parquet_pages.Pages]) -> None:
    """Count the bytes of text that dictionaries and common beginnings repeat, without repeating them."""
    n_columns, n_groups = metadata.num_columns, metadata.num_row_groups
    delta, others = [], []
    for place in range(n_columns):
        column = metadata.schema.column(place)
        if column.physical_type != "BYTE_ARRAY":
            continue
        of_column = pages[place::n_columns]
        if not any(parquet_pages.DELTA_BYTE_ARRAY in some.encodings for some in of_column):
            others.append(column.path)
        elif column.max_repetition_level:
            # Of lists, Arrow reads no part of a row: as if each value were as long as a page.
            limits.check_bytes(sum(some.n_values * some.longest for some in of_column))
        else:
            delta.append((column.path, max(some.longest for some in of_column)))
    n_bytes = sum(_delta_bytes_of(data, path, longest) for path, longest in delta)
    file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False, read_dictionary=others)
    for group in range(n_groups):
        for path in dict.fromkeys(path.partition(".")[0] for path in others):
            n_bytes += _text_bytes_of(file, group, path)
            limits.check_bytes(n_bytes)


def _delta_bytes_of(data: bytes, path: str, longest: int) -> int:
    """Count the bytes of text each of which begins as the one before: no value is longer than a page."""
    file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
    rows = max(1, limits.max_artifact_bytes() // (4 * max(longest, 1)))
    n_bytes = 0
    for batch in file.iter_batches(min(rows, _MOST_ROWS), columns=[path], use_threads=False):
        n_bytes += batch.nbytes
        limits.check_bytes(n_bytes)
    return n_bytes


def _text_bytes_of(file: pq.ParquetFile, group: int, column: str) -> int:
    try:
        found = file.read_row_group(group, columns=[column], use_threads=False)
    except pa.ArrowNotImplementedError:
        # Lists partly in a dictionary: of those, Arrow reads no more than 2 GiB.
        return 0
    return sum(_text_bytes(chunk) for values in found.columns for chunk in values.chunks)


def _text_bytes(values: pa.Array) -> int:
    kind = values.type
    if pa.types.is_dictionary(kind) and (_is_text(kind.value_type) or pa.types.is_binary(kind.value_type)):
        lengths = pc.cast(pc.binary_length(values.dictionary), pa.int64())
        return int(pc.sum(lengths.take(values.indices)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(map(_text_bytes, values.flatten()))
    if pa.types.is_map(kind):
        return _text_bytes(values.keys) + _text_bytes(values.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _text_bytes(values.flatten())
    return 0


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
