"""What a figure shows of an image: one channel's lines, their scale, ROIs, trace and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kymflow import get_pixel_size, get_rois, get_velocity_events, get_velocity_trace

if TYPE_CHECKING:
    import pandas as pd

    from kymflow import Roi, ZarrImageRecord

# Of more kinds of events, the rare ones share a row.
_MAX_KINDS = 16
OTHER_KINDS = "(other kinds)"


@dataclass(frozen=True)
class Scale:
    """What a line and a pixel are on the axes."""

    per_line: float
    per_pixel: float
    time_label: str
    space_label: str


@dataclass(frozen=True)
class Content:
    """What is shown of an image."""

    name: str
    shape: tuple[int, int]
    scale: Scale
    rois: list[Roi]
    trace: pd.DataFrame
    events: pd.DataFrame
    # Without calibration, lines cannot be shown on the time axis of traces and events.
    one_axis: bool
    kinds: list[str]

    @property
    def duration(self) -> float:
        """How long the image is, in units of its time axis."""
        return self.shape[0] * self.scale.per_line


def content_of(record: ZarrImageRecord, shape: tuple[int, int]) -> Content:
    """Read what else is shown of an image of so many lines and pixels."""
    seconds, micrometers = get_pixel_size(record)
    scale = Scale(
        seconds or 1.0,
        micrometers or 1.0,
        "time (s)" if seconds else "time (lines)",
        "space (µm)" if micrometers else "space (pixels)",
    )
    source = record.get_source()
    name = record.image_id if source is None else source.relative_path
    trace, events = get_velocity_trace(record), get_velocity_events(record)
    one_axis = seconds is not None or not (len(trace) or len(events))
    return Content(name, shape, scale, get_rois(record), trace, events, one_axis, _kinds_of(events))


def _kinds_of(events: pd.DataFrame) -> list[str]:
    """Return the kinds of events; rare ones together if there are very many."""
    counts = events["kind"].fillna("").astype(str).value_counts()
    kinds = [str(kind) for kind in counts.index]
    if len(kinds) > _MAX_KINDS:
        return [*sorted(kinds[: _MAX_KINDS - 1]), OTHER_KINDS]
    return sorted(kinds)
