"""Images that folders of source files give a dataset, and the tables brought up to them."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow.core.ingest.readers import usable_readers
from kymflow.core.ingest.upgrade import upgrade_dataset
from kymflow.core.runs.options import OnError, OnProgress, OnTable, RunOptions
from kymflow.core.runs.reports import IngestReport, UpgradeReport
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.refresh.configured import Settings
from kymflow.core.zarr.refresh.derived import DerivedTables
from kymflow.core.zarr.refresh.plan import make_plan
from kymflow.core.zarr.tables.state import find_state

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow.core.plugins.registry import IndexerRegistry
    from kymflow_zarr import SourceReader, ZarrDataset
    from kymflow_zarr.sources.options import OnProgress as IngestProgress
    from kymflow_zarr.sources.options import RefreshMode


class FolderImages(DerivedTables):
    """What a :class:`~kymflow.KymDataset` does with folders of source files."""

    def __init__(self, ds: ZarrDataset, registry: IndexerRegistry, settings: Settings | None = None) -> None:
        super().__init__(ds, registry, settings)
        self.ds.readers = self.readers

    def readers(self) -> Sequence[SourceReader]:
        """Return the readers of source files: those of kymflow itself, and those of the registry."""
        return usable_readers(self.registry)

    def ingest_folder(
        self,
        folder: str | os.PathLike[str],
        pattern: str | None = None,
        *,
        mode: RefreshMode = "reingest_if_changed",
        reader: SourceReader | None = None,
        overwrite: bool = False,
        verify: bool = False,
        include_excluded: bool = False,
        on_error: OnError = "raise",
        on_progress: IngestProgress | None = None,
        on_table: OnTable | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> IngestReport:
        """Take a folder's new and changed kymographs in, and update every registered table.

        Parameters
        ----------
        folder, pattern, mode, reader, overwrite, verify, include_excluded
            As :meth:`ZarrDataset.refresh_from_folder`; by default each file is read by the reader in
            :meth:`readers` that takes it.
        on_error, on_progress, on_table, cancel, executor
            As :meth:`rebuild_all`. A source that cannot be read never stops the others.

        Returns
        -------
        IngestReport
            What was new, changed, in conflict or failed, and what became of each table.

        Examples
        --------
        >>> from kymflow import KymDataset
        >>> from kymflow.testing import simulate_folder
        >>> images = simulate_folder("kymographs", n_images=2, n_lines=200)
        >>> kd = KymDataset("memory://from-a-folder", mode="a")
        >>> len(kd.ingest_folder("kymographs").new)
        2
        >>> kd.ingest_folder("kymographs").unchanged
        2
        """
        # A setting that is wrong is told before anything is taken in.
        self._chosen(None)
        sources = self.ds.sync_from_folder(
            folder,
            pattern,
            mode=mode,
            reader=reader,
            overwrite=overwrite,
            verify=verify,
            include_excluded=include_excluded,
            on_progress=on_progress,
            cancel=cancel,
            executor=executor,
        )
        tables = self.refresh_all(
            on_error=on_error, on_progress=on_progress, on_table=on_table, cancel=cancel, executor=executor
        )
        return IngestReport(**vars(sources), tables=tables)

    def refresh_from_folder(
        self,
        folder: str | os.PathLike[str],
        pattern: str | None = None,
        *,
        mode: RefreshMode = "skip",
        on_progress: IngestProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> list[str]:
        """Take a folder's new kymographs in, and leave the tables to :meth:`update_images`.

        Parameters
        ----------
        folder, pattern, mode, on_progress, cancel
            As :meth:`ZarrDataset.refresh_from_folder`.

        Returns
        -------
        list of str
            Ids of new and re-ingested images, and of images of this folder that the table of a registered
            indexer does not know yet, because an earlier run was interrupted before or while it was updated.
        """
        ids = self.ds.refresh_from_folder(folder, pattern, mode=mode, on_progress=on_progress, cancel=cancel)
        sources = self.ds.load_sources_index()
        below = os.path.join(os.path.realpath(folder), "")
        inside = set(sources.loc[sources["source_primary_path"].str.startswith(below), "image_id"])
        listing = self.ds.listing()
        for contract in map(contract_of, self._chosen(None)):
            if contract.sources:
                # It knows tables, no images.
                continue
            state = find_state(self.ds.store, contract.table_name)
            unknown = make_plan(self.ds, contract, listing, state, RunOptions(cancel=cancel)).new
            ids += [image_id for image_id in unknown if image_id in inside and image_id not in ids]
        return ids

    def upgrade(
        self, *, on_progress: OnProgress | None = None, cancel: threading.Event | None = None
    ) -> UpgradeReport:
        """Add what records of earlier versions lack: OME-NGFF attributes, calibration, names of dimensions.

        No pixel and no artifact is touched, and no table gets stale. Run it while nobody ingests.
        """
        return upgrade_dataset(self.ds, RunOptions(on_progress=on_progress, cancel=cancel))
