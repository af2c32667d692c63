"""The tables of a dataset in a program's hands: loaded, edited, written back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from kymflow.core.zarr.indexers.base import normalize_table_name
from kymflow.core.zarr.tables.cache import TableCache, copy_of
from kymflow.core.zarr.tables.image_columns import IMAGES_TABLE, add_images, add_source
from kymflow.core.zarr.tables.info import TableInfo, describe_table
from kymflow.core.zarr.tables.reading import load_arrow, table_version

if TYPE_CHECKING:
    import pyarrow as pa

    from kymflow_zarr import ZarrDataset


class LoadedTables:
    """What a :class:`~kymflow.KymDataset` does with tables in memory.

    Attributes
    ----------
    ds : ZarrDataset
        Where they are on disk.
    tables : dict of str to DataFrame
        Those in memory, by name; another one is loaded as it is asked for. They are the working copies that
        :meth:`save_table` writes back. What has been loaded stays as it is until :meth:`get_table`,
        :meth:`load_tables` or an update of the table brings another one.
    """

    def __init__(self, ds: ZarrDataset) -> None:
        self.ds = ds
        self._cache = TableCache(ds)
        # No property: IPython completes the keys of plain attributes only.
        self.tables: Final[dict[str, pd.DataFrame]] = self._cache.frames

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
            after ``image_id``; missing for images that came from no folder.
        with_images : bool
            Add all columns of table ``images``: where the image came from, its size, whether it was accepted,
            the experiment. It has those of `with_source`, too.

        Returns
        -------
        DataFrame
            A copy, to be changed at will: :meth:`save_table` knows nothing of it. Under pandas 3 and later
            it shares its values with the table in memory until one of them is changed. Where the table has
            a column of a name that is to be added, the added one is called ``image_<name>``.

        Raises
        ------
        TableNotFoundError
            There is no such table; or none named ``images``, with `with_images`.
        ColumnError
            Table ``images`` is not one of a row for each image.
        """
        frame = self._cache.get(self._table_name(name))
        if with_images and name != IMAGES_TABLE:
            return add_images(frame, self._cache.get(IMAGES_TABLE))
        return add_source(self.ds, frame) if with_source else copy_of(frame)

    def save_table(self, name: str) -> None:
        """Write a table in memory back, edits by hand included, if nobody else has written it since.

        The table in memory is ``kd.tables[name]``: edit it in place, or put another in its stead. Frames
        that :meth:`get_table` and updates have returned are copies, of whose edits nothing is saved. Edits
        last until the next update of the table: its rows are derived from artifacts, and are then derived
        anew. To change them for good, change the artifacts.

        Raises
        ------
        TableNotFoundError
            It is not in memory.
        ConflictError
            Somebody else has written it since it was loaded.
        ColumnError
            An edit that Parquet cannot hold exactly.

        Examples
        --------
        >>> import pandas as pd
        >>> from kymflow import KymDataset
        >>> kd = KymDataset("memory://edited-by-hand", mode="a")
        >>> kd.ds.save_table("cells", pd.DataFrame({"image_id": ["cell-1", "cell-2"], "hz": [8.5, 7.0]}))
        >>> kd.tables["cells"].loc[1, "hz"] = 7.5
        >>> kd.save_table("cells")
        >>> kd.ds.load_table("cells")["hz"].tolist()
        [8.5, 7.5]
        """
        self._cache.save(self._table_name(name))

    def save_all_tables(self) -> None:
        """Write all tables in memory back, as :meth:`save_table`; those without edits are not touched."""
        for name in sorted(self.tables):
            self._cache.save(name)

    # Without keeping anything in memory

    def load_arrow(
        self, name: str, *, columns: Sequence[str] | None = None, image_ids: Iterable[str] | None = None
    ) -> pa.Table:
        """Read a table, or a part of it, as Arrow; units and descriptions are in the fields' metadata.

        On a local disk, only the columns that are asked for are read, and of the rows those groups (of
        131,072) in which the images can be; tables are ordered by ``image_id``. From an object store,
        the whole file is fetched. All rows are of one moment, whoever writes the table meanwhile.

        Parameters
        ----------
        name : str
            Name of the table.
        columns : sequence of str, optional
            Only these, in this order.
        image_ids : iterable of str, optional
            Only the rows of these images, as they stand in the table; an image that the table does not
            know has none.

        Raises
        ------
        TableNotFoundError
            There is no such table.
        ColumnError
            It has no such column.
        TableError
            Its file is damaged.

        Examples
        --------
        >>> from kymflow import KymDataset
        >>> kd = KymDataset("memory://parts-of-a-table", mode="a")
        >>> for image_id in ("cell-1", "cell-2"):
        ...     record = kd.ds.record(image_id)
        ...     record.save_array([[0, 1], [2, 3]])
        ...     key = record.save_json("radon_report", {"mean_velocity": 1.5, "n_valid": 10})
        >>> reports = kd.rebuild_all(indexers=["radon_report"])
        >>> kd.load_arrow("radon_report", columns=["image_id", "n_valid"], image_ids=["cell-2"]).to_pylist()
        [{'image_id': 'cell-2', 'n_valid': 10}]
        """
        return load_arrow(self.ds, self._name_on_disk(name), columns, image_ids)

    def describe_table(self, name: str) -> TableInfo:
        """Return what a table says of itself: columns with types, units and descriptions, and what made it.

        On a local disk, nothing but the footer of its file is read.

        Raises
        ------
        TableNotFoundError
            There is no such table.
        TableError
            Its file is damaged.

        Examples
        --------
        >>> from kymflow import KymDataset
        >>> kd = KymDataset("memory://a-described-table", mode="a")
        >>> reports = kd.rebuild_all(indexers=["radon_report"])
        >>> info = kd.describe_table("radon_report")
        >>> info.rows, info.indexer, info.columns[1]
        (0, 'radon_report', ColumnInfo(name='mean_velocity', type='double', unit='mm/s', description=...))
        """
        return describe_table(self.ds, self._name_on_disk(name))

    def table_version(self, name: str) -> str | None:
        """Return a token that is another one after every write of the table, by whomever; None without table.

        It costs hardly more than a look at the file's time (on a disk, the footer is read; on an object
        store, the entity tag is asked for), so that a program can ask every second. Only compare it for
        being equal: what is in it may change.

        Examples
        --------
        >>> from kymflow import KymDataset
        >>> kd = KymDataset("memory://polled", mode="a")
        >>> kd.table_version("radon_report") is None
        True
        >>> reports = kd.rebuild_all(indexers=["radon_report"])
        >>> seen = kd.table_version("radon_report")
        >>> kd.table_version("radon_report") == seen
        True
        >>> reports = kd.rebuild_all(indexers=["radon_report"])
        >>> kd.table_version("radon_report") == seen
        False
        """
        return table_version(self.ds, self._name_on_disk(name))

    def _name_on_disk(self, name: str) -> str:
        """Return the name as it is if it is an indexer's or there is such a table, or else as theirs are."""
        self.ds.check_there()
        normal = normalize_table_name(name)
        # Most names are: then nothing has to be listed.
        return name if name == normal or name in self.ds.list_table_names() else normal

    def _table_name(self, name: str) -> str:
        """Return the name as it is if there is such a table, or else as indexers' tables are named."""
        if name in self.tables or name in self.ds.list_table_names():
            return name
        return normalize_table_name(name)
