"""Figures of pooled values: histogram, strip and box, violin, cumulative, scatter."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kymflow_view.figures.base import PX_PER_INCH, ViewFigure
from kymflow_view.figures.style import DASHES, MARKERS, PALETTE, Theme, colour, drawable
from kymflow_view.pooled import Group, Pooled

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# More points make a vector file large.
_MAX_VECTOR_POINTS = 300
_STRIP_WIDTH = 0.7
_PX_PER_LETTER = 6.0
# A title's letters are larger; beside it are the labels of the axis, and a legend with its marks.
_PX_PER_TITLE_LETTER = 7.2
_PX_LEFT_OF_AXES = 60
_LEGEND_LETTERS = 8
# Letters that "12 missing" takes.
_MIN_ROOM = 10
# With more groups, only their names and n have room.
_MAX_TWO_LINES = 10


class PlotFigure(ViewFigure):
    """A figure of pooled values, which knows where its points are.

    Attributes
    ----------
    pooled : Pooled
        What it shows.
    axes_of_points : matplotlib.axes.Axes
        The axes that they are drawn in.
    """

    pooled: Pooled
    axes_of_points: Any

    def points_px(self) -> tuple[Floats, Floats]:
        """Return where the points of ``pooled.points`` are, in CSS pixels from the left and from the top."""
        x, y = _places(self.pooled)
        if not len(y):
            return np.empty(0), np.empty(0)
        there = self.axes_of_points.transData.transform(np.column_stack([x, y]))
        ratio = self.dpi / PX_PER_INCH
        return there[:, 0] / ratio, (self.bbox.height - there[:, 1]) / ratio


def plot_figure(
    pooled: Pooled, *, width: float = 640, height: float = 420, ratio: float = 1.0, theme: Theme = "light"
) -> PlotFigure:
    """Draw pooled values.

    Parameters
    ----------
    pooled : Pooled
        As :func:`kymflow_view.pooled.pool` gives them.
    width, height : float
        Of the figure, in CSS pixels.
    ratio : float
        Pixels of the screen for each of them.
    theme : {"light", "dark"}
        Its colours.
    """
    figure = PlotFigure(width, height, ratio=ratio, theme=theme, layout="constrained")
    axes = figure.add_subplot()
    figure.pooled, figure.axes_of_points = pooled, axes
    figure.style_axes(axes)
    axes.grid(axis="y", color=figure.colours.grid, linewidth=0.6)
    if pooled.n:
        _DRAW[pooled.kind](figure, axes, pooled)
    else:
        axes.annotate(
            "no values", (0.5, 0.5), xycoords="axes fraction", ha="center", color=figure.colours.faint
        )
        axes.set(xticks=[], yticks=[])
    title = "\n".join(textwrap.wrap(drawable(pooled.label, 160), _letters_of_title(figure, width)))
    axes.set_title(title, loc="left", color=figure.colours.ink, fontsize=10)
    if pooled.notes:
        notes = "\n".join(textwrap.wrap(pooled.notes, int(width / _PX_PER_LETTER)))
        figure.supxlabel(notes, x=0.01, ha="left", fontsize=8, color=figure.colours.faint)
    figure.settle()
    return figure


def _letters_of_title(figure: PlotFigure, width: float) -> int:
    """Return how many letters have room above the axes, beside a legend."""
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    letters = max((len(line) for text in texts for line in text.split("\n")), default=-_LEGEND_LETTERS)
    beside = (letters + _LEGEND_LETTERS) * _PX_PER_LETTER
    return max(20, int((width - _PX_LEFT_OF_AXES - beside) / _PX_PER_TITLE_LETTER))


def _places(pooled: Pooled) -> tuple[Floats, Floats]:
    """Return the points in the units of the axes."""
    points = pooled.points
    x = points.groups + 1.0 + points.x * _STRIP_WIDTH if pooled.kind == "strip" else points.x
    return x, points.y


def _draw_points(axes: Any, pooled: Pooled, colours: Callable[[int], str]) -> None:
    x, y = _places(pooled)
    size, alpha = (14, 0.85) if len(y) < 200 else (9, 0.75) if len(y) < 1500 else (5, 0.65)
    for number, group in enumerate(pooled.groups):
        chosen = pooled.points.groups == number
        axes.scatter(
            x[chosen],
            y[chosen],
            s=size,
            color=colours(number),
            marker=MARKERS[number // len(PALETTE) % len(MARKERS)] if pooled.kind == "scatter" else "o",
            alpha=alpha,
            linewidths=0,
            rasterized=len(y) > _MAX_VECTOR_POINTS,
            label=_legend(group, pooled),
        )


def _draw_strip(figure: PlotFigure, axes: Any, pooled: Pooled) -> None:
    _draw_points(axes, pooled, colour)
    ink = {"color": figure.colours.ink, "linewidth": 1.0}
    boxes: list[dict[str, Any]] = [
        dict(
            med=group.median,
            mean=group.mean,
            q1=group.first_quartile,
            q3=group.third_quartile,
            whislo=group.whiskers[0],
            whishi=group.whiskers[1],
        )
        for group in pooled.groups
    ]
    mean = {"marker": "D", "markersize": 5, "markerfacecolor": figure.colours.paper}
    axes.bxp(
        boxes,
        positions=np.arange(len(boxes)) + 1.0,
        widths=_STRIP_WIDTH * 0.6,
        showfliers=False,
        showmeans=True,
        boxprops=ink,
        whiskerprops=ink,
        capprops=ink,
        medianprops={**ink, "linewidth": 2.0},
        meanprops={**mean, "markeredgecolor": figure.colours.ink},
        manage_ticks=False,
        zorder=3,
    )
    _finish_groups(figure, axes, pooled)


def _draw_violin(figure: PlotFigure, axes: Any, pooled: Pooled) -> None:
    for number, group in enumerate(pooled.groups):
        place = number + 1.0
        if len(group.curve_x) > 1:
            stats: dict[str, Any] = {"coords": group.curve_x, "vals": group.curve_y}
            stats |= {"mean": group.mean, "median": group.median, "min": 0.0, "max": 0.0}
            drawn = axes.violin([stats], positions=[place], widths=0.8, showextrema=False)
            for body in drawn["bodies"]:
                body.set(facecolor=colour(number), edgecolor=colour(number), alpha=0.6)
        axes.hlines(
            group.curve_x if len(group.curve_x) == 1 else [], place - 0.3, place + 0.3, colour(number)
        )
        axes.vlines(place, group.first_quartile, group.third_quartile, figure.colours.ink, linewidth=4)
        axes.plot(
            place,
            group.median,
            "o",
            color=figure.colours.paper,
            markeredgecolor=figure.colours.ink,
            markersize=5,
            zorder=4,
        )
    _finish_groups(figure, axes, pooled)


def _finish_groups(figure: PlotFigure, axes: Any, pooled: Pooled) -> None:
    """Name the groups below their places, with their numbers."""
    count = len(pooled.groups)
    axes.set(xlim=(0.4, count + 0.6), ylim=(pooled.y_axis.low, pooled.y_axis.high))
    axes.set_ylabel(drawable(pooled.y_label))
    room = int(figure.get_figwidth() * PX_PER_INCH * 0.85 / count / _PX_PER_LETTER)
    places = np.arange(count) + 1.0
    if room >= _MIN_ROOM:
        axes.set_xticks(places, [_in_lines(group, min(room, 30)) for group in pooled.groups])
    else:
        labels = [f"{drawable(group.name, 20)}, n = {group.n:,}" for group in pooled.groups]
        axes.set_xticks(places, labels, rotation=40, ha="right", rotation_mode="anchor")
    if pooled.by:
        axes.set_xlabel(drawable(pooled.by))


def _in_lines(group: Group, room: int) -> str:
    """Return a group's name and its numbers below each other, in lines of so many letters."""
    name = textwrap.wrap(drawable(group.name, 3 * room - 3), room)
    return "\n".join([*name, *group.counts.split(", ")])


