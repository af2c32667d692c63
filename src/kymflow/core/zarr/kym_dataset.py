"""KymDataset: a dataset, its images from folders, the tables made of them, and how it stands."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kymflow.core.plugins.registry import IndexerRegistry, get_registry
from kymflow.core.runs.options import OnProgress, OnTable, RunOptions
from kymflow.core.runs.reports import CheckReport
from kymflow.core.zarr.folder_images import FolderImages
from kymflow.core.zarr.refresh.check import check_dataset
from kymflow.core.zarr.refresh.plan import RefreshPlan, make_plans
from kymflow.core.zarr.refresh.status import DatasetStatus, dataset_status
from kymflow.core.zarr.tables.summary import summary_of
from kymflow_zarr import ZarrDataset

if TYPE_CHECKING:
    from kymflow_zarr.root import Mode


class KymDataset(FolderImages):
    """A dataset and the tables that indexers make of it.

    Parameters
    ----------
    dataset : ZarrDataset, str or path
        The dataset, or where it is (a path or URL).
    mode : {"lazy", "r+", "r", "a", "w"}
        ``lazy`` reads and writes a dataset that is there; one that is absent is made by :meth:`ingest_folder`
        or the first image that is added, and whatever else is asked before that raises. ``r+`` must find
        one, ``r`` only reads, ``a`` makes one at once, and ``w`` ERASES it first; as for
        :class:`ZarrDataset`, whose own default is ``a``. An opened dataset keeps its own.
    registry : IndexerRegistry, optional
        Which indexers there are; by default those of all installed plugins.
    settings : mapping, optional
        Settings of registered indexers, by name, which count more than those in the dataset's
        ``kymflow.toml``: ``{"stalls": {"level": 3.0}}``. An indexer that is handed over as an instance is
        used as it is.

    Attributes
    ----------
    ds : ZarrDataset
        The storage below.
    tables : dict of str to DataFrame
        Tables in memory, by name; another one is loaded as it is asked for. They are what
        :meth:`save_table` writes; other methods return copies.
    reports : dict of str to UpdateReport
        The last run of each table.

    Raises
    ------
    DatasetNotFoundError
        Mode ``r`` or ``r+``, and nothing is there; nothing is created.
    DatasetError
        What is there is no kymflow dataset, is of a newer version, or is damaged.

    Notes
    -----
    An `indexer` is an instance, or the name of a registered one. One KymDataset belongs to one
    thread; any number of them, in any number of processes, may share a dataset.

    Examples
    --------
    An indexer, a dataset in memory with two images, and an artifact of one of them:

    >>> from kymflow import ArtifactIndexer, Column, KymDataset
    >>> class StallIndexer(ArtifactIndexer):
    ...     name = "stalls"
    ...     columns = (Column("roi_id", "int"), Column("duration_s", "float", "s"))
    >>> kd = KymDataset("memory://two-images", mode="a")
    >>> for image_id in ("cell-1", "cell-2"):
    ...     kd.ds.record(image_id).save_array([[0, 1], [2, 3]])
    >>> record = kd.ds.record("cell-1")
    >>> key = record.save_json("stalls", [{"roi_id": 1, "duration_s": 0.25}])

    The table over all images:

    >>> kd.rebuild(StallIndexer())
      image_id  roi_id  duration_s
    0   cell-1       1        0.25

    After an edit, only what it concerns is extracted again:

    >>> key = record.save_json("stalls", [{"roi_id": 1, "duration_s": 0.5}])
    >>> kd.plan(StallIndexer()).stale
    {'cell-1': ["artifact 'stalls.json' changed"]}
    >>> kd.refresh(StallIndexer())
      image_id  roi_id  duration_s
    0   cell-1       1         0.5
    >>> report = kd.reports["stalls"]
    >>> report.updated, report.unchanged
    (['cell-1'], 1)
    """

    def __init__(
        self,
        dataset: ZarrDataset | str | os.PathLike[str],
        mode: Mode = "lazy",
        *,
        registry: IndexerRegistry | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(
            dataset if isinstance(dataset, ZarrDataset) else ZarrDataset(dataset, mode),
            registry if registry is not None else get_registry(),
            settings,
        )

    def __repr__(self) -> str:
        return f"KymDataset({self.ds.path!r}, mode={self.ds.mode!r})"

    def _repr_html_(self) -> str:
        return summary_of(self.ds).html()

    # How it stands

    def plans(
        self,
        *,
        indexers: Sequence[str] | None = None,
        changed_code: bool = False,
        on_progress: OnProgress | None = None,
        on_table: OnTable | None = None,
        cancel: threading.Event | None = None,
    ) -> dict[str, RefreshPlan]:
        """Say what :meth:`refresh_all` would do, by table, from one listing; nothing is extracted or written.

        Parameters
        ----------
        indexers : sequence of str, optional
            As :meth:`rebuild_all`.
        changed_code : bool
            As :meth:`refresh`.
        on_progress, on_table, cancel
            As :meth:`rebuild_all`; progress is told in images of which a listing does not prove that they
            are as they were.

        Returns
        -------
        dict of str to RefreshPlan
            By table name: which images are stale, each with its causes, which are new, failed or deleted.
        """
        contracts = self._contracts(self._chosen(indexers), changed_code)
        return make_plans(self.ds, contracts, RunOptions(on_progress=on_progress, cancel=cancel), on_table)

    def status(
        self, *, on_progress: OnProgress | None = None, cancel: threading.Event | None = None
    ) -> DatasetStatus:
        """Say how every table stands: rows, and images fresh, stale, failed and missing."""
        options = RunOptions(on_progress=on_progress, cancel=cancel)
        return dataset_status(self.ds, self.registry, self._configured.needed, options)

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
            rebuild = partial(self._update, options=RunOptions("skip", cancel=cancel))
        options = RunOptions(on_progress=on_progress, cancel=cancel)
        return check_dataset(self.ds, self._in_order(), options, rebuild=rebuild, on_table=on_table)
