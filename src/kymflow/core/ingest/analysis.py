"""One acquisition's sidecars as the desktop program wrote them: ROIs, analyses, events, velocity trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from kymflow_zarr.errors import SourceError
from kymflow_zarr.formats.documents import UnreadableDocument, bytes_to_json, csv_to_frame

ANALYSIS_FOLDER = "flow-analysis"
TRACE_COLUMNS = ("roi_id", "channel", "time", "velocity")
DEFAULT_CHANNEL = 1


@dataclass(frozen=True)
class SidecarPaths:
    """Where the sidecars of one TIFF are, if they are there."""

    tiff: Path

    def _beside(self, suffix: str) -> Path:
        return self.tiff.with_name(self.tiff.stem + suffix)

    def _analysis(self, suffix: str) -> Path:
        return self.tiff.parent / ANALYSIS_FOLDER / (self.tiff.stem + suffix)

    @property
    def metadata(self) -> Path:
        """Header, experiment metadata, ROIs, ``accepted``."""
        return self._beside(".json")

    @property
    def olympus_header(self) -> Path:
        """The microscope's text header."""
        return self._beside(".txt")

    @property
    def radon(self) -> tuple[Path, Path]:
        """Velocity trace (CSV) and analysis metadata (JSON), version 3.0."""
        return self._analysis("_radon.csv"), self._analysis("_radon.json")

    @property
    def events(self) -> Path:
        """Velocity events, version 2.0."""
        return self._analysis("_events.json")

    @property
    def combined(self) -> tuple[Path, Path]:
        """Velocity trace (CSV), and analysis metadata with events (JSON), the older version 2.0."""
        return self._analysis("_kymanalysis.csv"), self._analysis("_kymanalysis.json")

    def existing(self) -> list[Path]:
        """Return those that are there."""
        candidates = [self.metadata, self.olympus_header, *self.radon, self.events, *self.combined]
        return [path for path in candidates if path.is_file()]


@dataclass(frozen=True)
class Roi:
    """One region of interest.

    Attributes
    ----------
    roi_id : int
        Its id within the image.
    image_statistics : mapping of str to float
        ``img_min``, ``img_max``, ``img_mean``, ``img_std`` in grey values, where the file has them.
    """

    roi_id: int
    image_statistics: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """One analysis of an ROI; older files do not tell its channel (None)."""

    roi_id: int
    channel: int | None


@dataclass(frozen=True)
class Acquisition:
    """What the sidecars of one TIFF say.

    Attributes
    ----------
    metadata : dict
        ``<stem>.json`` as it is; empty without one.
    experiment : dict
        The experiment metadata in it.
    rois : sequence of Roi or None
        In the file's order; None where no file lists ROIs.
    accepted : bool
        Whether a person accepted the image; true unless a file says otherwise.
    analyses : sequence of Analysis
        In order.
    analysis_metadata : dict
        Their parameters as the file has them.
    events : mapping of str to list of dict, or None
        By ``"roi:channel"`` or ``"roi"``; None where no file lists events.
    trace : DataFrame or None
        roi_id (int), channel (int), time (s), velocity (mm/s; NaN where none was found).
    """

    metadata: dict[str, Any]
    experiment: dict[str, Any]
    rois: Sequence[Roi] | None
    accepted: bool
    analyses: Sequence[Analysis]
    analysis_metadata: dict[str, Any]
    events: Mapping[str, list[dict[str, Any]]] | None
    trace: pd.DataFrame | None


def read_acquisition(tiff: Path) -> Acquisition:
    """Read the sidecars of a TIFF; the separate files of version 3.0 win over the older combined ones.

    Raises
    ------
    SourceError
        A sidecar is there but cannot be read as what it should be.
    OSError
        A sidecar cannot be opened.
    """
    paths = SidecarPaths(tiff)
    metadata = _read_object(paths.metadata)
    experiment = metadata.get("experiment_metadata")
    if not isinstance(experiment, dict | None):
        raise _unexpected(paths.metadata, "an object for experiment_metadata", experiment)
    combined_csv, combined_json = paths.combined
    radon_csv, radon_json = paths.radon
    combined = _read_object(combined_json)
    analysis, analysis_path = _first_with("analysis_metadata", radon_json, combined_json, combined)
    events, events_path = _first_with("velocity_events", paths.events, combined_json, combined)
    trace_path = next((path for path in (radon_csv, combined_csv) if path.is_file()), None)
    rois = metadata.get("rois")
    return Acquisition(
        metadata=metadata,
        experiment=experiment or {},
        rois=None if rois is None else _rois(rois, paths.metadata),
        accepted=bool(metadata.get("accepted", combined.get("accepted", True))),
        analyses=[] if analysis is None else _analyses(analysis, analysis_path),
        analysis_metadata=analysis or {},
        events=None if events is None else _events(events, events_path),
        trace=None if trace_path is None else _read_trace(trace_path),
    )


