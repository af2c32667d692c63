"""A line scan's sidecars as the kymflow desktop program wrote them, in each of its versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from kymflow.core.ingest.acquisition import Acquisition, Analysis, Roi
from kymflow.core.ingest.sidecar_files import as_trace, read_csv, read_object, unexpected
from kymflow_zarr.sources.names import path_key
from kymflow_zarr.sources.siblings import beginning_with, find_beside

ANALYSIS_FOLDER = "flow-analysis"
TRACE_COLUMNS = ("roi_id", "channel", "time", "velocity")
DEFAULT_CHANNEL = 1
# The oldest files tell no ROI; the desktop program takes them for this one.
OLDEST_ROI = 1
IMAGE_STATISTICS = ("img_min", "img_max", "img_mean", "img_std")


@dataclass(frozen=True)
class DesktopSidecars:
    """Where the sidecars of one line scan are; None for those that are not there.

    Attributes
    ----------
    metadata : Path or None
        Header, experiment metadata, ROIs, ``accepted``.
    radon_csv, radon_json : Path or None
        Velocity trace and analysis metadata, version 3.0.
    events : Path or None
        Velocity events, version 2.0.
    combined_csv, combined_json : Path or None
        Velocity trace, and analysis metadata with events: the older version 2.0.
    oldest_csv : Path or None
        Velocity trace without ROIs, of the oldest version.
    others : sequence of Path
        ``<stem>.<artifact>.json`` and ``.csv``: analyses of other kinds, such as diameters.
    """

    metadata: Path | None
    radon_csv: Path | None
    radon_json: Path | None
    events: Path | None
    combined_csv: Path | None
    combined_json: Path | None
    oldest_csv: Path | None
    others: Sequence[Path]

    def existing(self) -> list[Path]:
        """Return those that are there."""
        one_each = [self.metadata, self.radon_csv, self.radon_json, self.events]
        one_each += [self.combined_csv, self.combined_json, self.oldest_csv]
        return [*(path for path in one_each if path is not None), *self.others]


def find_desktop_sidecars(tiff: Path) -> DesktopSidecars:
    """Look for the sidecars of a TIFF.

    Raises
    ------
    SourceError, OSError
        One of them is known to exist, and is not at hand.
    """
    folder, stem = tiff.parent, tiff.stem
    analyses = folder / ANALYSIS_FOLDER
    oldest = folder / f"{folder.name}-analysis"
    return DesktopSidecars(
        metadata=find_beside(folder, stem, ".json"),
        radon_csv=find_beside(analyses, stem, "_radon.csv"),
        radon_json=find_beside(analyses, stem, "_radon.json"),
        events=find_beside(analyses, stem, "_events.json"),
        combined_csv=find_beside(analyses, stem, "_kymanalysis.csv"),
        combined_json=find_beside(analyses, stem, "_kymanalysis.json"),
        oldest_csv=find_beside(oldest, stem, ".csv"),
        others=[path for path in beginning_with(folder, stem, ".") if artifact_name(path, tiff)],
    )


def artifact_name(path: Path, tiff: Path) -> str:
    """Return the artifact that ``<stem>.<artifact>.json`` or ``.csv`` holds; empty for another name."""
    name = path_key(path.name)[len(path_key(tiff.stem)) + 1 : -len(path.suffix)]
    # What begins with the suffix of the image is AcqStore's.
    mine = path.suffix.lower() in (".json", ".csv") and name.lower() not in ("tif", "tiff")
    return name if mine and name and "." not in name else ""


def read_desktop_sidecars(sidecars: DesktopSidecars) -> Acquisition:
    """Read them; the separate files of version 3.0 win over the older ones.

    What of an analysis is named oddly is passed over with a remark. Where the combined file, the events file
    and the image's own disagree on ``accepted``, the first of them that holds it wins.

    Raises
    ------
    SourceError
        A sidecar is there but cannot be read as what it should be.
    OSError
        A sidecar cannot be opened.
    """
    reading = _Reading()
    metadata = read_object(sidecars.metadata)
    experiment = metadata.get("experiment_metadata")
    if not isinstance(experiment, dict | None):
        raise unexpected(sidecars.metadata, "an object for experiment_metadata", experiment)
    combined = read_object(sidecars.combined_json)
    radon = read_object(sidecars.radon_json)
    own_events = read_object(sidecars.events)
    analysis, analysis_path = _first_with(
        "analysis_metadata", (radon, sidecars.radon_json), (combined, sidecars.combined_json)
    )
    events, events_path = _first_with(
        "velocity_events", (own_events, sidecars.events), (combined, sidecars.combined_json)
    )
    rois = metadata.get("rois")
    accepted = next((one["accepted"] for one in (combined, own_events, metadata) if "accepted" in one), True)
    trace = _read_trace(sidecars)
    return Acquisition(
        metadata=metadata,
        experiment=experiment or {},
        rois=None if rois is None else reading.rois(rois, sidecars.metadata),
        accepted=bool(accepted),
        analyses=[] if analysis is None else reading.analyses(analysis, analysis_path),
        analysis_metadata=analysis or {},
        events=None if events is None else reading.events(events, events_path),
        trace=trace,
        remarks=reading.remarks,
    )


def _first_with(name: str, *files: tuple[dict[str, Any], Path | None]) -> tuple[Any, Path | None]:
    """Return a value from the first file that has it, and that file."""
    return next(((content[name], path) for content, path in files if name in content), (None, None))


def _read_trace(sidecars: DesktopSidecars) -> pd.DataFrame | None:
    path = sidecars.radon_csv or sidecars.combined_csv or sidecars.oldest_csv
    if path is None:
        return None
    frame = read_csv(path)
    if "channel" not in frame.columns:
        frame["channel"] = DEFAULT_CHANNEL
    if path == sidecars.oldest_csv and "roi_id" not in frame.columns:
        frame["roi_id"] = OLDEST_ROI
    return as_trace(frame, path)[list(TRACE_COLUMNS)]


@dataclass
class _Reading:
    """What was odd in the files read so far."""

    remarks: list[str] = field(default_factory=list)

    def rois(self, content: object, path: Path | None) -> list[Roi]:
        if not isinstance(content, list):
            raise unexpected(path, "a list of ROIs", content)
        found = []
        for item in content:
            roi_id = as_id(item.get("roi_id", item.get("id"))) if isinstance(item, dict) else None
            if roi_id is None:
                self._pass_over(path, f"ROI {item!r} has no whole number for an id")
                continue
            meta = item.get("meta") or {}
            if not isinstance(meta, dict):
                self._pass_over(path, f"the statistics of ROI {roi_id} are no object")
                meta = {}
            statistics = item | meta
            found.append(Roi(roi_id, {name: as_number(statistics.get(name)) for name in IMAGE_STATISTICS}))
        return found

    def analyses(self, content: object, path: Path | None) -> list[Analysis]:
        if not isinstance(content, dict):
            raise unexpected(path, "an object of analyses", content)
        found = []
        for key, parameters in content.items():
            own = parameters if isinstance(parameters, dict) else {}
            keyed, channel = split_key(key)
            roi_id = as_id(own.get("roi_id"))
            if own.get("channel") is not None:
                channel = as_id(own["channel"])
                if channel is None:
                    self._pass_over(path, f"the channel of analysis {key!r} is no whole number")
            roi_id = keyed if roi_id is None else roi_id
            if roi_id is None or not isinstance(parameters, dict):
                self._pass_over(path, f"analysis {key!r} is of no ROI")
            else:
                found.append(Analysis(roi_id, channel))
        return found

    def events(self, content: object, path: Path | None) -> dict[str, list[dict[str, Any]]]:
        if not isinstance(content, dict):
            raise unexpected(path, "an object of velocity events", content)
        found = {}
        for key, events in content.items():
            if split_key(key)[0] is None:
                self._pass_over(path, f"the events of {key!r} are of no ROI")
            elif not isinstance(events, list):
                self._pass_over(path, f"the events of {key!r} are no list")
            else:
                found[key] = [event for event in events if isinstance(event, dict)]
                if len(found[key]) < len(events):
                    self._pass_over(path, f"{len(events) - len(found[key])} events of {key!r} are no objects")
        return found

    def _pass_over(self, path: Path | None, what: str) -> None:
        self.remarks.append(f"{path.name if path else 'a sidecar'}: {what}; passed over")


def split_key(key: str) -> tuple[int | None, int | None]:
    """Return ROI id and channel of a key: ``"roi:channel"``, or ``"roi"`` of older files (channel None).

    The ROI is None where the key is of another form.
    """
    roi, _, channel = key.partition(":")
    ids = as_id(roi), as_id(channel) if channel else None
    return ids if not channel or ids[1] is not None else (None, None)


def as_id(value: object) -> int | None:
    """Return a whole number that stands for an ROI or a channel, or None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if not isinstance(value, float) or number == value else None


def as_number(value: object) -> float | None:
    """Return a number as it is, or None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
