"""A table with the columns of table ``images`` beside its own: as positions, no value is copied."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kymflow import ColumnError
from kymflow_view.tables.columns import MISSING, Coded, Column, Plain
from kymflow_view.tables.loading import IMAGE_ID, Table
from kymflow_view.tables.order import Keys, Mask, Places, ordered

IMAGES = "images"
# As in get_table(with_images=True): these come after image_id, the others at the end.
_FIRST = ("rel_path", "file_name")


@dataclass(frozen=True, eq=False)
class JoinedColumn:
    """A column, and in which of its rows the value of each of the table's rows is.

    Attributes
    ----------
    column : Column
        The column; its name is the one that it has here.
    through : ndarray of int, optional
        The row of ``images`` for each row of the table, -1 where there is none; None for the table's own.
    """

    column: Column
    through: Places | None = None

    def rows(self, places: Places) -> Places:
        """Return where in the column the values of some rows of the table are."""
        return places if self.through is None else self.through[places]

    def spread(self, holds: Mask, *, otherwise: bool = False) -> Mask:
        """Return for each row of the table what holds of its value; `otherwise` where it has none."""
        return holds if self.through is None else np.append(holds, otherwise)[self.through]

    def ordered(self, places: Places, *, descending: bool) -> Places:
        """Return rows of the table in the order of this column's values.

        Raises
        ------
        ColumnError
            They have no order.
        """
        keys: Keys | None = self.column.values.keys
        if keys is None:
            name = self.column.name
            raise ColumnError(
                f"column {name!r} holds {self.column.type}, which has no order to sort by", column=name
            )
        missing = self.column.values.missing
        if self.through is not None:
            keys, missing = (
                np.append(keys, keys.dtype.type(0))[self.through],
                self.spread(missing, otherwise=True),
            )
        return ordered(places, keys, missing, descending=descending)


@dataclass(frozen=True, eq=False)
class Joined:
    """A table as it is asked for, with or without the columns of ``images``.

    Attributes
    ----------
    table : Table
        The table.
    images : Table, optional
        Table ``images``, where its columns are joined.
    columns : dict of str to JoinedColumn
        All columns by name, in order.
    """

    table: Table
    images: Table | None
    columns: dict[str, JoinedColumn]

    @property
    def nbytes(self) -> int:
        """Bytes in memory besides those of the tables."""
        return self.table.n_rows * 4 if self.images is not None else 0


def join(table: Table, images: Table | None) -> Joined:
    """Return a table with the columns of ``images``, named as in ``get_table(with_images=True)``.

    Raises
    ------
    ColumnError
        Table ``images`` has not one row for each image.
    """
    own = {name: JoinedColumn(column) for name, column in table.columns.items()}
    if images is None:
        return Joined(table, None, own)
    through = _image_rows(table, images)
    joined: dict[str, JoinedColumn] = {}
    first: dict[str, JoinedColumn] = {}
    for column in images.columns.values():
        if column.name != IMAGE_ID:
            name = column.name
            while name in own or name in joined or name in first:
                name = f"image_{name}"
            found = first if column.name in _FIRST else joined
            found[name] = JoinedColumn(replace(column, name=name), through)
    begin = {IMAGE_ID: own.pop(IMAGE_ID)} if IMAGE_ID in own else {}
    before = {}
    if begin:
        names = list(table.columns)
        before = {name: own.pop(name) for name in names[: names.index(IMAGE_ID)]}
    return Joined(table, images, {**before, **begin, **first, **own, **joined})


def _image_rows(table: Table, images: Table) -> Places:
    """Return the row of ``images`` for each row of a table; -1 where there is none."""
    known = images.columns.get(IMAGE_ID)
    ids = known.values if known is not None else None
    if not isinstance(ids, Coded) or len(np.unique(ids.codes)) < len(ids):
        raise ColumnError(
            f"table {IMAGES!r} has not one row for each image, so that it cannot be joined to others",
            column=IMAGE_ID,
        )
    row_of = np.full(len(ids.values) + 1, MISSING, np.int32)
    row_of[ids.codes] = np.arange(len(ids), dtype=np.int32)
    row_of[-1] = MISSING
    own = table.columns.get(IMAGE_ID)
    if own is None or own.kind != "text" or not isinstance(own.values, Coded | Plain):
        return np.full(table.n_rows, MISSING, np.int32)
    found = pc.index_in(own.values.values.cast(pa.string()), value_set=ids.values.cast(pa.string()))
    rows: Places = row_of[np.asarray(found.fill_null(MISSING))]
    return np.append(rows, np.int32(MISSING))[own.values.codes] if isinstance(own.values, Coded) else rows
