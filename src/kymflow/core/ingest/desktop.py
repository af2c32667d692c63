"""The reader of the kymflow desktop program's folders: a line scan and all that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.ingest.acquisition import Acquisition
from kymflow.core.ingest.channels import channel_files
from kymflow.core.ingest.desktop_sidecars import (
    DesktopSidecars,
    artifact_name,
    find_desktop_sidecars,
    read_desktop_sidecars,
)
from kymflow.core.ingest.events import events_table
from kymflow.core.ingest.line_scan import (
    LineScan,
    find_header,
    header_calibration,
    is_tiff,
    read_line_scan,
    scale_and_units,
)
from kymflow.core.ingest.radon import radon_report
from kymflow.core.ingest.sidecar_files import read_csv, read_json
from kymflow_zarr import SourceImage

if TYPE_CHECKING:
    import pandas as pd


class DesktopReader:
    """TIFF line scans with the sidecars of the kymflow desktop program, or with none.

    A record gets the pixels (time x space) and, where the sidecars hold them, these artifacts:

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
    others
        What stands in ``<stem>.<artifact>.json`` and ``.csv``, under its own name.
    """

    name = "kymflow desktop"
    priority = 0

    def matches(self, path: Path) -> bool:
        """Take every TIFF, but those of further channels of an acquisition."""
        return is_tiff(path) and bool(channel_files(path))

    def files(self, primary: Path) -> Sequence[Path]:
        """Return the sidecars that are there."""
        header = find_header(primary)
        found = find_desktop_sidecars(primary).existing()
        return found if header is None else [*found, header]

    def read(self, primary: Path) -> SourceImage:
        """Read a TIFF and its sidecars.

        Raises
        ------
        SourceError
            One of them cannot be read as what it should be.
        OSError
            One of them cannot be opened.
        """
        return read_with_desktop_sidecars(primary, [primary])


def read_with_desktop_sidecars(primary: Path, tiffs: Sequence[Path]) -> SourceImage:
    """Read a line scan, of one file or of one for each channel, and the sidecars of its first file."""
    scan = read_line_scan(tiffs)
    sidecars = find_desktop_sidecars(primary)
    acquisition = read_desktop_sidecars(sidecars)
    json, tables = _other_artifacts(primary, sidecars)
    return as_source_image(scan, acquisition, json, tables)


def as_source_image(
    scan: LineScan,
    acquisition: Acquisition,
    json: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
) -> SourceImage:
    """Return pixels and artifacts of an acquisition, with further artifacts under names of their own."""
    metadata = _metadata_payload(scan, acquisition)
    calibration = header_calibration(metadata["header"])
    scale, units = scale_and_units(calibration, len(scan.axes))
    own_json: dict[str, Any] = {"metadata": metadata}
    if acquisition.analysis_metadata:
        own_json["radon/params"] = acquisition.analysis_metadata
    own_tables = {
        "radon": acquisition.trace,
        "velocity_events": events_table(acquisition),
        "radon_report": radon_report(acquisition, calibration),
    }
    return SourceImage(
        scan.pixels,
        axes=scan.axes,
        json={**json, **own_json},
        tables={**tables, **{name: table for name, table in own_tables.items() if table is not None}},
        scale=scale,
        units=units,
        remarks=acquisition.remarks,
    )


def _other_artifacts(
    primary: Path, sidecars: DesktopSidecars
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    json: dict[str, Any] = {}
    tables: dict[str, pd.DataFrame] = {}
    for path in sidecars.others:
        name = artifact_name(path, primary)
        if path.suffix.lower() == ".json":
            json[name] = read_json(path)
        else:
            tables[name] = read_csv(path)
    return json, tables


def _metadata_payload(scan: LineScan, acquisition: Acquisition) -> dict[str, Any]:
    own = {name: value for name, value in acquisition.metadata.items() if value is not None}
    header = own.pop("header", None)
    size = {name: scan.header[name] for name in ("shape", "ndim", "num_channels") if name in scan.header}
    payload: dict[str, Any] = {
        "version": "2.0",
        # What a person's program has noted wins over what microscope and TIFF tell, except on their shape.
        "header": {**scan.header, **(header if isinstance(header, dict) else {}), **size},
        "experiment_metadata": {},
        "rois": [],
        **own,
        "accepted": acquisition.accepted,
    }
    if scan.sections:
        payload["olympus_header"] = scan.sections
    return payload
