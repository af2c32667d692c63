"""The radon report of one acquisition: a row of velocity statistics per ROI."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kymflow.core.ingest.analysis import Acquisition, Roi

if TYPE_CHECKING:
    import numpy.typing as npt

# Below this a coefficient of variation says nothing.
_SMALLEST_MEAN = 1e-10
_COLUMNS = (
    *("roi_id", "channel", "mean_velocity", "median_velocity", "n_valid", "notes"),
    *("vel_min", "vel_max", "vel_std", "vel_se", "vel_cv", "vel_n_nan", "vel_n_zero", "vel_n_big"),
    *("img_min", "img_max", "img_mean", "img_std", "accepted", "treatment", "condition", "date"),
)


def radon_report(acquisition: Acquisition) -> pd.DataFrame | None:
    """Return the report, a row per analysed ROI in ROI order; None without a velocity trace.

    Returns
    -------
    DataFrame or None
        roi_id, channel (int); mean_velocity, median_velocity, vel_min, vel_max, vel_std, vel_se
        (mm/s) and vel_cv of the velocities that are not NaN; n_valid, vel_n_nan, vel_n_zero,
        vel_n_big (counts); img_* (grey values, missing where not stored); accepted (bool);
        notes, treatment, condition, date (str; empty text in the last three means missing).

    Notes
    -----
    As the desktop program's KymImageList defines them: standard deviation with ddof 0,
    ``vel_se = vel_std / sqrt(n_valid)``, ``vel_cv = vel_std / mean_velocity`` unless
    ``abs(mean_velocity) <= 1e-10``, ``vel_n_big`` counts velocities above mean + 2 std. An ROI's
    channel is that of its first analysis.
    """
    trace = acquisition.trace
    if trace is None:
        return None
    experiment = acquisition.experiment
    rows = []
    for roi in _rois(acquisition):
        channel = _channel(acquisition, roi.roi_id, trace)
        if channel is None:
            continue
        chosen = (trace["roi_id"] == roi.roi_id) & (trace["channel"] == channel)
        rows.append(
            {
                "roi_id": roi.roi_id,
                "channel": channel,
                "notes": "",
                **velocity_statistics(trace.loc[chosen, "velocity"].to_numpy()),
                **roi.image_statistics,
                "accepted": acquisition.accepted,
                **{name: experiment.get(name) or None for name in ("treatment", "condition", "date")},
            }
        )
    return pd.DataFrame({name: [row.get(name) for row in rows] for name in _COLUMNS})


def _rois(acquisition: Acquisition) -> list[Roi]:
    if acquisition.rois is not None:
        return list(acquisition.rois)
    analysed = dict.fromkeys(analysis.roi_id for analysis in acquisition.analyses)
    return [Roi(roi_id) for roi_id in analysed]


def _channel(acquisition: Acquisition, roi_id: int, trace: pd.DataFrame) -> int | None:
    for analysis in acquisition.analyses:
        if analysis.roi_id == roi_id and analysis.channel is not None:
            return analysis.channel
    # Older files do not tell the channel of an analysis; the trace does.
    channels = trace.loc[trace["roi_id"] == roi_id, "channel"]
    return int(channels.iloc[0]) if len(channels) else None


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
