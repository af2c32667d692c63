"""Many small Parquet files read together: those of one schema become one table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from kymflow_zarr.formats import frames
from kymflow_zarr.formats.stored_index import restore_index

# Beyond this the text of one column no longer fits into one piece of Arrow's plain text type.
_ONE_PIECE_BYTES = 2**31 - 1

# So many files are worth a thread.
_PER_THREAD = 32

Together = tuple[pa.Table, list[int], list[int]]


def read_alike(blobs: Sequence[bytes]) -> Iterator[Together]:
    """Read Parquet files, and put the rows of those that have one schema below each other.

    Each is read by the same reader as :func:`kymflow_zarr.formats.frames.parquet_to_arrow`, so that
    together they give what they give one by one. What is saved is all that comes after: checks
    and conversions are made once, not once for each.

    Yields
    ------
    table : pyarrow.Table
        The rows; without metadata.
    places : list of int
        Which of `blobs` they are of, in order.
    counts : list of int
        How many rows each has.

    Notes
    -----
    Files that are damaged are in none of the tables. A file with nested columns, or with two of
    one name, has a table of its own.
    """
    groups: dict[pa.Schema, tuple[list[pa.Table], list[int]]] = {}
    last = None
    for place, table in enumerate(_read_all(blobs)):
        if table is None:
            continue
        # To compare two schemas costs less than to hash one; it leaves metadata out.
        if last is None or not table.schema.equals(last):
            last = table.schema.remove_metadata()
            tables, places = groups.setdefault(last, ([], []))
        tables.append(table)
        places.append(place)
    for schema, (tables, places) in groups.items():
        if _is_plain(schema):
            yield from _stack(tables, places)
        else:
            for table, place in zip(tables, places, strict=True):
                yield from _stack([table], [place])


def _read_all(blobs: Sequence[bytes]) -> list[pa.Table | None]:
    """Read files in as many threads as Arrow has for itself; None for each that is damaged."""
    n_threads = min(pa.cpu_count(), len(blobs) // _PER_THREAD)
    if n_threads < 2:
        return _read_some(blobs)
    # A part for each, and one for this thread: to hand over more parts costs more than to wait at the end.
    size = -(-len(blobs) // n_threads)
    parts = [blobs[begin : begin + size] for begin in range(0, len(blobs), size)]
    # They end with this call: a process that is forked later finds none that it would wait for.
    with ThreadPoolExecutor(n_threads - 1) as threads:
        others = threads.map(_read_some, parts[1:])
        return [*_read_some(parts[0]), *itertools.chain.from_iterable(others)]


def _read_some(blobs: Sequence[bytes]) -> list[pa.Table | None]:
    return [_read(blob) for blob in blobs]


def _read(blob: bytes) -> pa.Table | None:
    try:
        return restore_index(frames.read_parquet(blob, limited=True))
    except frames.UnreadableParquet:
        return None


def _stack(tables: Sequence[pa.Table], places: Sequence[int]) -> Iterator[Together]:
    """Yield tables as one, without those that hold invalid values; these are looked for in halves."""
    try:
        together = pa.concat_tables(tables).replace_schema_metadata(None)
        if together.get_total_buffer_size() < _ONE_PIECE_BYTES:
            together = together.combine_chunks()
        together.validate(full=True)
    # Arrow's own error where memory does not suffice is one of these, too.
    except pa.ArrowException:
        if len(tables) > 1:
            middle = len(tables) // 2
            yield from _stack(tables[:middle], places[:middle])
            yield from _stack(tables[middle:], places[middle:])
        return
    yield together, list(places), [table.num_rows for table in tables]


def _is_plain(schema: pa.Schema) -> bool:
    kinds = schema.types
    return len(set(schema.names)) == len(kinds) > 0 and not any(
        pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType) for kind in kinds
    )
