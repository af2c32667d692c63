# Every public name. Type checkers read this file, and so does the package itself: see kymflow_zarr.lazy.

from kymflow.core.plugins.faults import PluginWarning as PluginWarning
from kymflow.core.plugins.hookspecs import hookimpl as hookimpl
from kymflow.core.plugins.info import IndexerInfo as IndexerInfo
from kymflow.core.plugins.info import ReaderInfo as ReaderInfo
from kymflow.core.plugins.registry import IndexerRegistry as IndexerRegistry
from kymflow.core.plugins.registry import get_registry as get_registry
from kymflow.core.runs.reports import CheckReport as CheckReport
from kymflow.core.runs.reports import IngestReport as IngestReport
from kymflow.core.runs.reports import UpdateReport as UpdateReport
from kymflow.core.zarr.indexers.artifact import ArtifactIndexer as ArtifactIndexer
from kymflow.core.zarr.indexers.base import BulkIndexer as BulkIndexer
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
from kymflow.errors import InvalidReaderError as InvalidReaderError
from kymflow.errors import PluginError as PluginError
from kymflow.errors import RowsError as RowsError
from kymflow.errors import SchemaError as SchemaError
from kymflow.errors import UnknownIndexerError as UnknownIndexerError
from kymflow.errors import UnknownReaderError as UnknownReaderError
from kymflow.errors import WorkerError as WorkerError
from kymflow_zarr import ArtifactError as ArtifactError
from kymflow_zarr import ArtifactNotFoundError as ArtifactNotFoundError
from kymflow_zarr import CancelledError as CancelledError
from kymflow_zarr import ConflictError as ConflictError
from kymflow_zarr import DatasetError as DatasetError
from kymflow_zarr import KymflowError as KymflowError
from kymflow_zarr import RecordNotFoundError as RecordNotFoundError
from kymflow_zarr import SourceError as SourceError
from kymflow_zarr import SourceImage as SourceImage
from kymflow_zarr import SourceReader as SourceReader
from kymflow_zarr import TableNotFoundError as TableNotFoundError
from kymflow_zarr import ZarrDataset as ZarrDataset
from kymflow_zarr import ZarrImageRecord as ZarrImageRecord
from kymflow_zarr.check.problems import Problem as Problem

__version__: str
