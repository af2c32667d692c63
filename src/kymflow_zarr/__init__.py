"""Generic storage for image datasets: Zarr pixels, per-image artifacts, dataset-level tables.

Everything public is importable from here; nothing is loaded until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kymflow_zarr.dataset import ZarrDataset as ZarrDataset
    from kymflow_zarr.dataset import is_dataset as is_dataset
    from kymflow_zarr.errors import ArtifactError as ArtifactError
    from kymflow_zarr.errors import ArtifactNotFoundError as ArtifactNotFoundError
    from kymflow_zarr.errors import CancelledError as CancelledError
    from kymflow_zarr.errors import ColumnError as ColumnError
    from kymflow_zarr.errors import ConflictError as ConflictError
    from kymflow_zarr.errors import DatasetError as DatasetError
    from kymflow_zarr.errors import DatasetNotFoundError as DatasetNotFoundError
    from kymflow_zarr.errors import InvalidNameError as InvalidNameError
    from kymflow_zarr.errors import KymflowError as KymflowError
    from kymflow_zarr.errors import LockTimeoutError as LockTimeoutError
    from kymflow_zarr.errors import MetadataNotFoundError as MetadataNotFoundError
    from kymflow_zarr.errors import ReadOnlyError as ReadOnlyError
    from kymflow_zarr.errors import RecordNotFoundError as RecordNotFoundError
    from kymflow_zarr.errors import SourceError as SourceError
    from kymflow_zarr.errors import StoreError as StoreError
    from kymflow_zarr.errors import StorePermissionError as StorePermissionError
    from kymflow_zarr.errors import TableError as TableError
    from kymflow_zarr.errors import TableNotFoundError as TableNotFoundError
    from kymflow_zarr.record.record import ZarrImageRecord as ZarrImageRecord
    from kymflow_zarr.sources.reader import SourceImage as SourceImage
    from kymflow_zarr.sources.reader import SourceReader as SourceReader
    from kymflow_zarr.sources.reader import TiffReader as TiffReader
    from kymflow_zarr.sources.report import Conflict as Conflict
    from kymflow_zarr.sources.report import FolderReport as FolderReport
    from kymflow_zarr.sources.report import IngestWarning as IngestWarning

_HOME = {
    "ArtifactError": "kymflow_zarr.errors",
    "ArtifactNotFoundError": "kymflow_zarr.errors",
    "CancelledError": "kymflow_zarr.errors",
    "ColumnError": "kymflow_zarr.errors",
    "Conflict": "kymflow_zarr.sources.report",
    "ConflictError": "kymflow_zarr.errors",
    "DatasetError": "kymflow_zarr.errors",
    "DatasetNotFoundError": "kymflow_zarr.errors",
    "FolderReport": "kymflow_zarr.sources.report",
    "IngestWarning": "kymflow_zarr.sources.report",
    "InvalidNameError": "kymflow_zarr.errors",
    "KymflowError": "kymflow_zarr.errors",
    "LockTimeoutError": "kymflow_zarr.errors",
    "MetadataNotFoundError": "kymflow_zarr.errors",
    "ReadOnlyError": "kymflow_zarr.errors",
    "RecordNotFoundError": "kymflow_zarr.errors",
    "SourceError": "kymflow_zarr.errors",
    "SourceImage": "kymflow_zarr.sources.reader",
    "SourceReader": "kymflow_zarr.sources.reader",
    "StoreError": "kymflow_zarr.errors",
    "StorePermissionError": "kymflow_zarr.errors",
    "TableError": "kymflow_zarr.errors",
    "TableNotFoundError": "kymflow_zarr.errors",
    "TiffReader": "kymflow_zarr.sources.reader",
    "ZarrDataset": "kymflow_zarr.dataset",
    "ZarrImageRecord": "kymflow_zarr.record.record",
    "is_dataset": "kymflow_zarr.dataset",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kymflow_zarr' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
