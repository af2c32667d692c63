"""A dataset: open or create it safely, its records, its tables."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from kymflow_zarr import layout, tables
from kymflow_zarr.errors import KymflowError, SourceError
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT
from kymflow_zarr.opened import OpenedRoot
from kymflow_zarr.record.attrs import delete_record
from kymflow_zarr.record.copies import find_copies
from kymflow_zarr.record.passed_over import PassedOver, part_names
from kymflow_zarr.record.record import ZarrImageRecord
from kymflow_zarr.root import Mode
from kymflow_zarr.sources import sync, table
from kymflow_zarr.sources.options import OnProgress, RefreshMode, SyncOptions
from kymflow_zarr.sources.reader import SourceReader
from kymflow_zarr.sources.standing import SourcesStanding, standing_of
from kymflow_zarr.sources.tiff_reader import TiffReader
from kymflow_zarr.store.base import Listing

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy.typing as npt

    from kymflow_zarr.sources.report import FolderReport


class ZarrDataset(OpenedRoot):
    """Images, their artifacts, and the tables made from them, in one Zarr hierarchy.

    Parameters
    ----------
    path : str or path
        A local folder, or a URL (``s3://bucket/prefix``, ``memory://name``).
    mode : {"r", "r+", "lazy", "a", "w"}
        ``r`` reads and never writes a byte. ``r+`` reads and writes a dataset that is there. ``a``
        does, too, and creates it if the path is absent or an empty folder. ``w`` erases a dataset
        first. ``lazy`` is ``r+``, but what is absent is made by the first image that is written, and whatever
        else is asked before that raises. Whatever else is at the path is left alone and refused.
    zarr_format : {3, 2}
        For creation only; an existing dataset keeps its own.

    Attributes
    ----------
    readers : callable
        Returns the readers that folders are ingested with: of plain TIFF files, unless a KymDataset
        gives it those of kymographs and of plugins.
    passed_over : PassedOver
        Which folders the last listing of all images has passed over: ``copies`` of records (id of the image,
        by name), and ``unusable`` names.

    Raises
    ------
    DatasetNotFoundError
        Mode ``r`` or ``r+``, and nothing is there.
    DatasetError
        What is there is no kymflow dataset, is of a newer version, or is damaged.

    Notes
    -----
    ``w`` erases a Zarr v2 dataset, as earlier versions of kymflow wrote them, only if
    ``zarr_format=2`` says that one is meant.

    Examples
    --------
    >>> import pandas as pd
    >>> from kymflow_zarr import ZarrDataset
    >>> ds = ZarrDataset("memory://storage")
    >>> record = ds.add_image([[0, 1, 2], [3, 4, 5]])
    >>> ds.list_image_ids() == [record.image_id]
    True
    >>> ds.save_table("cells", pd.DataFrame({"image_id": ["cell-1", "cell-2"], "hz": [8.5, 7.0]}))
    >>> rows = pd.DataFrame({"image_id": "cell-2", "hz": [7.25, 7.5]})
    >>> ds.replace_rows_for_image_id("cells", "cell-2", rows)
    >>> ds.load_table("cells")
      image_id    hz
    0   cell-1  8.50
    1   cell-2  7.25
    2   cell-2  7.50
    """

    def __init__(
        self, path: str | os.PathLike[str], mode: Mode = "a", *, zarr_format: Literal[2, 3] = 3
    ) -> None:
        super().__init__(path, mode, zarr_format)
        self.readers: Callable[[], Sequence[SourceReader]] = lambda: [TiffReader()]
        # Which folders the last listing of all images has passed over.
        self.passed_over = PassedOver()

    def __repr__(self) -> str:
        return f"ZarrDataset({self.path!r}, mode={self.mode!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_reopen, (self.path, self.mode))

    # Records

    def record(self, image_id: str) -> ZarrImageRecord:
        """Return the record of this id, without looking whether it is there.

        Raises
        ------
        InvalidNameError
            The id cannot be a key of a dataset.
        """
        make = self._make if self._is_absent else None
        return ZarrImageRecord(
            self._store, image_id, zarr_format=self.zarr_format, read_only=self.read_only, before_first=make
        )

    def list_image_ids(self) -> list[str]:
        """Return the ids of all images, sorted.

        Folders that are none are noted in ``passed_over``: of a name that is no id, or copies that sync
        programs left.
        """
        self.check_there()
        mark = ATTRS_DOCUMENT[self.zarr_format]
        return list(self._images_among(self._store.children(layout.IMAGES, having=[mark])))

    def find_copies(self, names: Collection[str] | None = None) -> dict[str, str]:
        """Return which records, of all or these, sync programs left as copies of images: ids by name."""
        if names is not None:
            return find_copies(self._store, names, self.zarr_format)
        self.list_image_ids()
        return dict(self.passed_over.copies)

    def _images_among(self, names: Sequence[str]) -> Sequence[str]:
        images, self.passed_over = part_names(self._store, names, self.zarr_format)
        return images

    def attrs_key(self, image_id: str) -> str:
        """Return the key by which an image is there: that of its attributes."""
        # Of ids that a listing or a ledger gave: they need no second check.
        return f"{layout.IMAGES}/{image_id}/{ATTRS_DOCUMENT[self.zarr_format]}"

    def existing(self, image_ids: Collection[str]) -> set[str]:
        """Return which of these images there are."""
        ids = list(image_ids)
        found = self._store.stat_many([self.attrs_key(image_id) for image_id in ids])
        there = {image_id for image_id, one in zip(ids, found, strict=True) if one is not None}
        return there.difference(self.find_copies(there))

    def listing(self) -> Listing:
        """List all images and their artifacts at once: names, sizes and times, nothing is read."""
        self.check_there()
        mark = ATTRS_DOCUMENT[self.zarr_format]
        found = self._store.list_records(layout.IMAGES, mark, layout.ANALYSIS)
        names = self._images_among(found.names)
        return found if len(names) == len(found.names) else replace(found, names=list(names))

    def iter_records(self) -> Iterator[ZarrImageRecord]:
        """Yield all records, ordered by image id."""
        for image_id in self.list_image_ids():
            yield self.record(image_id)

    def add_image(
        self,
        arr: npt.ArrayLike,
        *,
        axes: Sequence[str] | None = None,
        chunks: Sequence[int] | None = None,
        scale: Sequence[float] | None = None,
        units: Sequence[str | None] | None = None,
    ) -> ZarrImageRecord:
        """Store an image under a new id (uuid4); parameters as :meth:`ZarrImageRecord.save_array`."""
        if not self._is_absent:
            self.check_writable()
        record = self.record(str(uuid.uuid4()))
        try:
            record.save_array(arr, axes=axes, chunks=chunks, scale=scale, units=units)
        except BaseException:
            # Nobody knows the new id yet: what was written is of no use.
            with suppress(KymflowError):
                self._store.delete_tree(layout.record_prefix(record.image_id))
            raise
        return record

    def delete_image(self, image_id: str, *, exclude: bool = False) -> None:
        """Delete an image with all its artifacts; see :meth:`delete_images`."""
        self.delete_images([image_id], exclude=exclude)

    def delete_images(self, image_ids: Collection[str], *, exclude: bool = False) -> None:
        """Delete images with all their artifacts. Tables keep their rows until they are updated.

        Parameters
        ----------
        image_ids : collection of str
            Which images; with `exclude`, also ids of source files that could not be taken in.
        exclude : bool
            Never ingest their source files again, wherever they move and however they change. By default
            an image comes back, under its old id, with the next ingest of a folder that has its file.

        Raises
        ------
        RecordNotFoundError
            There is no such image; none is deleted.
        SourceError
            With `exclude`: an image came from no source file; none is deleted.
        """
        self.check_writable()
        sources = {row.image_id for row in table.load_rows(self._store)} if exclude else set()
        for image_id in image_ids:
            if image_id not in sources:
                self.record(image_id).get_attrs()
        table.note_deleted(self._store, image_ids, exclude=exclude)
        for image_id in image_ids:
            delete_record(self._store, image_id, self.zarr_format)

    # Tables

    def list_table_names(self) -> list[str]:
        """Return the names of all tables, sorted; for ``sources`` see :meth:`load_sources_index`."""
        self.check_there()
        return tables.list_table_names(self._store)

    def load_table(self, name: str) -> pd.DataFrame:
        """Read a table as ``pd.read_parquet`` does, but for whole numbers and truth values with missing ones.

        Columns of integers are pandas' ``Int64`` where values are missing, and of bools ``boolean``; without
        missing values they are ``int64`` and ``bool``.

        Raises
        ------
        TableNotFoundError
            There is no such table.
        TableError
            Its file is damaged.
        """
        self.check_there()
        return tables.load_table(self._store, name)

    def save_table(self, name: str, df: pd.DataFrame) -> None:
        """Write a table, replacing it whole; the index is not kept.

        Raises
        ------
        ColumnError
            A column that Parquet cannot hold exactly.
        """
        self.check_writable()
        tables.save_table(self._store, name, df)

    def drop_table(self, name: str) -> None:
        """Delete a table.

        Raises
        ------
        TableNotFoundError
            There is no such table.
        """
        self.check_writable()
        tables.drop_table(self._store, name)

    def replace_rows_for_image_id(
        self, name: str, image_id: str, df_rows: pd.DataFrame, *, image_id_col: str = "image_id"
    ) -> None:
        """Replace the rows of one image in a table, as one step among all writers.

        The table is created if there is none. It comes back ordered by image id, rows of one
        image in the order given. A frame without rows removes the image's rows.

        Raises
        ------
        ColumnError
            `df_rows` lacks `image_id_col`, claims another image, or holds what Parquet cannot.
        """
        self.check_writable()
        tables.replace_rows(self._store, name, image_id, df_rows, image_id_col)

    # Folders of source files

    def load_sources_index(self) -> pd.DataFrame:
        """Return which file each image came from, a row per file; columns in the on-disk layout page."""
        self.check_there()
        return table.load_index(self._store)

    def sources_standing(self) -> SourcesStanding:
        """Return which sources failed, were gone, are in conflict or there twice at the last ingest."""
        return standing_of(self.load_sources_index())

    def refresh_from_folder(
        self,
        folder: str | os.PathLike[str],
        pattern: str | None = None,
        *,
        mode: RefreshMode = "skip",
        reader: SourceReader | None = None,
        overwrite: bool = False,
        verify: bool = False,
        include_excluded: bool = False,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> list[str]:
        """Ingest what is new in a folder, and on demand what has changed.

        Sources that fail do not stop the others. They are warned of (:class:`IngestWarning`), as is
        what was kept because it had been edited; :meth:`sync_from_folder` reports on all of it instead.

        Parameters
        ----------
        folder : str or path-like
            Searched with all folders below; hidden files and folders are not.
        pattern : str, optional
            Only files of these names (``"cap*.tif"``); upper and lower case count as the same. By
            default all that a reader takes.
        mode : {"skip", "reingest_if_changed"}
            ``skip`` looks only for new files. ``reingest_if_changed`` also replaces pixels and
            artifacts, under the same image id, where a file or a sidecar has changed.
        reader : SourceReader, optional
            How sources are read; by default each by the reader in ``readers`` that takes it.
        overwrite : bool
            Replace even what was edited in the dataset and has changed at its source too.
        verify : bool
            Read all files again, whatever their sizes and times say, and the pixels that came of them, which
            are written again where they are damaged; for ``reingest_if_changed``.
        include_excluded : bool
            Take in again what :meth:`delete_images` has excluded; with `pattern`, only files so named.
        on_progress : callable, optional
            Called with (done, total) sources; `done` is a fraction while a large file is written.
        cancel : threading.Event, optional
            Set it to stop between two images, or within a large one.
        executor : concurrent.futures.Executor, optional
            Read several sources side by side: in its threads, or in as many threads as it has
            workers of another kind. It is not shut down.

        Returns
        -------
        list of str
            Ids of new and re-ingested images, those that an interrupted ingest has left among them.

        Raises
        ------
        SourceError
            `folder` is no folder, or there is no such mode.
        CancelledError
            `cancel` was set; what was ingested until then stays.
        """
        readers = self._readers(reader)
        options = SyncOptions(
            pattern, mode, readers, overwrite, verify, include_excluded, on_progress, cancel, executor
        )
        report = self._sync(folder, options)
        report.warn()
        return report.image_ids

    def sync_from_folder(
        self,
        folder: str | os.PathLike[str],
        pattern: str | None = None,
        *,
        mode: RefreshMode = "skip",
        reader: SourceReader | None = None,
        overwrite: bool = False,
        verify: bool = False,
        include_excluded: bool = False,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> FolderReport:
        """Do as :meth:`refresh_from_folder`, but report on every file, and warn of nothing."""
        readers = self._readers(reader)
        options = SyncOptions(
            pattern, mode, readers, overwrite, verify, include_excluded, on_progress, cancel, executor
        )
        return self._sync(folder, options)

    def _readers(self, reader: SourceReader | None) -> Sequence[SourceReader]:
        if reader is None:
            return self.readers()
        if not isinstance(reader, SourceReader):
            raise SourceError(
                f"reader {reader!r} is no SourceReader: it needs name, matches(path), files(primary) "
                "and read(primary)"
            )
        return [reader]

    def _sync(self, folder: str | os.PathLike[str], options: SyncOptions) -> FolderReport:
        if os.path.isdir(folder):
            self._make()
        if not self._is_absent:
            self.check_writable()
        return sync.sync(self._store, self.zarr_format, folder, options)


def _reopen(path: str, mode: Mode) -> ZarrDataset:
    """Open a dataset in another process: it must be there, and is neither made nor erased."""
    return ZarrDataset(path, "r" if mode == "r" else "r+")
