"""Parts of a table as Arrow, and which version of it is there; on a local disk, no whole file is read."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow_zarr import layout, tables
from kymflow_zarr.errors import ColumnError, InvalidNameError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from kymflow_zarr import ZarrDataset

# A Parquet file ends with its footer, the length of the footer in four bytes, and four letters.
_END = 8
_TAIL = 65_536


def load_arrow(
    ds: ZarrDataset, name: str, columns: Sequence[str] | None, image_ids: Iterable[str] | None
) -> pa.Table:
    """Read some columns of a table, and the rows of some images; see :meth:`KymDataset.load_arrow`."""
    ids = None if image_ids is None else _ids(image_ids)
    with tables.open_table(ds.store, name) as file:
        names = file.schema_arrow.names
        wanted = names if columns is None else [columns] if isinstance(columns, str) else list(columns)
        needed = wanted if ids is None else [*wanted, IMAGE_ID]
        _check_columns(ds, name, names, needed)
        # A thread of Arrow's that still holds a file of Python's at the end of the program aborts it;
        # and with such files, several threads are no faster.
        if ids is None:
            found = file.read(columns=needed, use_threads=False)
        else:
            found = file.read_row_groups(_groups(file, ids), columns=needed, use_threads=False)
            found = found.filter(_is_of(found.column(IMAGE_ID), ids))
        found = found.select(wanted)
        # Text that is no UTF-8 would otherwise be found only when somebody looks at it.
        found.validate(full=True)
    return found


def _ids(image_ids: Iterable[str]) -> list[str]:
    """Return the ids in order, without those that no table can hold as they are no UTF-8."""
    ids = [image_ids] if isinstance(image_ids, str) else list(image_ids)
    for image_id in ids:
        if not isinstance(image_id, str):
            raise InvalidNameError(f"an image id must be a str, got {type(image_id).__name__}: {image_id!r}")
    return sorted({one for one in ids if one.encode("utf-8", "replace").decode("utf-8") == one})


def _check_columns(ds: ZarrDataset, name: str, names: Sequence[str], wanted: Sequence[str]) -> None:
    for column in wanted:
        if column not in names:
            raise ColumnError(
                f"table {name!r} of {ds.path} has no column {column!r}; it has {', '.join(names)}",
                dataset=ds.path,
                table_name=name,
                column=column,
            )


def _groups(file: pq.ParquetFile, ids: Sequence[str]) -> list[int]:
    """Return the row groups that may hold rows of these images, as far as their statistics tell."""
    metadata = file.metadata
    paths = [metadata.schema.column(place).path for place in range(metadata.num_columns)]
    places = [place for place, path in enumerate(paths) if path == IMAGE_ID]
    chosen = []
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(places[0]).statistics if places else None
        if statistics is not None and statistics.has_min_max and isinstance(statistics.min, str):
            first = bisect_left(ids, statistics.min)
            if first == len(ids) or ids[first] > statistics.max:
                continue
        chosen.append(group)
    return chosen


def _is_of(column: pa.ChunkedArray, ids: Sequence[str]) -> pa.ChunkedArray:
    """Tell for each row whether it is of one of these images; other programs may have made categories."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.is_in(column.cast(pa.string()), value_set=pa.array(ids, pa.string()))


def table_version(ds: ZarrDataset, name: str) -> str | None:
    """Return what tells one file of a table from another; see :meth:`KymDataset.table_version`."""
    key = layout.table_key(name)
    found = ds.store.stat(key)
    if found is None or found.etag is not None:
        return None if found is None else found.etag
    try:
        with ds.store.open(key) as (file, opened):
            # The footer has the id of the commit. A table written by hand has another size or time; small
            # ones, which may be written twice within a tick of the clock, are looked at as a whole.
            file.seek(max(opened.size - _END, 0))
            footer = int.from_bytes(file.read(4), "little") + _END
            file.seek(max(opened.size - max(footer, _TAIL), 0))
            told = f"{opened.size} {opened.mtime_ns} ".encode()
            return hashlib.sha256(told + file.read()).hexdigest()[:32]
    except FileNotFoundError:
        return None
