"""The indexers that come with kymflow, a plugin as any other: velocity events, radon reports, images."""

from __future__ import annotations

from collections.abc import Sequence

from kymflow import DatasetIndexer, hookimpl
from kymflow_indexers_builtin.images import ImagesIndexer
from kymflow_indexers_builtin.radon_report import RadonReportIndexer
from kymflow_indexers_builtin.velocity_events import VelocityEventsIndexer

__all__ = ["ImagesIndexer", "RadonReportIndexer", "VelocityEventsIndexer"]


@hookimpl
def kymflow_indexers() -> Sequence[DatasetIndexer]:
    """Offer all of them."""
    return [VelocityEventsIndexer(), RadonReportIndexer(), ImagesIndexer()]
