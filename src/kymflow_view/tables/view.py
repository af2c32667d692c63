"""Rows of a table as they were asked for: page by page, counted, as Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kymflow import ColumnError
from kymflow_view.tables.cells import cells
from kymflow_view.tables.columns import Coded, Column, Numbers
from kymflow_view.tables.conditions import containing, matching
from kymflow_view.tables.joined import Joined, JoinedColumn
from kymflow_view.tables.loading import IMAGE_ID
from kymflow_view.tables.order import Mask, Places
from kymflow_view.tables.query import Condition, Query, named_columns, no_column, sort_columns

# Which image a row is of.
_ALWAYS = (IMAGE_ID, "file_name", "image_file_name")
# Where its file was, below the folder that was ingested.
_PATH = "rel_path"
MAX_ROWS = 1_000
MAX_VALUES = 200
_PIECE = 50_000


@dataclass(frozen=True, eq=False)
class Page:
    """Some rows of a view.

    Attributes
    ----------
    columns : list of str
        Names of the columns.
    rows : list of list
        Their values, as JSON can hold them; see :func:`cells`.
    """

    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True, eq=False)
class View:
    """Rows of a table, chosen and ordered.

    Attributes
    ----------
    joined : Joined
        The table, with the columns of ``images`` if they were asked for.
    places : ndarray of int
        Its rows, in order.
    """

    joined: Joined
    places: Places

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self.places)

    def page(self, offset: int = 0, limit: int = 100, columns: str | None = None) -> Page:
        """Return some rows.

        Parameters
        ----------
        offset, limit : int
            The first one, and how many.
        columns : str, optional
            Names, separated by commas; by default all. ``image_id`` and ``file_name`` are there in any case.

        Raises
        ------
        ColumnError
            A name that is no column.
        """
        known = self.joined.columns
        names = list(known)
        if columns is not None:
            wanted = named_columns(self.joined.table.name, columns, known)
            names = list(dict.fromkeys([*filter(known.__contains__, _ALWAYS), *wanted]))
        places = self.places[offset : offset + limit]
        found = [cells(known[name].column, known[name].rows(places)) for name in names]
        return Page(names, [list(row) for row in zip(*found, strict=True)])

    def position(self, image_id: str, row: Sequence[Condition] = (), near: int = 0) -> int | None:
        """Return where an image is; None if it has no row here.

        Parameters
        ----------
        image_id : str
            The image.
        row : sequence of Condition
            Which of its rows, the most telling condition first. One that none of them meets is passed over.
        near : int
            Of several such rows, the nearest to this position is meant.

        Raises
        ------
        ColumnError
            A condition that does not fit its column.
        """
        found = self.joined.table.columns.get(IMAGE_ID)
        if found is None or found.kind != "text":
            return None
        where = np.flatnonzero(matching(found, "=", image_id)[self.places])
        for condition in row:
            column = self.joined.table.columns.get(condition.column)
            if column is None or len(where) < 2:
                continue
            meant = where[matching(column, condition.operator, condition.value)[self.places[where]]]
            where = meant if len(meant) else where
        return int(where[np.argmin(np.abs(where - near))]) if len(where) else None

    def values(self, name: str) -> tuple[list[tuple[Any, int]], int]:
        """Return how many rows have which value of a column, and how many further values there are.

        The most frequent ones come first.

        Raises
        ------
        ColumnError
            There is no such column, or its values are lists or objects.
        """
        joined = self._column(name)
        column, rows = joined.column, joined.rows(self.places)
        known, counts = _counted(column, rows)
        n_missing = len(rows) - int(counts.sum())
        order = np.argsort(-counts, kind="stable")[:MAX_VALUES]
        of_values = replace(column, values=known)
        texts = cells(of_values, order.astype(np.int32))
        found = list(zip(texts, counts[order].tolist(), strict=True))
        if n_missing:
            found = sorted([*found, (None, n_missing)], key=lambda pair: -pair[1])[:MAX_VALUES]
        return found, len(counts) + bool(n_missing) - len(found)

    def arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows as Arrow, texts as codes of a dictionary; fields tell units and descriptions."""
        return self._arrow(self.places, self._columns(columns), encoded=True)

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows as Arrow, 50,000 at a time; at least one piece, of no rows if there are none."""
        chosen = self._columns(columns)
        for begin in range(0, max(self.total, 1), _PIECE):
            yield self._arrow(self.places[begin : begin + _PIECE], chosen)

    def _columns(self, names: Sequence[str] | None) -> list[JoinedColumn]:
        return [self._column(name) for name in (self.joined.columns if names is None else names)]

    def _column(self, name: str) -> JoinedColumn:
        if name not in self.joined.columns:
            raise no_column(self.joined.table.name, name, self.joined.columns)
        return self.joined.columns[name]

    def _arrow(self, places: Places, columns: Sequence[JoinedColumn], *, encoded: bool = False) -> pa.Table:
        arrays, fields = [], []
        for one in columns:
            rows, values = one.rows(places), one.column.values
            if encoded and one.column.kind == "text" and isinstance(values, Coded):
                arrays.append(values.encoded(rows))
            else:
                arrays.append(one.column.arrow(rows))
            notes = {"unit": one.column.unit, "description": one.column.description}
            said = {key: text for key, text in notes.items() if text}
            fields.append(pa.field(one.column.name, arrays[-1].type, metadata=said))
        return pa.table(arrays, schema=pa.schema(fields))


def make_view(joined: Joined, query: Query) -> View:
    """Return the rows that a query asks for.

    Raises
    ------
    ColumnError, QueryError
        A column that is not there, or a condition that does not fit it.
    """
    name, columns = joined.table.name, joined.columns
    by = sort_columns(name, query.sort, columns)
    if _PATH in columns and columns[_PATH].column.kind == "text":
        # As `kymflow show` has them, what is equal too: the order of ids tells nobody anything.
        by = [*by, (_PATH, False)]
    holds: Mask | None = None
    for condition in query.where:
        if condition.column not in columns:
            raise no_column(name, condition.column, columns)
        one = columns[condition.column]
        found = matching(one.column, condition.operator, condition.value)
        found = one.spread(found, otherwise=condition.operator == "missing")
        holds = found if holds is None else holds & found
    if query.search:
        found = _found(joined, query.search)
        holds = found if holds is None else holds & found
    n_rows = joined.table.n_rows
    places = (np.arange(n_rows) if holds is None else np.flatnonzero(holds)).astype(np.int32)
    # From the last one to the first: each of these sorts keeps what the former has done.
    for sorted_by, descending in reversed(by):
        places = columns[sorted_by].ordered(places, descending=descending)
    return View(joined, places)


def _found(joined: Joined, text: str) -> Mask:
    """Tell which rows have this in one of their texts."""
    own = np.zeros(joined.table.n_rows, np.bool_)
    of_images, through = None, None
    for one in joined.columns.values():
        if one.column.kind == "text":
            found = containing(one.column, text)
            if one.through is None:
                own |= found
            else:
                of_images, through = found if of_images is None else of_images | found, one
    return own if of_images is None or through is None else own | through.spread(of_images)


def _counted(column: Column, rows: Places) -> tuple[Coded | Numbers, Any]:
    """Return the different values of some rows, in order, and how often each is there."""
    values = column.values
    rows = rows[rows >= 0]
    if isinstance(values, Coded):
        codes = values.codes[rows]
        counts = np.bincount(codes[codes >= 0], minlength=len(values.values))
        there = np.flatnonzero(counts)
        there = there[np.argsort(values.ranks[there], kind="stable")]
        return Coded(there.astype(np.int32), values.values), counts[there]
    if isinstance(values, Numbers):
        there = values.take(rows).drop_null().to_numpy(zero_copy_only=False)
        different, counts = np.unique(there, return_counts=True)
        return Numbers(different), counts
    if column.kind != "text":
        raise ColumnError(
            f"column {column.name!r} holds {column.type}, whose values are not counted", column=column.name
        )
    found = pc.value_counts(values.take(rows).drop_null())
    texts = found.field("values")
    order = np.argsort(Coded(np.arange(len(texts), dtype=np.int32), texts).ranks, kind="stable")
    return Coded(order.astype(np.int32), texts), found.field("counts").to_numpy()[order]
