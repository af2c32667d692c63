"""Tables that indexers make of a dataset's artifacts: rebuilt, brought up to date, planned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.plugins.code import code_digest
from kymflow.core.plugins.registry import IndexerRegistry
from kymflow.core.runs.options import OnError, OnProgress, OnTable, RunOptions
from kymflow.core.runs.reports import UpdateReport
from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow.core.zarr.indexers.contract import TableContract, contract_of
from kymflow.core.zarr.refresh.configured import ConfiguredIndexers, Settings
from kymflow.core.zarr.refresh.plan import RefreshPlan, make_plan
from kymflow.core.zarr.refresh.update import Outcome, refresh_table, update_table
from kymflow.core.zarr.tables.cache import copy_of
from kymflow.core.zarr.tables.loaded import LoadedTables
from kymflow.core.zarr.tables.state import CODE, find_state
from kymflow_zarr.formats import frames

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing


class DerivedTables(LoadedTables):
    """What a :class:`~kymflow.KymDataset` does with tables that indexers make.

    Attributes
    ----------
    registry : IndexerRegistry
        Which indexers there are.
    reports : dict of str to UpdateReport
        The last run of each table.
    """

    def __init__(self, ds: ZarrDataset, registry: IndexerRegistry, settings: Settings | None = None) -> None:
        super().__init__(ds)
        self.registry = registry
        self._configured = ConfiguredIndexers(ds, registry, dict(settings or {}))
        self.reports: dict[str, UpdateReport] = {}

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
            Where to extract: threads, processes here, or a cluster. Its workers open
            the dataset themselves; what comes of it is the same wherever it runs. It is not shut
            down.

        Returns
        -------
        DataFrame
            The whole table, as :meth:`ZarrDataset.load_table` gives it: ordered by ``image_id``, rows of
            one image as extracted. A copy, as :meth:`get_table` returns.

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
        options = RunOptions(on_error, on_progress, cancel, executor)
        return self._frame_of(self._update(self._resolve(indexer), options, image_ids=image_ids))

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
        options = RunOptions(on_error, on_progress, cancel, executor)
        # One listing serves all tables, where it costs no more than the names of images.
        listing = self.ds.listing() if ids is None and self.ds.store.lists_all_for_names else None
        update = partial(self._update, options=options, image_ids=ids, listing=listing)
        return self._run_all(update, indexers, on_table)

    # Tables brought up to date

    def refresh(
        self,
        indexer: DatasetIndexer | str,
        *,
        changed_code: bool = False,
        on_error: OnError = "raise",
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> pd.DataFrame:
        """Extract only stale, new and formerly failed images; rows of deleted ones go.

        An image is stale if anything that the indexer read of its record has changed, appeared
        or been deleted since, or the indexer's schema version or one of its settings is another one. Where
        nothing changes, nothing is written. Other parameters, returns and errors as :meth:`rebuild`.

        Parameters
        ----------
        changed_code : bool
            Extract all images if other code than the indexer's present one made the table: by the source
            files of its package, a comment counting as much as a formula.
        """
        options = RunOptions(on_error, on_progress, cancel, executor)
        return self._frame_of(self._refresh(self._resolve(indexer), options, changed_code=changed_code))

    def refresh_all(
        self,
        *,
        indexers: Sequence[str] | None = None,
        changed_code: bool = False,
        on_error: OnError = "raise",
        on_progress: OnProgress | None = None,
        on_table: OnTable | None = None,
        cancel: threading.Event | None = None,
        executor: Executor | None = None,
    ) -> dict[str, UpdateReport]:
        """Refresh the table of every registered indexer; see :meth:`refresh` and :meth:`rebuild_all`."""
        options = RunOptions(on_error, on_progress, cancel, executor)
        # One listing of the artifacts serves all tables.
        refresh = partial(
            self._refresh, options=options, listing=self.ds.listing(), changed_code=changed_code
        )
        return self._run_all(refresh, indexers, on_table)

    def plan(
        self,
        indexer: DatasetIndexer | str,
        *,
        changed_code: bool = False,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> RefreshPlan:
        """Say what :meth:`refresh` would do, image by image and why; nothing is extracted or written."""
        ((contract, code),) = self._contracts([self._resolve(indexer)], changed_code)
        options = RunOptions(on_progress=on_progress, cancel=cancel)
        listing, state = self.ds.listing(), find_state(self.ds.store, contract.table_name)
        return make_plan(self.ds, contract, listing, state, options, code)

    # What the methods above share

    def _resolve(self, indexer: DatasetIndexer | str) -> DatasetIndexer:
        """Return an indexer as it was handed over, or the registered one with the dataset's settings."""
        return self._configured.some([indexer])[0] if isinstance(indexer, str) else indexer

    def _chosen(self, names: Sequence[str] | None) -> Sequence[DatasetIndexer]:
        return self._configured.all() if names is None else self._configured.some(names)

    def _run_all(
        self,
        run: Callable[[DatasetIndexer], Outcome],
        names: Sequence[str] | None,
        on_table: OnTable | None,
    ) -> dict[str, UpdateReport]:
        reports = {}
        for indexer in self._chosen(names):
            table_name = contract_of(indexer).table_name
            if on_table is not None:
                on_table(table_name)
            # Nothing of one table is kept in memory while the next one is made.
            reports[table_name] = run(indexer).report
            self._cache.forget(table_name)
        return reports

    def _update(
        self,
        indexer: DatasetIndexer,
        options: RunOptions,
        *,
        image_ids: Iterable[str] | None = None,
        listing: Listing | None = None,
    ) -> Outcome:
        contract, made_by = contract_of(indexer), self._made_by(indexer)
        return self._told(
            update_table(
                self.ds, indexer, contract, options, image_ids=image_ids, listing=listing, made_by=made_by
            )
        )

    def _refresh(
        self,
        indexer: DatasetIndexer,
        options: RunOptions,
        *,
        listing: Listing | None = None,
        changed_code: bool = False,
    ) -> Outcome:
        contract, made_by = contract_of(indexer), self._made_by(indexer)
        return self._told(
            refresh_table(
                self.ds,
                indexer,
                contract,
                options,
                listing=listing,
                made_by=made_by,
                changed_code=changed_code,
            )
        )

    def _made_by(self, indexer: DatasetIndexer) -> dict[str, str]:
        """Return what a table's footer says of who made it."""
        code = code_digest(indexer)
        return {**self.registry.made_by(indexer), **({CODE: code} if code else {})}

    def _contracts(
        self, indexers: Iterable[DatasetIndexer], changed_code: bool
    ) -> list[tuple[TableContract, str]]:
        """Return contracts, each with the code that must have made the table."""
        return [(contract_of(one), code_digest(one) if changed_code else "") for one in indexers]

    def _told(self, outcome: Outcome) -> Outcome:
        """Keep the report of a run, tell observers of it, and raise what went wrong late."""
        report = outcome.report
        self.reports[report.table_name] = report
        if outcome.wrote:
            self.registry.notify_table_updated(self.ds.path, report.table_name, report)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def _frame_of(self, outcome: Outcome) -> pd.DataFrame:
        commit, name = outcome.commit, outcome.report.table_name
        if commit is None:
            self._cache.load(name)
            return copy_of(self.tables[name])
        frame = frames.table_to_frame(commit.table.replace_schema_metadata(None))
        self._cache.put(name, frame, commit.file.data, commit.fingerprint)
        return copy_of(frame)
