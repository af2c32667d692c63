"""The built-in indexers keep to the contract, as every plugin can prove of its own."""

from __future__ import annotations

import pytest

from kymflow.testing import IndexerContract
from kymflow_indexers_builtin import ImagesIndexer, RadonReportIndexer, VelocityEventsIndexer

pytestmark = pytest.mark.slow


class TestVelocityEvents(IndexerContract):
    indexer = VelocityEventsIndexer()
    thorough = True


class TestRadonReport(IndexerContract):
    indexer = RadonReportIndexer()
    thorough = True


class TestImages(IndexerContract):
    indexer = ImagesIndexer()
    thorough = True