def _draw_histogram(figure: PlotFigure, axes: Any, pooled: Pooled) -> None:
    alone = len(pooled.groups) == 1
    for number, group in enumerate(pooled.groups):
        heights = group.curve_y if alone else 100 * group.curve_y / max(group.n, 1)
        axes.stairs(
            heights,
            group.curve_x,
            color=colour(number),
            linewidth=1.6,
            linestyle=DASHES[number // len(PALETTE) % len(DASHES)],
            label=_legend(group, pooled),
        )
        axes.stairs(heights, group.curve_x, color=colour(number), fill=True, alpha=0.5 if alone else 0.12)
    axes.set_ylim(bottom=0)
    # Bins of whole numbers begin before the first one, and end after the last one.
    edges = pooled.groups[0].curve_x
    axes.set(xlim=(min(pooled.y_axis.low, edges[0]), max(pooled.y_axis.high, edges[-1])))
    axes.set(xlabel=drawable(pooled.y_label), ylabel="values" if alone else "% of the group")
    _add_legend(figure, pooled)


def _draw_cumulative(figure: PlotFigure, axes: Any, pooled: Pooled) -> None:
    for number, group in enumerate(pooled.groups):
        axes.step(
            group.curve_x,
            100 * group.curve_y,
            where="post",
            color=colour(number),
            linewidth=1.6,
            linestyle=DASHES[number // len(PALETTE) % len(DASHES)],
            label=_legend(group, pooled),
        )
    axes.set(xlim=(pooled.y_axis.low, pooled.y_axis.high), ylim=(0, 101))
    axes.set(xlabel=drawable(pooled.y_label), ylabel="% that is not larger")
    _add_legend(figure, pooled)


def _draw_scatter(figure: PlotFigure, axes: Any, pooled: Pooled) -> None:
    _draw_points(axes, pooled, colour)
    axes.grid(axis="x", color=figure.colours.grid, linewidth=0.6)
    axes.set(xlim=(pooled.x_axis.low, pooled.x_axis.high), ylim=(pooled.y_axis.low, pooled.y_axis.high))
    axes.set(xlabel=drawable(pooled.x_label), ylabel=drawable(pooled.y_label))
    _add_legend(figure, pooled)


def _legend(group: Group, pooled: Pooled) -> str:
    # matplotlib leaves out what begins with an underscore.
    name = f"\N{ZERO WIDTH SPACE}{drawable(group.name, 24)}"
    if len(pooled.groups) > _MAX_TWO_LINES:
        return f"{name}, n = {group.n:,}"
    return f"{name}\n{group.counts}"


def _add_legend(figure: PlotFigure, pooled: Pooled) -> None:
    if len(pooled.groups) == 1 and not pooled.by:
        return
    handles, labels = figure.axes_of_points.get_legend_handles_labels()
    legend = figure.legend(
        handles,
        labels,
        loc="outside right upper",
        title=drawable(pooled.by, 30),
        fontsize=8,
        title_fontsize=9,
        frameon=False,
        labelcolor=figure.colours.ink,
        alignment="left",
        markerscale=2.0,
    )
    legend.get_title().set_color(figure.colours.ink)


_DRAW: dict[str, Callable[[PlotFigure, Any, Pooled], None]] = {
    "cumulative": _draw_cumulative,
    "histogram": _draw_histogram,
    "scatter": _draw_scatter,
    "strip": _draw_strip,
    "violin": _draw_violin,
}
