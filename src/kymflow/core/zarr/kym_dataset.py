"""KymDataset: which indexer runs over which images of a dataset, in which order, and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow.core.ingest.folder import KymographFolderReader
from kymflow.core.plugins.registry import IndexerRegistry, get_registry
from kymflow.core.runs.options import OnError, OnProgress
from kymflow.core.runs.reports import CheckReport, IngestReport, UpdateReport
from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.refresh.check import check_dataset
from kymflow.core.zarr.refresh.listing import list_images, look
from kymflow.core.zarr.refresh.plan import RefreshPlan, make_plan
from kymflow.core.zarr.refresh.status import DatasetStatus, dataset_status
from kymflow.core.zarr.refresh.update import refresh_table, update_table
from kymflow.core.zarr.tables.loaded import LoadedTables
from kymflow_zarr import ZarrDataset
from kymflow_zarr.formats import frames

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow.core.zarr.tables.commit import Commit
    from kymflow_zarr import SourceReader
    from kymflow_zarr.dataset import Mode
    from kymflow_zarr.sources.options import RefreshMode

OnTable = Callable[[str], None]
Run = tuple["Commit | None", UpdateReport]


class KymDataset(LoadedTables):
    """A dataset and the tables that indexers make of it.

    Parameters
    ----------
    dataset : ZarrDataset, str or path
        The dataset, or where it is (a path or URL).
    mode : {"r", "a", "w"}
        As for :class:`ZarrDataset`; an opened dataset keeps its own.
    registry : IndexerRegistry, optional
        Which indexers there are; by default those of all installed plugins.

    Attributes
    ----------
    ds : ZarrDataset
        The storage below.
    tables : dict of str to DataFrame
        Tables in memory, by name.
    reports : dict of str to UpdateReport
        The last run of each table.

    Notes
    -----
    An `indexer` is an instance, or the name of a registered one. One KymDataset belongs to one
    thread; any number of them, in any number of processes, may share a dataset.
    """

    def __init__(
        self,
        dataset: ZarrDataset | str | os.PathLike[str],
        mode: Mode = "a",
        *,
        registry: IndexerRegistry | None = None,
    ) -> None:
        super().__init__(dataset if isinstance(dataset, ZarrDataset) else ZarrDataset(dataset, mode))
        self.registry = registry if registry is not None else get_registry()
        self.reports: dict[str, UpdateReport] = {}

    def __repr__(self) -> str:
        return f"KymDataset({self.ds.path!r}, mode={self.ds.mode!r})"

    # Tables from artifacts

    def rebuild(
        self,
        indexer: DatasetIndexer | str,
        *,
        image_ids: Iterable[str] | None = None,
        on_error: OnError = "raise",
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> pd.DataFrame:
        """Extract all images again and write the table; or some, and leave the others' rows.

        Parameters
        ----------
        indexer : DatasetIndexer or str
            An instance, or the name of a registered one.
        image_ids : iterable of str, optional
            Only these.
        on_error : {"raise", "skip"}
            What a failing image does: stop everything, and nothing is written; or keep its old
            rows and be listed in the report.
        on_progress : callable, optional
            Called with (done, total) images.
        cancel : threading.Event, optional
            Set it to stop; the table stays as it was.
        executor : concurrent.futures.Executor, optional
            Where to extract: threads, processes here, or a cluster elsewhere. Its workers open
            the dataset themselves; what comes of it is the same wherever it runs. It is not shut
            down.

        Returns
        -------
        DataFrame
            The whole table, as in ``tables`` and as :meth:`ZarrDataset.load_table` gives it:
            ordered by ``image_id``, rows of one image as extracted.

        Raises
        ------
        ExtractionError, RowsError
            A failing image, with ``on_error="raise"``.
        SchemaError
            Two images give a column types that do not go together.
        RecordNotFoundError
            An unknown id.
        ReadOnlyError
            The dataset was opened with mode ``r``.
        WorkerError
            A worker of `executor` ended without an answer; the table is as it was.
        """
        found = self._resolve(indexer)
        how = _how(on_error, on_progress, cancel, executor)
        return self._frame_of(*self._run(update_table, found, image_ids=image_ids, **how))

    def update_image(self, indexer: DatasetIndexer | str, image_id: str) -> pd.DataFrame:
        """Extract one image again and replace its rows; see :meth:`rebuild`."""
        return self.update_images(indexer, [image_id])

    def update_images(
        self,
        indexer: DatasetIndexer | str,
        image_ids: Iterable[str],
        *,
        on_error: OnError = "raise",
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> pd.DataFrame:
        """Extract these images again and replace their rows, in one write; see :meth:`rebuild`.

        Rows of an image that has been deleted go. Where the table is not there yet, or was
        written by somebody else, all images are extracted.
        """
        return self.rebuild(
            indexer,
            image_ids=image_ids,
            on_error=on_error,
            on_progress=on_progress,
            cancel=cancel,
            executor=executor,
        )

    def rebuild_all(
        self,
        *,
        indexers: Sequence[str] | None = None,
        image_ids: Iterable[str] | None = None,
        on_error: OnError = "raise",
        on_progress: OnProgress | None = None,
        on_table: OnTable | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> dict[str, UpdateReport]:
        """Rebuild the table of every registered indexer; other parameters as :meth:`rebuild`.

        Parameters
        ----------
        indexers : sequence of str, optional
            Only these, by name.
        on_table : callable, optional
            Called with the name of each table before it is begun.

        Returns
        -------
        dict of str to UpdateReport
            By table name. The tables are not kept in memory, nor are edits by hand that were not
            saved: :meth:`get_table` loads what was made.
        """
        ids = [image_ids] if isinstance(image_ids, str) else None if image_ids is None else list(image_ids)
        how = _how(on_error, on_progress, cancel, executor)
        chosen = self._chosen(indexers)
        # One listing of the images serves all tables.
        live, listing = list_images(self.ds) if ids is None else (None, None)
        return self._run_all(update_table, chosen, on_table, image_ids=ids, live=live, listing=listing, **how)

    # Tables brought up to date

    def refresh(
        self,
        indexer: DatasetIndexer | str,
        *,
        on_error: OnError = "raise",
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> pd.DataFrame:
        """Extract only stale, new and formerly failed images; rows of deleted ones go.

        An image is stale if anything that the indexer asked its record for has changed, appeared
        or vanished since, or the indexer's schema version is another one. Where nothing changes,
        nothing is written. Parameters, returns and errors as :meth:`rebuild`.
        """
        found = self._resolve(indexer)
        how = _how(on_error, on_progress, cancel, executor)
        return self._frame_of(*self._run(refresh_table, found, **how))

    def refresh_all(
        self,
        *,
        indexers: Sequence[str] | None = None,
        on_error: OnError = "raise",
        on_progress: OnProgress | None = None,
        on_table: OnTable | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> dict[str, UpdateReport]:
        """Refresh the table of every registered indexer; parameters and returns as :meth:`rebuild_all`."""
        how = _how(on_error, on_progress, cancel, executor)
        chosen = self._chosen(indexers)
        # One listing of the artifacts serves all tables.
        # What a callback does when a table's turn comes is seen: then none is read before.
        ahead = [contract_of(one).table_name for one in chosen] if on_table is None else []
        with look(self.ds, ahead) as looks:
            return self._run_all(refresh_table, chosen, on_table, looks=looks, **how)

    def plan(
        self,
        indexer: DatasetIndexer | str,
        *,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> RefreshPlan:
        """Say what :meth:`refresh` would do, image by image and why; nothing is extracted or written."""
        contract = contract_of(self._resolve(indexer))
        with look(self.ds, [contract.table_name]) as looks:
            listing, state = looks.listing, looks.table(contract.table_name)
        return make_plan(self.ds, contract, listing, state, on_progress=on_progress, cancel=cancel)

    def status(
        self, *, on_progress: OnProgress | None = None, cancel: threading.Event | None = None
    ) -> DatasetStatus:
        """Say how every table stands: rows, and images fresh, stale, failed and missing."""
        return dataset_status(self.ds, self.registry, on_progress=on_progress, cancel=cancel)

    def check(
        self,
        *,
        repair: bool = False,
        on_progress: OnProgress | None = None,
        on_table: OnTable | None = None,
        cancel: threading.Event | None = None,
    ) -> CheckReport:
        """Read everything, extract every image again, and compare each table with what that gives.

        Nothing is trusted: neither tables nor ledgers nor times. It also tells of artifacts and
        pixels that cannot be read, and of what interrupted writes left behind.

        Parameters
        ----------
        repair : bool
            Rebuild the tables that are wrong, and delete leftovers that are older than ten
            minutes. Records are never touched.
        on_progress, on_table, cancel
            As :meth:`rebuild_all`.
        """
        rebuild = None
        if repair:
            self.ds.check_writable()
            rebuild = partial(self._run, update_table, on_error="skip", cancel=cancel)
        return check_dataset(
            self.ds,
            self.registry.indexers(),
            rebuild=rebuild,
            on_progress=on_progress,
            on_table=on_table,
            cancel=cancel,
        )

    # Images from a folder

    def ingest_folder(
        self,
        folder: str | os.PathLike[str],
        pattern: str = "*.tif",
        *,
        mode: RefreshMode = "reingest_if_changed",
        overwrite: bool = False,
        reader: SourceReader | None = None,
        on_error: OnError = "raise",
        on_progress: OnProgress | None = None,
        on_table: OnTable | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> IngestReport:
        """Take a folder's new and changed kymographs in, and update every registered table.

        Parameters
        ----------
        folder, pattern, mode, overwrite, reader
            As :meth:`ZarrDataset.refresh_from_folder`; by default the reader of the kymflow desktop
            program's folders.
        on_error, on_progress, on_table, cancel, executor
            As :meth:`rebuild_all`. A source that cannot be read never stops the others.

        Returns
        -------
        IngestReport
            What was new, changed, in conflict or failed, and what became of each table.
        """
        found = self.ds.sync_from_folder(
            folder,
            pattern,
            mode=mode,
            overwrite=overwrite,
            reader=reader or KymographFolderReader(),
            on_progress=on_progress,
            cancel=cancel,
        )
        report = IngestReport(
            found.new, found.changed, found.unchanged, found.conflicts, found.failed, found.missing
        )
        report.tables = self.refresh_all(
            on_error=on_error, on_progress=on_progress, on_table=on_table, cancel=cancel, executor=executor
        )
        return report

    # What the methods above share

    def _resolve(self, indexer: DatasetIndexer | str) -> DatasetIndexer:
        return self.registry.get(indexer) if isinstance(indexer, str) else indexer

    def _chosen(self, names: Sequence[str] | None) -> Sequence[DatasetIndexer]:
        return self.registry.indexers() if names is None else [self.registry.get(name) for name in names]

    def _run_all(
        self, run: Callable[..., Run], chosen: Sequence[DatasetIndexer], on_table: OnTable | None, **how: Any
    ) -> dict[str, UpdateReport]:
        reports = {}
        for indexer in chosen:
            table_name = contract_of(indexer).table_name
            if on_table is not None:
                on_table(table_name)
            # Nothing of one table is kept in memory while the next one is made.
            reports[table_name] = self._run(run, indexer, **how)[1]
            self._cache.forget(table_name)
        return reports

    def _run(self, run: Callable[..., Run], indexer: DatasetIndexer, **how: Any) -> Run:
        contract = contract_of(indexer)
        made_by = self.registry.made_by(indexer)
        commit, report = run(self.ds, indexer, contract, made_by=made_by, **how)
        self.reports[report.table_name] = report
        if commit is not None and commit.fingerprint is not None:
            self.registry.notify_table_updated(self.ds.path, report.table_name, report)
        return commit, report

    def _frame_of(self, commit: Commit | None, report: UpdateReport) -> pd.DataFrame:
        if commit is None:
            self._cache.load(report.table_name)
            return self.tables[report.table_name]
        frame = frames.arrow_to_frame(commit.table.replace_schema_metadata(None))
        self._cache.put(report.table_name, frame, commit.file.sha256, commit.fingerprint)
        return frame


def _how(
    on_error: OnError,
    on_progress: OnProgress | None,
    cancel: threading.Event | None,
    executor: Executor | None,
) -> dict[str, Any]:
    return {"on_error": on_error, "on_progress": on_progress, "cancel": cancel, "executor": executor}
