"""A kymflow indexer that gives the heart rate of every ROI, from the spectrum of its velocity trace."""

from kymflow_indexer_heart_rate.indexer import HeartRateIndexer
from kymflow_indexer_heart_rate.spectrum import HeartRate, heart_rate

__all__ = ["HeartRate", "HeartRateIndexer", "heart_rate"]
