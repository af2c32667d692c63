"""What the sidecars of one line scan say, whichever program wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


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
    """What the sidecars of one line scan say.

    Attributes
    ----------
    metadata : dict
        Header, experiment metadata, ROIs and whatever else its own sidecar has; empty without one.
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
        roi_id (int), channel (int), time (s), velocity (in `velocity_unit`; NaN where none was found),
        and what else the file has for each sample.
    channels : sequence of int or None
        Where each ROI counts once for each channel (AcqStore), these; None where it counts once.
    velocity_unit : str
        Of the trace.
    remarks : sequence of str
        What in the files could not be used, and why.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    experiment: dict[str, Any] = field(default_factory=dict)
    rois: Sequence[Roi] | None = None
    accepted: bool = True
    analyses: Sequence[Analysis] = ()
    analysis_metadata: dict[str, Any] = field(default_factory=dict)
    events: Mapping[str, list[dict[str, Any]]] | None = None
    trace: pd.DataFrame | None = None
    channels: Sequence[int] | None = None
    velocity_unit: str = "mm/s"
    remarks: Sequence[str] = ()
