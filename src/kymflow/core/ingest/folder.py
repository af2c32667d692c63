"""The source reader for the desktop program's folders: a line-scan TIFF and all that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kymflow.core.ingest.analysis import Acquisition, SidecarPaths, read_acquisition
from kymflow.core.ingest.events import events_table
from kymflow.core.ingest.olympus import image_header, parse_header
from kymflow.core.ingest.radon import radon_report
from kymflow_zarr import SourceImage
from kymflow_zarr.errors import SourceError
from kymflow_zarr.sources.tiff import TIFF_SUFFIXES, read_tiff


class KymographFolderReader:
    """Reads a line scan (time x space) and its sidecars as the kymflow desktop program leaves them.

    A record gets the pixels and, where the sidecars hold them, these artifacts:

    ``metadata`` (JSON)
        The metadata payload: ``header``, ``experiment_metadata``, ``rois``, ``accepted``, and
        ``olympus_header``, the microscope's own.
    ``radon`` (table)
        The velocity trace: roi_id, channel, time (s), velocity (mm/s).
    ``radon/params`` (JSON)
        Parameters of each analysis.
    ``velocity_events``, ``radon_report`` (tables)
        See :func:`~kymflow.core.ingest.events.events_table` and
        :func:`~kymflow.core.ingest.radon.radon_report`.
    """

    name = "kymflow desktop"

    def matches(self, path: Path) -> bool:
        """Take every TIFF."""
        return path.suffix.lower() in TIFF_SUFFIXES

    def files(self, primary: Path) -> Sequence[Path]:
        """Return the sidecars that are there."""
        return SidecarPaths(primary).existing()

    def read(self, primary: Path) -> SourceImage:
        """Read a TIFF and its sidecars.

        Raises
        ------
        SourceError
            One of them cannot be read as what it should be.
        OSError
            One of them cannot be opened.
        """
        pixels = np.asarray(read_tiff(primary).pixels)
        if pixels.ndim != 2:
            raise SourceError(
                f"{primary}: a line scan has 2 dimensions, time x space; this one has the shape "
                f"{pixels.shape}. Keep other images out of the folder, or choose kymographs by --pattern.",
                path=str(primary),
            )
        acquisition = read_acquisition(primary)
        json: dict[str, Any] = {"metadata": _metadata_payload(primary, acquisition, pixels.shape)}
        if acquisition.analysis_metadata:
            json["radon/params"] = acquisition.analysis_metadata
        tables = {
            "radon": acquisition.trace,
            "velocity_events": events_table(acquisition),
            "radon_report": radon_report(acquisition),
        }
        return SourceImage(
            pixels, json=json, tables={name: table for name, table in tables.items() if table is not None}
        )


def _metadata_payload(tiff: Path, acquisition: Acquisition, shape: tuple[int, ...]) -> dict[str, Any]:
    path = SidecarPaths(tiff).olympus_header
    # The microscope writes the machine's code page; only units beyond ASCII can suffer.
    sections = parse_header(path.read_text("utf-8", errors="replace")) if path.is_file() else {}
    payload: dict[str, Any] = {
        "version": "2.0",
        "header": image_header(sections, shape),
        "experiment_metadata": {},
        "rois": [],
        **{name: value for name, value in acquisition.metadata.items() if value is not None},
        "accepted": acquisition.accepted,
    }
    if sections:
        payload["olympus_header"] = sections
    return payload
