# Every public name. Type checkers read this file, and so does the package itself: see kymflow_zarr.lazy.

from kymflow.testing.conformance.findings import ConformanceError as ConformanceError
from kymflow.testing.conformance.findings import ConformanceReport as ConformanceReport
from kymflow.testing.conformance.findings import Finding as Finding
from kymflow.testing.conformance.run import check_indexer as check_indexer
from kymflow.testing.conformance.run import check_indexers as check_indexers
from kymflow.testing.indexer_contract import IndexerContract as IndexerContract
from kymflow.testing.lab import LabImage as LabImage
from kymflow.testing.lab import simulate_folder as simulate_folder
from kymflow.testing.lab_dataset import make_lab as make_lab
from kymflow.testing.reader_contract import check_reader as check_reader
