"""The hooks that a plugin may implement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.base import DatasetIndexer

PROJECT = "kymflow"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def kymflow_indexers() -> Sequence[DatasetIndexer]:  # type: ignore[empty-body]
    """Return the indexers that a plugin offers.

    Called once per process, when an indexer is first needed. A plugin that raises, or returns
    something else, is listed as broken and harms no other.

    Returns
    -------
    sequence of DatasetIndexer
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
