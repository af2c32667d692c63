"""A line scan's sidecars as AcqStore wrote them: version 2 of its JSON, and a CSV per analysis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kymflow.core.ingest.acquisition import Acquisition, Analysis, Roi
from kymflow.core.ingest.desktop_sidecars import as_id
from kymflow.core.ingest.line_scan import SPACE_UNITS, TIME_UNITS
from kymflow.core.ingest.sidecar_files import as_trace, unexpected
from kymflow_zarr.layout import is_name
from kymflow_zarr.sources.names import path_key
from kymflow_zarr.sources.siblings import beginning_with

VELOCITY = "radon_velocity"
# (um/pixel) / (s/line) times a ratio of pixels and lines: AcqStore does not convert it to mm/s.
VELOCITY_UNIT = "um/s"
# Names under which an acquisition's own artifacts stand.
_TAKEN = frozenset({"metadata", "radon", "radon_report", "velocity_events"})
_STATISTICS = {"event_stats": "event", "pre_win_stats": "pre_win", "post_win_stats": "post_win"}


def find_acqstore_tables(tiff: Path) -> dict[str, Path]:
    """Return the CSV of each analysis of a TIFF, by its name; errors as ``beginning_with``."""
    beside = beginning_with(tiff.parent, tiff.stem, tiff.suffix + ".")
    csv = [path for path in beside if path.suffix.lower() == ".csv"]
    start = len(path_key(tiff.name)) + 1
    named = {path_key(path.name)[start : -len(path.suffix)]: path for path in csv}
    return {name: path for name, path in named.items() if name}


class AcqStoreSidecars:
    """What AcqStore has saved of one line scan.

    Parameters
    ----------
    content : dict
        The JSON sidecar.
    path : Path
        Where it was read from, for messages.
    tables : mapping of str to DataFrame
        The CSV of each analysis, by its name.

    Raises
    ------
    SourceError
        A part of the sidecar is not what it should be.
    """

    def __init__(self, content: dict[str, Any], path: Path, tables: Mapping[str, pd.DataFrame]) -> None:
        self._content = content
        self._path = path
        self._tables = tables
        self._remarks: list[str] = []
        self._experiment = self._part("experiment_metadata", dict)
        self._header = self._part("image_header_metadata", dict)
        self._entries = self._analyses()

    @property
    def n_channels(self) -> int:
        """How many channels the image has; 1 where the sidecar does not tell."""
        return max(as_id(self._header.get("num_channels")) or 1, 1)

    def acquisition(self) -> Acquisition:
        """Return what is common to acquisitions of all programs.

        Each ROI counts once for each channel, as in AcqStore's own pool. Events of other analyses than of
        velocities are none of it: they are in other units.
        """
        of_velocity = [entry for entry in self._entries if entry["analysis_name"] == VELOCITY]
        trace = self._tables.get(VELOCITY)
        return Acquisition(
            metadata=self._metadata(),
            experiment=self._experiment,
            rois=self._rois(),
            accepted=bool(self._content.get("accepted", True)),
            analyses=[Analysis(entry["roi_id"], entry["channel"]) for entry in of_velocity],
            analysis_metadata={f"{entry['roi_id']}:{entry['channel']}": entry for entry in of_velocity},
            events=self._events(),
            trace=None if trace is None else as_trace(trace.rename(columns={"time_s": "time"}), self._path),
            channels=range(self.n_channels),
            velocity_unit=VELOCITY_UNIT,
            remarks=self._remarks,
        )

    def other_analyses(self) -> dict[str, Any]:
        """Return what the sidecar says of every other analysis, a list of entries by its name."""
        others: dict[str, Any] = {}
        for entry in self._entries:
            name = entry["analysis_name"]
            if name != VELOCITY and not _has_velocity_events(entry) and self._can_name(name):
                others.setdefault(name, []).append(entry)
        return others

    def other_tables(self) -> dict[str, pd.DataFrame]:
        """Return the table of every other analysis, by its name."""
        return {
            name: table for name, table in self._tables.items() if name != VELOCITY and self._can_name(name)
        }

    def _part(self, name: str, kind: type) -> Any:
        content = self._content.get(name)
        if content is None:
            return kind()
        if not isinstance(content, kind):
            raise unexpected(self._path, f"{'an object' if kind is dict else 'a list'} for {name}", content)
        return content

    def _analyses(self) -> list[dict[str, Any]]:
        found = []
        for entry in self._part("analysis", list):
            ids = (entry.get("roi_id"), entry.get("channel")) if isinstance(entry, dict) else (None, None)
            roi_id, channel = as_id(ids[0]), as_id(ids[1])
            if roi_id is None or channel is None or not isinstance(entry.get("analysis_name"), str):
                self._pass_over(f"an analysis without name, ROI or channel: {str(entry)[:60]}")
            else:
                found.append({**entry, "roi_id": roi_id, "channel": channel})
        return found

    def _rois(self) -> list[Roi]:
        found = []
        for item in self._part("rois", list):
            roi_id = as_id(item.get("roi_id")) if isinstance(item, dict) else None
            if roi_id is None:
                self._pass_over(f"an ROI without a whole number for an id: {str(item)[:60]}")
            else:
                found.append(Roi(roi_id))
        return found

    def _events(self) -> dict[str, list[dict[str, Any]]] | None:
        found: dict[str, list[dict[str, Any]]] = {}
        for entry in self._entries:
            if _has_velocity_events(entry):
                key = f"{entry['roi_id']}:{entry['channel']}"
                events = [event for event in entry["summary"]["events"] if isinstance(event, dict)]
                found.setdefault(key, []).extend(_event(event) for event in events)
        return found or None

    def _metadata(self) -> dict[str, Any]:
        own = {name: value for name, value in self._content.items() if name not in ("analysis", "version")}
        sizes = [self._header.get("physical_unit_y"), self._header.get("physical_unit_x")]
        labels = [str(self._header.get(f"physical_label_{axis}") or "").lower() for axis in "yx"]
        header: dict[str, Any] = {}
        if labels[0] in {"", *TIME_UNITS} and labels[1] in {"", *SPACE_UNITS} and all(sizes):
            header = {"voxels": sizes, "voxels_units": ["s", "um"], "labels": ["time (s)", "space (um)"]}
        return {**own, "header": header, "acqstore_version": self._content.get("version")}

    def _can_name(self, name: str) -> bool:
        usable = is_name(name) and name not in _TAKEN
        if not usable:
            self._pass_over(f"analysis {name!r} cannot be an artifact of this name")
        return usable

    def _pass_over(self, what: str) -> None:
        remark = f"{self._path.name}: {what}; passed over"
        if remark not in self._remarks:
            self._remarks.append(remark)


def _has_velocity_events(entry: Mapping[str, Any]) -> bool:
    summary = entry.get("summary")
    if not isinstance(summary, dict) or not isinstance(summary.get("events"), list):
        return False
    return summary.get("parent_analysis_name", VELOCITY) in (None, VELOCITY)


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event in the words of ``velocity_events``; its ends may be swapped in the file."""
    ends = [event.get("x0"), event.get("x1")]
    known = sorted(end for end in ends if isinstance(end, int | float))
    row: dict[str, Any] = {
        "event_type": event.get("event_type"),
        "t_start": known[0] if known else None,
        "t_end": known[-1] if len(known) == 2 else None,
        "duration_sec": event.get("duration"),
        "acqstore_id": event.get("id"),
    }
    for name, prefix in _STATISTICS.items():
        statistics = event.get(name)
        for key, value in (statistics if isinstance(statistics, dict) else {}).items():
            row[f"{prefix}_{key}"] = value
    row["baseline_before"], row["baseline_after"] = row.get("pre_win_mean"), row.get("post_win_mean")
    row["n_valid_in_event"] = row.get("event_n")
    return row
