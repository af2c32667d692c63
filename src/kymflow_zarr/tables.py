"""Dataset-level tables: load, save, replace one image's rows, drop."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kymflow_zarr import layout
from kymflow_zarr.copied_names import copied_files
from kymflow_zarr.errors import ColumnError, InvalidNameError, KymflowError, TableError, TableNotFoundError
from kymflow_zarr.formats import frames
from kymflow_zarr.formats.integers import check_concat_keeps_integers
from kymflow_zarr.store.source_files import ADVICE as SOURCES_ADVICE

if TYPE_CHECKING:
    from kymflow_zarr.store.base import Fingerprint, Store, StoreReader


def list_table_names(store: StoreReader) -> list[str]:
    """Return the names of all tables, sorted; ``sources`` has its own method and is not among them.

    A file under a name that no table can have is somebody else's, and a sync program's copy is none.
    """
    keys = [found.key for found in store.list(layout.TABLES)]
    names = {
        key[len(layout.TABLES) + 1 :].removesuffix(".parquet")
        for key in set(keys).difference(copied_files(keys))
        if key.endswith(".parquet")
    }
    return sorted(name for name in names - layout.RESERVED_TABLES if layout.is_name(name))


def read_table(store: StoreReader, name: str) -> bytes:
    """Return the bytes of a table's Parquet file.

    Raises
    ------
    TableNotFoundError
        There is no such table.
    """
    return read_file(store, name)[0]


def read_file(store: StoreReader, name: str) -> tuple[bytes, Fingerprint]:
    """Return the bytes of a table's Parquet file, and their fingerprint; errors as :func:`read_table`."""
    try:
        return store.read(layout.table_key(name))
    except FileNotFoundError:
        raise _no_table(store, name) from None


@contextmanager
def open_table(store: StoreReader, name: str) -> Iterator[pq.ParquetFile]:
    """Open a table's Parquet file, to read its footer or some of its rows; they are of one moment.

    What pyarrow raises of damaged bytes, while it is open, becomes a :class:`TableError`.

    Raises
    ------
    TableNotFoundError
        There is no such table.
    TableError
        Its file is damaged.
    """
    try:
        with store.open(layout.table_key(name)) as (file, found):
            try:
                yield pq.ParquetFile(file)
            except KymflowError:
                raise
            except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
                cause = str(error).strip().partition("\n")[0]
                raise damaged_table(store, name, cause if found.size else frames.EMPTY) from error
    except FileNotFoundError:
        raise _no_table(store, name) from None


def _no_table(store: StoreReader, name: str) -> TableNotFoundError:
    there = list_table_names(store)
    near = difflib.get_close_matches(name, there)
    meant = f"; did you mean {' or '.join(map(repr, near))}? Its tables:" if near else "; its tables:"
    return TableNotFoundError(
        f"{store.url} has no table {name!r}{meant} {', '.join(there) or 'none yet'}",
        dataset=store.url,
        table_name=name,
    )


def damaged_table(store: StoreReader, name: str, cause: object) -> TableError:
    """Return the error for a table whose file is no Parquet table."""
    return TableError(
        f"table {name!r} of {store.url} cannot be read: {cause}.",
        dataset=store.url,
        table_name=name,
        advice=SOURCES_ADVICE if name == layout.SOURCES_TABLE else "Rebuild it, or drop it.",
    )


def load_table(store: StoreReader, name: str) -> pd.DataFrame:
    """Read a table as ``pd.read_parquet`` does, but for whole numbers and truth values with missing ones.

    Raises
    ------
    TableNotFoundError
        There is no such table.
    TableError
        Its file is damaged.
    """
    try:
        return decode(read_table(store, name))
    except frames.UnreadableParquet as error:
        raise damaged_table(store, name, error) from error


def decode(data: bytes) -> pd.DataFrame:
    """Return the rows of a table's file; see :func:`~kymflow_zarr.formats.frames.table_to_frame`.

    Raises
    ------
    UnreadableParquet
        It is damaged.
    """
    return frames.table_to_frame(frames.parquet_to_arrow(data))


def check_own_table(store: Store, name: str) -> None:
    """Refuse names that the dataset keeps for itself.

    Raises
    ------
    InvalidNameError
        The name is reserved or cannot be a key.
    """
    layout.check_name(name, "table name")
    # Some file systems take upper and lower case for the same.
    if name.lower() in layout.RESERVED_TABLES:
        raise InvalidNameError(
            f"table {name!r} of {store.url} is kept by the dataset itself; choose another name",
            dataset=store.url,
            table_name=name,
        )


