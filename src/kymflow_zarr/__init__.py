"""Generic storage for image datasets: Zarr pixels, per-image artifacts, dataset-level tables."""

from kymflow_zarr.dataset import ZarrDataset, is_dataset
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    CancelledError,
    ColumnError,
    ConflictError,
    DatasetError,
    DatasetNotFoundError,
    InvalidNameError,
    KymflowError,
    LockTimeoutError,
    MetadataNotFoundError,
    ReadOnlyError,
    RecordNotFoundError,
    SourceError,
    StoreError,
    StorePermissionError,
    TableError,
    TableNotFoundError,
)
from kymflow_zarr.ingest_report import Conflict, FolderReport, IngestWarning
from kymflow_zarr.reader import SourceImage, SourceReader, TiffReader
from kymflow_zarr.record import ZarrImageRecord

__all__ = [
    "ArtifactError",
    "ArtifactNotFoundError",
    "CancelledError",
    "ColumnError",
    "Conflict",
    "ConflictError",
    "DatasetError",
    "DatasetNotFoundError",
    "FolderReport",
    "IngestWarning",
    "InvalidNameError",
    "KymflowError",
    "LockTimeoutError",
    "MetadataNotFoundError",
    "ReadOnlyError",
    "RecordNotFoundError",
    "SourceError",
    "SourceImage",
    "SourceReader",
    "StoreError",
    "StorePermissionError",
    "TableError",
    "TableNotFoundError",
    "TiffReader",
    "ZarrDataset",
    "ZarrImageRecord",
    "is_dataset",
]
