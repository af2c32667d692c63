"""Tables that indexers make of a dataset's artifacts: rebuilt, brought up to date, planned."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.runs.options import OnError, OnProgress, OnTable, RunOptions
from kymflow.core.runs.reports import UpdateReport
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
from kymflow.core.zarr.refresh.plan import RefreshPlan, make_plans
from kymflow.core.zarr.refresh.runs import IndexerRuns

if TYPE_CHECKING:
    from concurrent.futures import Executor


class DerivedTables(IndexerRuns):
    """What a :class:`~kymflow.KymDataset` does with tables that indexers make."""

    # Tables from artifacts

    def rebuild(
        self,
        indexer: AnyIndexer | str,
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
        indexer : DatasetIndexer, TableIndexer or str
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
        DeriveError
            A table of other tables could not be derived; it is as it was.
        """
        options = RunOptions(on_error, on_progress, cancel, executor)
        return self._run_one(indexer, partial(self._update, options=options, image_ids=image_ids), options)

    def update_image(self, indexer: AnyIndexer | str, image_id: str) -> pd.DataFrame:
        """Extract one image again and replace its rows; see :meth:`rebuild`."""
        return self.update_images(indexer, [image_id])

    def update_images(
        self,
        indexer: AnyIndexer | str,
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
        return self._run_all(update, indexers, options, on_table)

    # Tables brought up to date

    def refresh(
        self,
        indexer: AnyIndexer | str,
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
        return self._run_one(
            indexer, partial(self._refresh, options=options, changed_code=changed_code), options
        )

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
        return self._run_all(refresh, indexers, options, on_table)

    def plan(
        self,
        indexer: AnyIndexer | str,
        *,
        changed_code: bool = False,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> RefreshPlan:
        """Say what :meth:`refresh` would do, image by image and why; nothing is extracted or written."""
        chosen = self._resolve(indexer)
        contracts = self._contracts([chosen], changed_code, dependents=False)
        plans = make_plans(self.ds, contracts, RunOptions(on_progress=on_progress, cancel=cancel))
        return plans[contract_of(chosen).table_name]
