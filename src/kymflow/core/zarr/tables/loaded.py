"""The tables of a dataset in a program's hands: loaded, edited, written back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.zarr.indexers.base import normalize_table_name
from kymflow.core.zarr.tables.cache import TableCache
from kymflow.core.zarr.tables.image_columns import IMAGES_TABLE, add_images, add_source

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


class LoadedTables:
    """What a :class:`~kymflow.KymDataset` does with tables in memory.

    Attributes
    ----------
    ds : ZarrDataset
        Where they are on disk.
    """

    def __init__(self, ds: ZarrDataset) -> None:
        self.ds = ds
        self._cache = TableCache(ds)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Tables in memory, by name."""
        return self._cache.frames

    def load_tables(self, names: Sequence[str] | None = None) -> None:
        """Load tables from disk, whatever is in memory; all of them by default."""
        for name in self.ds.list_table_names() if names is None else names:
            self._cache.load(self._table_name(name))

    def get_table(self, name: str, *, with_source: bool = False, with_images: bool = False) -> pd.DataFrame:
        """Return a table; loaded once, and again when its file has been written by somebody else.

        Parameters
        ----------
        name : str
            Name of the table.
        with_source : bool
            Add the columns ``rel_path`` and ``file_name`` of the file that each image came from,
            after ``image_id``; missing for images that came from no folder. The result is then a
            copy, not the table in memory.
        with_images : bool
            Add all columns of table ``images``: where the image came from, its size, whether it was accepted,
            the experiment. It has those of `with_source`, too. The result is a copy.

        Returns
        -------
        DataFrame
            Where the table has a column of a name that is to be added, the added one is called
            ``image_<name>``.

        Raises
        ------
        TableNotFoundError
            There is no such table; or none named ``images``, with `with_images`.
        ColumnError
            Table ``images`` is not one of a row for each image.
        """
        frame = self._cache.get(self._table_name(name))
        if with_images:
            return add_images(frame, self._cache.get(IMAGES_TABLE))
        return add_source(self.ds, frame) if with_source else frame

    def save_table(self, name: str) -> None:
        """Write a table in memory back, edits by hand included, if nobody else has written it since.

        The table in memory is ``kd.tables[name]``, the very frame that :meth:`get_table` returns:
        edit it in place, or put another in its stead. Such edits last until the next update of
        the table: its rows are derived from artifacts, and are then derived anew. To change them
        for good, change the artifacts.

        Raises
        ------
        TableNotFoundError
            It is not in memory.
        ConflictError
            Somebody else has written it since it was loaded.
        ColumnError
            An edit that Parquet cannot hold exactly.
        """
        self._cache.save(self._table_name(name))

    def save_all_tables(self) -> None:
        """Write all tables in memory back, as :meth:`save_table`; those without edits are not touched."""
        for name in sorted(self.tables):
            self._cache.save(name)

    def _table_name(self, name: str) -> str:
        """Return the name as it is if there is such a table, or else as indexers' tables are named."""
        if name in self.tables or name in self.ds.list_table_names():
            return name
        return normalize_table_name(name)