def _first_with(name: str, path: Path, combined_path: Path, combined: dict[str, Any]) -> tuple[Any, Path]:
    """Return a value from its own file, or else from the older combined one, and which it was."""
    content = _read_object(path)
    if name in content:
        return content[name], path
    return combined.get(name), combined_path


def _read_object(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        content = bytes_to_json(data)
    except UnreadableDocument as error:
        raise SourceError(f"cannot read {path} as JSON: {error}", path=str(path)) from error
    if not isinstance(content, dict):
        raise _unexpected(path, "a JSON object", content)
    return content


def _unexpected(path: Path, expected: str, got: object) -> SourceError:
    return SourceError(f"{path}: expected {expected}, got {type(got).__name__}", path=str(path))


def _rois(content: object, path: Path) -> list[Roi]:
    if not isinstance(content, list):
        raise _unexpected(path, "a list of ROIs", content)
    rois = []
    for item in content:
        if not isinstance(item, dict):
            raise _unexpected(path, "an object for each ROI", item)
        statistics = item.get("meta") or {}
        if not isinstance(statistics, dict):
            raise _unexpected(path, "an object for the meta of an ROI", statistics)
        rois.append(
            Roi(
                _integer(item.get("roi_id", item.get("id")), "roi_id", path),
                {name: statistics.get(name) for name in ("img_min", "img_max", "img_mean", "img_std")},
            )
        )
    return rois


def _analyses(content: object, path: Path) -> list[Analysis]:
    if not isinstance(content, dict):
        raise _unexpected(path, "an object of analyses", content)
    analyses = []
    for key, parameters in content.items():
        if not isinstance(parameters, dict):
            raise _unexpected(path, f"an object for analysis {key!r}", parameters)
        roi_id, channel = split_key(key, path)
        if parameters.get("roi_id") is not None:
            roi_id = _integer(parameters["roi_id"], "roi_id", path)
        if parameters.get("channel") is not None:
            channel = _integer(parameters["channel"], "channel", path)
        analyses.append(Analysis(roi_id, channel))
    return analyses


def _events(content: object, path: Path) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(content, dict):
        raise _unexpected(path, "an object of velocity events", content)
    for key, events in content.items():
        split_key(key, path)
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise _unexpected(path, f"a list of objects for the events of {key!r}", events)
    return content


def split_key(key: str, path: Path | None = None) -> tuple[int, int | None]:
    """Return ROI id and channel of a key: ``"roi:channel"``, or ``"roi"`` of older files (channel None)."""
    roi, _, channel = key.partition(":")
    return _integer(roi, f"the ROI in key {key!r}", path), (
        _integer(channel, f"the channel in key {key!r}", path) if channel else None
    )


def _integer(value: object, what: str, path: Path | None) -> int:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceError(
            f"{path}: {what} must be an integer, got {value!r}", path=None if path is None else str(path)
        ) from error


def _read_trace(path: Path) -> pd.DataFrame:
    try:
        trace = csv_to_frame(path.read_bytes())
    except UnreadableDocument as error:
        raise SourceError(f"cannot read {path} as CSV: {error}", path=str(path)) from error
    if "channel" not in trace.columns:
        trace["channel"] = DEFAULT_CHANNEL
    missing = [name for name in TRACE_COLUMNS if name not in trace.columns]
    if missing:
        raise SourceError(
            f"{path}: column {missing[0]!r} is missing; it has {list(trace.columns)}", path=str(path)
        )
    trace = trace[list(TRACE_COLUMNS)]
    try:
        return trace.astype({"roi_id": "int64", "channel": "int64", "time": "float64", "velocity": "float64"})
    except (ValueError, TypeError) as error:
        raise SourceError(f"{path}: a value is no number: {error}", path=str(path)) from error
