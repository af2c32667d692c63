"""The reader of Olympus exports with one TIFF per channel: one image with a channel axis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kymflow.core.ingest.channels import channel_files
from kymflow.core.ingest.desktop import DesktopReader, read_with_desktop_sidecars
from kymflow.core.ingest.line_scan import is_tiff
from kymflow_zarr import SourceImage


class OlympusReader:
    """Olympus exports with one TIFF for each channel of a line scan, as one image.

    Pixels are channel x time x space. Sidecars of the desktop program, if there are any, are those of
    the first channel's file; artifacts are the same as of :class:`DesktopReader`.
    """

    name = "olympus channels"
    priority = 10

    def matches(self, path: Path) -> bool:
        """Take the first of several channels."""
        return is_tiff(path) and len(channel_files(path)) > 1

    def files(self, primary: Path) -> Sequence[Path]:
        """Return the other channels, and the sidecars that are there."""
        return [*channel_files(primary)[1:], *DesktopReader().files(primary)]

    def read(self, primary: Path) -> SourceImage:
        """Read all channels and the sidecars; errors as :meth:`DesktopReader.read`."""
        return read_with_desktop_sidecars(primary, channel_files(primary))
