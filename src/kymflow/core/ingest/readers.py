"""The readers of source files that come with kymflow."""

from __future__ import annotations

from kymflow.core.ingest.acqstore import AcqStoreReader
from kymflow.core.ingest.desktop import DesktopReader
from kymflow.core.ingest.olympus_reader import OlympusReader
from kymflow_zarr import SourceReader


def builtin_readers() -> list[SourceReader]:
    """Return the readers of the formats that kymflow knows by itself."""
    return [DesktopReader(), OlympusReader(), AcqStoreReader()]
