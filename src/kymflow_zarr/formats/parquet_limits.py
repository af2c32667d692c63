"""Parquet artifacts within limits: what a footer claims is compared first, then what repeats is counted."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kymflow_zarr import limits

# Fixed values take as much in pandas, also those that Arrow packs closer.
_VALUE_BYTES = 8
# Lists and objects become objects of Python.
_NESTED_VALUE_BYTES = 64
# Pieces of columns; each costs time of its own.
_MOST_CHUNKS = 1_000_000


def read_artifact(data: bytes) -> pa.Table:
    """Return the rows of a Parquet file, unless they take more memory than an artifact may.

    A few bytes may stand for many: run lengths, dictionaries, compression.

    Raises
    ------
    TooLargeError
        They do, or there are more columns than a table may have.
    """
    # What is in memory needs no reading ahead, which would be done by another thread.
    file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
    metadata = file.metadata
    most = limits.max_artifact_bytes()
    n_bytes, values = _claims(metadata)
    limits.check_bytes(n_bytes, limit=most)
    # A value may be as long as all that is stored, and may repeat as often.
    if n_bytes * values > most:
        _check_repeated(data, metadata)
    # One thread: files are small and many; callers that want more read in parallel.
    return file.read(use_threads=False)


def _claims(metadata: pq.FileMetaData) -> tuple[int, int]:
    """Return how many bytes and values the footer claims, at least; refuse too many columns or row groups.

    It is asked for little: of many small artifacts, each question takes time.
    """
    n_columns, n_groups, rows = metadata.num_columns, metadata.num_row_groups, metadata.num_rows
    limits.check_columns(n_columns)
    if n_groups * n_columns > _MOST_CHUNKS:
        raise limits.TooLargeError(f"its {n_groups} row groups are more than can be read")
    groups = [metadata.row_group(place) for place in range(n_groups)]
    stored = sum([group.total_byte_size for group in groups])
    rows = max(rows, sum([group.num_rows for group in groups]))
    schema = metadata.schema
    columns = [schema.column(place) for place in range(n_columns)]
    # Values of a fixed length take it even where they are missing.
    fixed = rows * sum([column.length for column in columns])
    nested = [place for place, column in enumerate(columns) if column.max_repetition_level]
    values = sum([group.column(place).num_values for group in groups for place in nested])
    n_bytes = max(stored, fixed, _VALUE_BYTES * rows * max(n_columns, 1), _NESTED_VALUE_BYTES * values)
    return n_bytes, max(rows, values)


def _check_repeated(data: bytes, metadata: pq.FileMetaData) -> None:
    """Count the bytes of text that dictionaries repeat, without repeating them."""
    columns = [metadata.schema.column(place) for place in range(metadata.num_columns)]
    paths = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    if not paths:
        return
    file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False, read_dictionary=paths)
    n_bytes = 0
    for group in range(metadata.num_row_groups):
        for path in dict.fromkeys(path.partition(".")[0] for path in paths):
            n_bytes += _text_bytes_of(file, group, path)
            limits.check_bytes(n_bytes)


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
