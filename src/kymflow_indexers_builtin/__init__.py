"""The indexers that come with kymflow, as a plugin like any other: velocity events and radon reports."""

from __future__ import annotations

from collections.abc import Sequence

from kymflow import DatasetIndexer, hookimpl
from kymflow_indexers_builtin.radon_report import RadonReportIndexer
from kymflow_indexers_builtin.velocity_events import VelocityEventsIndexer

__all__ = ["RadonReportIndexer", "VelocityEventsIndexer"]


@hookimpl
def kymflow_indexers() -> Sequence[DatasetIndexer]:
    """Offer both indexers."""
    return [VelocityEventsIndexer(), RadonReportIndexer()]
