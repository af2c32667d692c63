"""The radon report of one acquisition: a row of velocity statistics per ROI."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kymflow.core.ingest.acquisition import Acquisition, Roi
from kymflow.core.ingest.line_scan import Calibration

if TYPE_CHECKING:
    import numpy.typing as npt

# Below this a coefficient of variation says nothing.
_SMALLEST_MEAN = 1e-10
# The angle of a stripe beyond which a velocity says nothing, and what 1 um/s is in a unit.
_STEEPEST_DEGREES = 89.9
_PER_UM_PER_S = {"mm/s": 1e-3, "um/s": 1.0}
_COLUMNS: dict[str, str] = {
    **dict.fromkeys(("roi_id", "channel"), "Int64"),
    **dict.fromkeys(("mean_velocity", "median_velocity"), "float64"),
    "n_valid": "Int64",
    "notes": "str",
    **dict.fromkeys(("vel_min", "vel_max", "vel_std", "vel_se", "vel_cv"), "float64"),
    **dict.fromkeys(("vel_n_nan", "vel_n_zero", "vel_n_big", "vel_n_unphysical"), "Int64"),
    "velocity_unit": "str",
    **dict.fromkeys(("img_min", "img_max", "img_mean", "img_std"), "float64"),
    "accepted": "bool",
    **dict.fromkeys(("treatment", "condition", "date"), "str"),
}


def radon_report(acquisition: Acquisition, calibration: Calibration) -> pd.DataFrame | None:
    """Return the report, a row per ROI in ROI order; None where there are neither ROIs nor a velocity trace.

    Parameters
    ----------
    acquisition : Acquisition
        Its ROIs, analyses and velocity trace.
    calibration : Calibration
        Of the line scan, for `vel_n_unphysical`.

    Returns
    -------
    DataFrame or None
        roi_id, channel (int); mean_velocity, median_velocity, vel_min, vel_max, vel_std, vel_se
        (in velocity_unit: mm/s, but um/s in AcqStore's files) and vel_cv of the velocities that are not
        NaN; n_valid, vel_n_nan, vel_n_zero, vel_n_big, vel_n_unphysical (counts); img_* (grey values,
        missing where not stored); accepted (bool); notes, treatment, condition, date (str; empty text in
        the last three means missing). Of an ROI that was not analysed, all that comes of a trace is missing.

    Notes
    -----
    As the desktop program's KymImageList defines them: standard deviation with ddof 0,
    ``vel_se = vel_std / sqrt(n_valid)``, ``vel_cv = vel_std / mean_velocity`` unless
    ``abs(mean_velocity) <= 1e-10``, ``vel_n_big`` counts velocities above mean + 2 std. An ROI's
    channel is that of its first analysis; in AcqStore's files each ROI has a row per channel.

    ``vel_n_unphysical`` counts velocities that no stripe of the line scan can have shown. A velocity is
    ``tan(angle) * (um/pixel) / (s/line)``, with the angle of a stripe against the time axis. A stripe of 89.9
    degrees crosses ``tan(89.9) = 573`` pixels within a line; whatever is faster is a stripe along the line
    itself, of which the angle, and not the flow, was found (the tangent of 90 degrees is 2e7 in
    single precision). Missing where the calibration is not known.
    """
    trace = acquisition.trace
    rois = _rois(acquisition)
    if trace is None and not rois:
        return None
    limit = _largest_velocity(calibration, acquisition.velocity_unit)
    rows = [_row(acquisition, roi, channel, limit) for channel, roi in _channels_and_rois(acquisition, rois)]
    # Types of their own, so that a column in which all is missing still tells what it is.
    return pd.DataFrame({name: _column(name, [row.get(name) for row in rows]) for name in _COLUMNS})


def _column(name: str, values: list[Any]) -> pd.Series[Any]:
    whole = _COLUMNS[name] == "Int64" and None not in values
    return pd.Series(values, dtype="int64" if whole else _COLUMNS[name])


def _row(acquisition: Acquisition, roi: Roi, channel: int | None, limit: float | None) -> dict[str, Any]:
    trace, experiment = acquisition.trace, acquisition.experiment
    row = {
        "roi_id": roi.roi_id,
        "channel": channel,
        "notes": str(experiment.get("note") or ""),
        **roi.image_statistics,
        "accepted": acquisition.accepted,
        **{name: experiment.get(name) or None for name in ("treatment", "condition", "date")},
    }
    if trace is None or channel is None:
        return row
    of_roi = trace.loc[(trace["roi_id"] == roi.roi_id) & (trace["channel"] == channel), "velocity"]
    if not len(of_roi):
        return row
    velocity = of_roi.to_numpy()
    unphysical = None if limit is None else int((np.abs(velocity) > limit).sum())
    return {
        **row,
        **velocity_statistics(velocity),
        "vel_n_unphysical": unphysical,
        "velocity_unit": acquisition.velocity_unit,
    }


def _largest_velocity(calibration: Calibration, unit: str) -> float | None:
    if calibration.voxels is None:
        return None
    seconds_per_line, um_per_pixel = calibration.voxels
    per_pixel_and_line = um_per_pixel / seconds_per_line
    return math.tan(math.radians(_STEEPEST_DEGREES)) * per_pixel_and_line * _PER_UM_PER_S[unit]


def _rois(acquisition: Acquisition) -> list[Roi]:
    if acquisition.rois is not None:
        return list(acquisition.rois)
    analysed = [analysis.roi_id for analysis in acquisition.analyses]
    if not analysed and acquisition.trace is not None:
        analysed = [int(roi_id) for roi_id in acquisition.trace["roi_id"]]
    return [Roi(roi_id) for roi_id in dict.fromkeys(analysed)]


def _channels_and_rois(acquisition: Acquisition, rois: Sequence[Roi]) -> list[tuple[int | None, Roi]]:
    if acquisition.channels is not None:
        return [(channel, roi) for channel in acquisition.channels for roi in rois]
    return [(_channel(acquisition, roi.roi_id), roi) for roi in rois]


def _channel(acquisition: Acquisition, roi_id: int) -> int | None:
    for analysis in acquisition.analyses:
        if analysis.roi_id == roi_id and analysis.channel is not None:
            return analysis.channel
    # Older files do not tell the channel of an analysis; the trace does.
    trace = acquisition.trace
    channels = () if trace is None else trace.loc[trace["roi_id"] == roi_id, "channel"].tolist()
    return int(channels[0]) if channels else None


def velocity_statistics(velocity: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return the statistics of one velocity trace.

    Parameters
    ----------
    velocity : ndarray of float, shape (n,)
        mm/s; NaN where none was found.

    Returns
    -------
    dict
        See :func:`radon_report`; NaN where no velocity is valid.
    """
    valid = velocity[~np.isnan(velocity)]
    counts = {"n_valid": len(valid), "vel_n_nan": len(velocity) - len(valid)}
    if not len(valid):
        names = ("mean_velocity", "median_velocity", "vel_min", "vel_max", "vel_std", "vel_se", "vel_cv")
        return {**counts, **dict.fromkeys(names, math.nan), "vel_n_zero": 0, "vel_n_big": 0}
    mean, std = float(valid.mean()), float(valid.std())
    return {
        **counts,
        "mean_velocity": mean,
        "median_velocity": float(np.median(valid)),
        "vel_min": float(np.min(valid)),
        "vel_max": float(np.max(valid)),
        "vel_std": std,
        "vel_se": std / math.sqrt(len(valid)),
        "vel_cv": std / mean if abs(mean) > _SMALLEST_MEAN else math.nan,
        "vel_n_zero": int((valid == 0).sum()),
        "vel_n_big": int((valid > mean + 2 * std).sum()),
    }
