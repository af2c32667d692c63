"""kymflow: dataset-level tables from line-scan kymographs, through pluggable indexers.

Everything public is importable from here; nothing is loaded until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kymflow.core.plugins.faults import PluginWarning as PluginWarning
    from kymflow.core.plugins.hookspecs import hookimpl as hookimpl
    from kymflow.core.plugins.info import IndexerInfo as IndexerInfo
    from kymflow.core.plugins.registry import IndexerRegistry as IndexerRegistry
    from kymflow.core.plugins.registry import get_registry as get_registry
    from kymflow.core.runs.reports import CheckReport as CheckReport
    from kymflow.core.runs.reports import IngestReport as IngestReport
    from kymflow.core.runs.reports import UpdateReport as UpdateReport
    from kymflow.core.zarr.indexers.artifact import ArtifactIndexer as ArtifactIndexer
    from kymflow.core.zarr.indexers.base import DatasetIndexer as DatasetIndexer
    from kymflow.core.zarr.indexers.base import ensure_image_id_column as ensure_image_id_column
    from kymflow.core.zarr.indexers.base import normalize_table_name as normalize_table_name
    from kymflow.core.zarr.indexers.columns import Column as Column
    from kymflow.core.zarr.kym_dataset import KymDataset as KymDataset
    from kymflow.core.zarr.refresh.plan import RefreshPlan as RefreshPlan
    from kymflow.core.zarr.refresh.status import DatasetStatus as DatasetStatus
    from kymflow.core.zarr.refresh.status import TableStatus as TableStatus
    from kymflow.errors import ExtractionError as ExtractionError
    from kymflow.errors import IndexerError as IndexerError
    from kymflow.errors import InvalidIndexerError as InvalidIndexerError
    from kymflow.errors import PluginError as PluginError
    from kymflow.errors import RowsError as RowsError
    from kymflow.errors import SchemaError as SchemaError
    from kymflow.errors import UnknownIndexerError as UnknownIndexerError
    from kymflow.errors import WorkerError as WorkerError
    from kymflow_zarr import ArtifactError as ArtifactError
    from kymflow_zarr import ArtifactNotFoundError as ArtifactNotFoundError
    from kymflow_zarr import CancelledError as CancelledError
    from kymflow_zarr import ConflictError as ConflictError
    from kymflow_zarr import DatasetError as DatasetError
    from kymflow_zarr import KymflowError as KymflowError
    from kymflow_zarr import RecordNotFoundError as RecordNotFoundError
    from kymflow_zarr import TableNotFoundError as TableNotFoundError
    from kymflow_zarr import ZarrDataset as ZarrDataset
    from kymflow_zarr import ZarrImageRecord as ZarrImageRecord
    from kymflow_zarr.check.problems import Problem as Problem

__version__ = "1.0.0"

_HOME = {
    "ArtifactError": "kymflow_zarr",
    "ArtifactIndexer": "kymflow.core.zarr.indexers.artifact",
    "ArtifactNotFoundError": "kymflow_zarr",
    "CancelledError": "kymflow_zarr",
    "CheckReport": "kymflow.core.runs.reports",
    "Column": "kymflow.core.zarr.indexers.columns",
    "ConflictError": "kymflow_zarr",
    "DatasetError": "kymflow_zarr",
    "DatasetIndexer": "kymflow.core.zarr.indexers.base",
    "DatasetStatus": "kymflow.core.zarr.refresh.status",
    "ExtractionError": "kymflow.errors",
    "IndexerError": "kymflow.errors",
    "IndexerInfo": "kymflow.core.plugins.info",
    "IndexerRegistry": "kymflow.core.plugins.registry",
    "IngestReport": "kymflow.core.runs.reports",
    "InvalidIndexerError": "kymflow.errors",
    "KymDataset": "kymflow.core.zarr.kym_dataset",
    "KymflowError": "kymflow_zarr",
    "PluginError": "kymflow.errors",
    "PluginWarning": "kymflow.core.plugins.faults",
    "Problem": "kymflow_zarr.check.problems",
    "RecordNotFoundError": "kymflow_zarr",
    "RefreshPlan": "kymflow.core.zarr.refresh.plan",
    "RowsError": "kymflow.errors",
    "SchemaError": "kymflow.errors",
    "TableNotFoundError": "kymflow_zarr",
    "TableStatus": "kymflow.core.zarr.refresh.status",
    "UnknownIndexerError": "kymflow.errors",
    "UpdateReport": "kymflow.core.runs.reports",
    "WorkerError": "kymflow.errors",
    "ZarrDataset": "kymflow_zarr",
    "ZarrImageRecord": "kymflow_zarr",
    "ensure_image_id_column": "kymflow.core.zarr.indexers.base",
    "get_registry": "kymflow.core.plugins.registry",
    "hookimpl": "kymflow.core.plugins.hookspecs",
    "normalize_table_name": "kymflow.core.zarr.indexers.base",
}

__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kymflow' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
