"""A kymflow reader for line scans of Zeiss microscopes (.czi)."""

from collections.abc import Sequence

from kymflow import SourceReader, hookimpl

from kymflow_reader_czi.header import Calibration, read_calibration
from kymflow_reader_czi.reader import CziLineScanReader

__all__ = ["Calibration", "CziLineScanReader", "kymflow_readers", "read_calibration"]


@hookimpl
def kymflow_readers() -> Sequence[SourceReader]:
    """Offer the reader to kymflow."""
    return [CziLineScanReader()]
