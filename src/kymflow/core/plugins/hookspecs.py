"""The hooks that a plugin may implement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from kymflow.core.runs.reports import UpdateReport
    from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
    from kymflow_zarr import SourceReader

PROJECT = "kymflow"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def kymflow_indexers() -> Sequence[AnyIndexer]:  # type: ignore[empty-body]
    """Return the indexers that a plugin offers.

    Called once per process, when an indexer is first needed. A plugin that raises, or returns
    something else, is listed as broken and harms no other.

    Returns
    -------
    sequence of DatasetIndexer or TableIndexer
        Instances, not classes. One alone may stand without a list around it.

    Examples
    --------
    A whole plugin, module ``lab_indexers``::

        from kymflow import ArtifactIndexer, Column, hookimpl


        class StallIndexer(ArtifactIndexer):
            name = "stalls"
            columns = (Column("duration_s", "float", "s", "How long the flow stood still"),)


        @hookimpl
        def kymflow_indexers():
            return [StallIndexer()]

    registered in its ``pyproject.toml``::

        [project.entry-points."kymflow.indexers"]
        lab = "lab_indexers"
    """


@hookspec
def kymflow_readers() -> Sequence[SourceReader]:  # type: ignore[empty-body]
    """Return the readers of source files that a plugin offers, for folders that are ingested.

    Called once per process, together with :func:`kymflow_indexers`. A plugin may implement this
    hook alone. One that raises, or returns something else, is listed as broken and harms no other.

    Returns
    -------
    sequence of SourceReader
        Instances, not classes. One alone may stand without a list around it. Of several readers,
        built-in ones among them, that take one file, the one with the highest ``priority`` reads it.

    Examples
    --------
    A whole plugin, module ``lab_reader``, for line scans saved by :func:`numpy.save`::

        import numpy as np

        from kymflow import SourceImage, hookimpl


        class NpyReader:
            '''Line scans saved by numpy.'''

            name = "npy"

            def matches(self, path):
                return path.suffix.lower() == ".npy"

            def files(self, primary):
                return []

            def read(self, primary):
                return SourceImage(np.load(primary, allow_pickle=False))


        @hookimpl
        def kymflow_readers():
            return [NpyReader()]

    registered in its ``pyproject.toml``, in the same group as indexers are::

        [project.entry-points."kymflow.indexers"]
        lab = "lab_reader"
    """


@hookspec
def kymflow_table_updated(dataset: str, table_name: str, report: UpdateReport) -> None:
    """Follow what happens to tables: called after a commit has changed a table's file.

    By a rebuild, an update, a refresh or an ingest, once per table, in the process and thread that
    wrote it; not where nothing had to be written, and not for :meth:`KymDataset.save_table`. A
    plugin may implement this hook alone. Observers are called one by one: those of plugins in the
    order in which plugins are loaded, then those that the program registered. One that fails is
    reported as PluginWarning, and harms neither the table nor the others.

    Parameters
    ----------
    dataset : str
        Path or URL of the dataset.
    table_name : str
        The table.
    report : UpdateReport
        What the run did to it; a copy.

    Examples
    --------
    A whole plugin::

        from kymflow import hookimpl


        @hookimpl
        def kymflow_table_updated(dataset, table_name, report):
            print(f"{table_name}: {len(report.updated)} images updated, {len(report.removed)} removed")
    """
