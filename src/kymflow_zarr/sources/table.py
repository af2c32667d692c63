"""The sources table of a dataset: read, and changed as one step among all writers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kymflow_zarr import layout, tables
from kymflow_zarr.errors import SourceError
from kymflow_zarr.formats import frames
from kymflow_zarr.sources.index import SourceRow, decode_rows, encode_rows, index_frame, mend_rows
from kymflow_zarr.store.source_files import SOURCES_KEY

if TYPE_CHECKING:
    import pandas as pd

    from kymflow_zarr.store.base import Store, StoreReader


def load_index(store: StoreReader) -> pd.DataFrame:
    """Return the sources table, a row per source file; empty, with its columns, if there is none.

    Raises
    ------
    TableError
        Its file is damaged.
    """
    try:
        return index_frame(store.read(SOURCES_KEY)[0])
    except FileNotFoundError:
        return index_frame(None)
    except frames.UnreadableParquet as error:
        raise tables.damaged_table(store, layout.SOURCES_TABLE, error) from error


def load_rows(store: StoreReader) -> list[SourceRow]:
    """Return the rows of the sources table; errors as :func:`load_index`."""
    try:
        return _decode(store, store.read(SOURCES_KEY)[0])
    except FileNotFoundError:
        return []


def update_rows(store: Store, change: Callable[[list[SourceRow]], Sequence[SourceRow] | None]) -> None:
    """Let `change` say what the rows become, or None to leave them; errors as :func:`load_index`.

    It is called again if another writer was first.
    """

    def change_bytes(present: bytes | None) -> bytes | None:
        rows = change(_decode(store, present))
        return None if rows is None else encode_rows(rows)

    store.update(SOURCES_KEY, change_bytes)


def mend_index(store: Store) -> None:
    """Write the sources table anew without what is damaged of its rows; errors as :func:`load_index`."""

    def change(present: bytes | None) -> bytes | None:
        try:
            return None if present is None else encode_rows(mend_rows(present))
        except frames.UnreadableParquet as error:
            raise tables.damaged_table(store, layout.SOURCES_TABLE, error) from error

    store.update(SOURCES_KEY, change)


def _decode(store: StoreReader, present: bytes | None) -> list[SourceRow]:
    if present is None:
        return []
    try:
        return decode_rows(present)
    except frames.UnreadableParquet as error:
        raise tables.damaged_table(store, layout.SOURCES_TABLE, error) from error


def note_deleted(store: Store, image_ids: Collection[str], *, exclude: bool) -> None:
    """Note that images are about to be deleted: their sources are as if never ingested, or excluded.

    This is written before an image goes. If it is cut short there, the image is still one to be deleted,
    and no ingest takes an excluded source in again.

    Raises
    ------
    SourceError
        An image to be excluded came from no source file; nothing is noted.
    """
    wanted = set(image_ids)

    def change(rows: list[SourceRow]) -> list[SourceRow] | None:
        without = sorted(wanted.difference(row.image_id for row in rows))
        if exclude and without:
            raise SourceError(
                f"image {without[0]!r} of {store.url} came from no source file, so that there is none to "
                "exclude; delete it without excluding",
                dataset=store.url,
                image_id=without[0],
            )
        now = [_without_image(row, exclude=exclude) if row.image_id in wanted else row for row in rows]
        return now if now != rows else None

    update_rows(store, change)


def _without_image(row: SourceRow, *, exclude: bool) -> SourceRow:
    # The id and the files stay: a file that comes back, or has moved meanwhile, is known by them.
    left = replace(row, ingested_epoch_ns=0, conflicts={}, gone_epoch_ns=0, returned=False)
    if not exclude:
        return left
    excluded_epoch_ns = row.excluded_epoch_ns or time.time_ns()
    return replace(left, failure="", failed_epoch_ns=0, excluded_epoch_ns=excluded_epoch_ns)
