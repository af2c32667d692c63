"""The tables of a dataset in memory, as they are now, and the last few views of them."""

from __future__ import annotations

from collections.abc import Callable

from kymflow import KymDataset, TableNotFoundError
from kymflow_view.tables.joined import IMAGES, Joined, join
from kymflow_view.tables.kept import Kept
from kymflow_view.tables.loading import Table, load_table
from kymflow_view.tables.query import Query
from kymflow_view.tables.view import View, make_view

MAX_TABLES_BYTES = 768 * 2**20
MAX_VIEWS_BYTES = 64 * 2**20
_LEAST = 2**10
# Name and version of a table, the version of images where that is joined, and what was asked.
_Key = tuple[str, str, str, str]


class Tables:
    """The tables of a dataset, sorted, filtered, searched and joined; any thread may ask.

    A table is read when it is first asked for, and again once it has another version: then nothing of the
    old one is kept.

    Parameters
    ----------
    open_dataset : callable
        Returns the calling thread's own :class:`KymDataset`.
    """

    def __init__(self, open_dataset: Callable[[], KymDataset]) -> None:
        self._open = open_dataset
        self._tables: Kept[_Key, Table] = Kept(MAX_TABLES_BYTES, lambda table: table.nbytes)
        self._joined: Kept[_Key, Joined] = Kept(MAX_VIEWS_BYTES, lambda joined: joined.nbytes + _LEAST)
        self._views: Kept[_Key, View] = Kept(MAX_VIEWS_BYTES, lambda view: view.places.nbytes + _LEAST)

    def table(self, name: str) -> Table:
        """Return a table as it is now.

        Raises
        ------
        TableNotFoundError
            There is no such table.
        TableError, ColumnError
            It cannot be read, or two columns have one name.
        """
        kd = self._open()
        version = kd.table_version(name)
        if version is None:
            self._forget(name, "")
            raise TableNotFoundError(f"there is no table {name!r} in {kd.ds.path}", table_name=name)
        self._forget(name, version)
        return self._tables.get((name, version, "", ""), lambda: load_table(kd, name))

    def joined(self, name: str, *, images: bool = False) -> Joined:
        """Return a table as it is now, with the columns of table ``images`` on demand.

        Raises
        ------
        TableNotFoundError
            There is no such table, or none named ``images``.
        TableError, ColumnError
            A table cannot be read, or ``images`` has not one row for each image.
        """
        table = self.table(name)
        of_images = self.table(IMAGES) if images and name != IMAGES else None
        key = (name, table.version, "" if of_images is None else of_images.version, "")
        return self._joined.get(key, lambda: join(table, of_images))

    def view(self, name: str, query: Query) -> View:
        """Return the rows of a table that a query asks for, as they are now.

        Raises
        ------
        TableNotFoundError
            There is no such table, or none named ``images``, which is asked for.
        ColumnError, QueryError
            A column that is not there, or a condition that does not fit it.
        """
        joined = self.joined(name, images=query.images)
        of_images = "" if joined.images is None else joined.images.version
        # As text, 1 is not True.
        key = (name, joined.table.version, of_images, repr(query))
        return self._views.get(key, lambda: make_view(joined, query))

    @property
    def nbytes(self) -> int:
        """Bytes that are kept in memory."""
        return self._tables.nbytes + self._joined.nbytes + self._views.nbytes

    def _forget(self, name: str, version: str) -> None:
        """Drop what is of other versions of a table, before the new one is read."""

        def is_current(key: _Key) -> bool:
            if name == IMAGES and key[2] not in ("", version):
                return False
            return key[0] != name or key[1] == version

        for kept in (self._tables, self._joined, self._views):
            kept.keep(is_current)