def encode(store: Store, name: str, df: pd.DataFrame) -> bytes:
    """Return `df` as the bytes of the table's file.

    Raises
    ------
    ColumnError
        A column that Parquet cannot hold exactly.
    """
    try:
        return frames.frame_to_parquet(df, compression=frames.TABLE_COMPRESSION)
    except ColumnError as error:
        raise ColumnError(
            f"table {name!r} of {store.url}: {error}",
            dataset=store.url,
            table_name=name,
            column=error.column,
        ) from error


def save_table(store: Store, name: str, df: pd.DataFrame) -> None:
    """Write a table, replacing it whole."""
    check_own_table(store, name)
    data = encode(store, name, df)
    store.update(layout.table_key(name), lambda _: data)


def drop_table(store: Store, name: str) -> None:
    """Delete a table and its ledgers.

    Raises
    ------
    TableNotFoundError
        There is no such table.
    """
    check_own_table(store, name)
    key = layout.table_key(name)
    if not store.exists(key):
        raise _no_table(store, name)
    # First what may be refused; a table without ledgers is but made anew by the next refresh.
    store.delete_tree(layout.ledger_prefix(name))
    store.delete(key)


def replace_rows(store: Store, name: str, image_id: str, rows: pd.DataFrame, id_column: str) -> None:
    """Replace the rows of one image, as one step among all writers.

    The table is made if there is none, and comes back ordered by `id_column`, rows of one image
    in the order given. A frame without rows removes the image's rows.

    Raises
    ------
    ColumnError
        `rows` or the table lacks `id_column`, `rows` claims other images, or a column that
        Parquet cannot hold exactly.
    """
    check_own_table(store, name)
    _check_rows(store, name, image_id, rows, id_column)

    def change(present: bytes | None) -> bytes | None:
        merged = _merge(store, name, image_id, rows, id_column, present)
        return encode(store, name, merged)

    store.update(layout.table_key(name), change)


def _check_rows(store: Store, name: str, image_id: str, rows: pd.DataFrame, id_column: str) -> None:
    if not isinstance(image_id, str):
        raise InvalidNameError(f"an image id must be a str, got {type(image_id).__name__}: {image_id!r}")
    try:
        image_id.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidNameError(
            f"{image_id!r} cannot be used as image id: it cannot be written as UTF-8",
            dataset=store.url,
            table_name=name,
        ) from error
    if not isinstance(rows, pd.DataFrame):
        raise ColumnError(f"rows for table {name!r} must be a DataFrame, got {type(rows).__name__}")
    frames.check_column_names(rows)
    where = {"dataset": store.url, "table_name": name, "image_id": image_id, "column": id_column}
    if id_column not in rows.columns:
        if rows.empty and not len(rows.columns):
            return
        raise ColumnError(
            f"the rows of image {image_id!r} for table {name!r} of {store.url} lack the column "
            f"{id_column!r}; they have {list(rows.columns)}",
            **where,
        )
    claimed = rows[id_column].astype(object)
    foreign = claimed[[claim != image_id for claim in claimed.where(claimed.notna(), None)]]
    if len(foreign):
        raise ColumnError(
            f"the rows for table {name!r} of {store.url} are for image {image_id!r}, but "
            f"{len(foreign)} of them claim {foreign.iloc[0]!r} in column {id_column!r}",
            **where,
        )


def _merge(
    store: Store, name: str, image_id: str, rows: pd.DataFrame, id_column: str, present: bytes | None
) -> pd.DataFrame:
    if id_column not in rows.columns:
        rows = pd.DataFrame({id_column: pd.Series([], dtype="str")})
    if present is None:
        return rows
    try:
        table = decode(present)
    except frames.UnreadableParquet as error:
        raise damaged_table(store, name, error) from error
    if id_column not in table.columns:
        if len(table):
            raise ColumnError(
                f"table {name!r} of {store.url} has no column {id_column!r}; it has {list(table.columns)}",
                dataset=store.url,
                table_name=name,
                column=id_column,
            )
        return rows
    kept = table.loc[table[id_column] != image_id]
    if rows.empty:
        return kept
    if kept.empty:
        # No value is left to give the kept columns a type of their own.
        merged = rows.reindex(columns=[*kept.columns, *rows.columns.difference(kept.columns, sort=False)])
    else:
        check_concat_keeps_integers([kept, rows])
        merged = pd.concat([kept, rows], ignore_index=True)
    return merged.sort_values(id_column, kind="stable", ignore_index=True)
