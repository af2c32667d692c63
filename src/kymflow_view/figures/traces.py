"""The velocity traces of a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kymflow_view.figures.base import PX_PER_INCH, ViewFigure
from kymflow_view.figures.content import Content
from kymflow_view.figures.style import colour, drawable
from kymflow_view.pictures.reduce import reduce_trace
from kymflow_view.pooled import Axis, robust_axis
from kymflow_view.units import shown_unit

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_MAX_LEGEND = 6


def draw_traces(made: ViewFigure, axes: Any, content: Content, margin: float) -> list[str]:
    """Draw the traces of all ROIs, named in the corner; return what there is to say of them."""
    axes.grid(axis="y", color=made.colours.grid, linewidth=0.6)
    trace, width = content.trace, made.get_figwidth() * PX_PER_INCH
    velocity = trace["velocity"].to_numpy(np.float64)
    axis = _with_zero(robust_axis(velocity))
    if content.one_axis:
        end = content.duration
    else:
        times = [trace["time"].max(), content.events["t0_s"].max(), content.events["t1_s"].max()]
        end = float(np.nanmax([*times, 1e-9]))
        axes.set_xlim(0, end)
    order: dict[Any, int] = {roi.roi_id: number for number, roi in enumerate(content.rois)}
    for number, ((roi_id, channel), rows) in enumerate(trace.groupby(["roi_id", "channel"], dropna=False)):
        its = colour(order.get(roi_id, len(order) + number))
        name = f"ROI {roi_id}" + (f", channel {channel}" if trace["channel"].nunique() > 1 else "")
        values = rows["velocity"].to_numpy(np.float64)
        _draw_trace(axes, rows["time"].to_numpy(np.float64), values, end, axis, its, name)
    unit = str(trace["velocity_unit"].iloc[0]) if len(trace) else "mm/s"
    axes.set(ylim=(axis.low, axis.high), ylabel=f"velocity ({drawable(shown_unit(unit))})")
    if not len(trace):
        axes.set(ylim=(0, 1), yticks=[], ylabel="no velocities")
    elif 1 < len(axes.get_legend_handles_labels()[1]) <= _MAX_LEGEND:
        made.legend(
            *axes.get_legend_handles_labels(),
            loc="upper right",
            bbox_to_anchor=(1 - margin / width, 1 - 2 / (made.get_figheight() * PX_PER_INCH)),
            borderaxespad=0,
            fontsize=8,
            ncols=_MAX_LEGEND,
            labelcolor=made.colours.ink,
            frameon=False,
            handlelength=1.2,
            columnspacing=1.2,
        )
    outside = axis.count_outside(velocity)
    return [f"{outside:,} of {np.count_nonzero(~np.isnan(velocity)):,} velocities outside the axis"] * (
        outside > 0
    )


def _with_zero(axis: Axis) -> Axis:
    """Let the axis reach to where nothing flows, if that is not far."""
    reach = axis.high - axis.low
    return Axis(
        min(axis.low, -0.04 * reach) if axis.low < reach else axis.low,
        max(axis.high, 0.04 * reach) if axis.high > -reach else axis.high,
    )


def _draw_trace(axes: Any, time: Floats, values: Floats, end: float, axis: Axis, its: str, name: str) -> None:
    """Draw a trace as a line: of many samples, the range of each column of two pixels."""
    # What ends with the image is in it.
    columns = reduce_trace(time, values, 0.0, np.nextafter(end, np.inf), int(axes.bbox.width / 2))
    # Far outside is as good as just outside, and no renderer has to reach there.
    span = axis.high - axis.low
    low, high = (np.clip(one, axis.low - span, axis.high + span) for one in (columns.low, columns.high))
    if columns.raw:
        axes.plot(columns.x, low, color=its, linewidth=0.9, label=name)
    else:
        values = np.column_stack([low, high]).ravel()
        axes.plot(np.repeat(columns.x, 2), values, color=its, linewidth=0.9, label=name)
    # A value between two gaps makes no line.
    there = np.pad(~np.isnan(low), 1)
    alone = there[1:-1] & ~there[:-2] & ~there[2:]
    axes.plot(columns.x[alone], high[alone], ".", color=its, markersize=3)
