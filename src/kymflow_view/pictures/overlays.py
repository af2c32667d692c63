"""What is drawn over and below an image on its time axis: ROIs, events, velocity traces."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kymflow import get_pixel_size, get_rois, get_velocity_events, get_velocity_trace
from kymflow_view.pictures.reduce import ReducedTrace, reduce_trace

if TYPE_CHECKING:
    from kymflow import ZarrImageRecord

# In place of the number of an ROI or a channel that is missing.
_NONE = -1
# What an event has by its own name, and not only among its further values.
_EVENT_COLUMNS = ("roi_id", "event_id", "kind", "score", "t0_s", "t1_s")


@dataclass(frozen=True)
class Box:
    """An ROI, cut at the edges of its image.

    Attributes
    ----------
    roi_id, name
        As of the ROI.
    line_start, line_stop, pixel_start, pixel_stop : int
        As in slices; of an ROI beyond the image, they are the same.
    """

    roi_id: int
    name: str
    line_start: int
    line_stop: int
    pixel_start: int
    pixel_stop: int


@dataclass(frozen=True)
class Event:
    """A velocity event, its ends in order.

    Attributes
    ----------
    kind : str or None
        What it is.
    roi_id, event_id, score
        As stored; None where missing.
    t0_s, t1_s : float or None
        From when to when, in s from the first line; the second is None where it has one end only, and both
        are where it has none.
    more : dict
        Whatever else the detector has stored.
    """

    kind: str | None
    roi_id: int | None
    event_id: str | None
    score: float | None
    t0_s: float | None
    t1_s: float | None
    more: dict[str, Any]


@dataclass(frozen=True)
class Trace:
    """The velocity of one ROI in one channel; time in lines from the first.

    Attributes
    ----------
    roi_id, channel : int or None
        Of what.
    unit : str
        Of the velocity.
    lines, velocity : ndarray
        The samples; NaN is a gap.
    """

    roi_id: int | None
    channel: int | None
    unit: str
    lines: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]

    def reduced(self, start: float, stop: float, columns: int) -> ReducedTrace:
        """Return the samples from line `start` up to line `stop` as so many columns at most."""
        return reduce_trace(self.lines, self.velocity, start, stop, columns)


@dataclass(frozen=True)
class Overlays:
    """All of that of one image.

    Attributes
    ----------
    boxes, events, traces : list
        In the order in which they are stored.
    seconds_per_line : float or None
        Of the record's calibration.
    placed_by : float or None
        Seconds per line by which events and traces have their lines; None where they have none. Without a
        calibration it is what the trace tells, if its samples lie evenly over their ROI.
    """

    boxes: list[Box]
    events: list[Event]
    traces: list[Trace]
    seconds_per_line: float | None
    placed_by: float | None

    def line_of(self, time_s: float | None) -> float | None:
        """Return at which line a time is; None where that is not known."""
        return None if time_s is None or not self.placed_by else time_s / self.placed_by


def get_overlays(record: ZarrImageRecord, lines: int, pixels: int) -> Overlays:
    """Return what is drawn over an image of so many lines and pixels.

    Raises
    ------
    RecordNotFoundError, ArtifactError, ColumnError
        There is no such image, or an artifact of it is damaged.
    """
    boxes = [
        Box(
            roi.roi_id,
            roi.name,
            *(min(max(0, line), lines) for line in (roi.line_start, roi.line_stop)),
            *(min(max(0, pixel), pixels) for pixel in (roi.pixel_start, roi.pixel_stop)),
        )
        for roi in get_rois(record)
    ]
    calibrated = get_pixel_size(record).seconds_per_line
    frame = get_velocity_trace(record)
    placed_by = calibrated or _seconds_per_line(frame, boxes, lines)
    events = [_event(row) for row in get_velocity_events(record).to_dict("records")]
    return Overlays(boxes, events, _traces(frame, placed_by), calibrated, placed_by)


def _seconds_per_line(frame: pd.DataFrame, boxes: list[Box], lines: int) -> float | None:
    """Return the time of a line if the samples of the first ROI lie evenly over its lines."""
    if not len(frame):
        return None
    roi_id = frame["roi_id"].iloc[0]
    times = np.unique(frame.loc[frame["roi_id"] == roi_id, "time"].dropna())
    spans = [box.line_stop - box.line_start for box in boxes if box.roi_id == roi_id]
    span = spans[0] if spans else lines
    if len(times) < 2 or not span:
        return None
    return float(np.median(np.diff(times))) * len(times) / span


def _traces(frame: pd.DataFrame, seconds_per_line: float | None) -> list[Trace]:
    if not seconds_per_line:
        return []
    if not len(frame):
        return []
    # A trace may have millions of samples, and is stored ROI by ROI: pandas' groupby takes ten times as long.
    ids = [frame[name].fillna(_NONE).to_numpy(np.int64) for name in ("roi_id", "channel")]
    starts = np.flatnonzero(np.any([np.diff(one, prepend=one[0] - 1) for one in ids], axis=0))
    runs: dict[tuple[int, int], list[slice]] = {}
    for start, stop in itertools.pairwise([*starts.tolist(), len(frame)]):
        runs.setdefault((int(ids[0][start]), int(ids[1][start])), []).append(slice(start, stop))
    unit = str(frame["velocity_unit"].iloc[0])
    values = [frame[name].to_numpy(np.float64) for name in ("time", "velocity")]
    traces = []
    for (roi_id, channel), parts in runs.items():
        time_s, velocity = (np.concatenate([column[part] for part in parts]) for column in values)
        of = (None if roi_id == _NONE else roi_id, None if channel == _NONE else channel)
        traces.append(Trace(*of, unit, time_s / seconds_per_line, velocity))
    return traces


def _event(row: dict[Any, Any]) -> Event:
    ends = sorted(end for name in ("t0_s", "t1_s") if (end := _known(row.get(name))) is not None)
    t0_s, t1_s = [*ends, None, None][:2]
    named = {name: _known(row.get(name)) for name in ("event_id", "kind", "score")}
    more = {str(name): _known(value) for name, value in row.items() if name not in _EVENT_COLUMNS}
    return Event(roi_id=_whole(row.get("roi_id")), **named, t0_s=t0_s, t1_s=t1_s, more=more)


def _whole(value: Any) -> int | None:
    known = _known(value)
    return None if known is None else int(known)


def _known(value: Any) -> Any:
    """Return a value out of a table, as plain Python; None for whatever says that there is none."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if pd.api.types.is_scalar(plain) and pd.isna(plain) else plain
