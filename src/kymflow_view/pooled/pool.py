"""What a plot of pooled values shows, in numbers: groups, axes, shapes, points, and what is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from kymflow import ColumnError
from kymflow_view.pooled import shapes
from kymflow_view.pooled.axes import Axis, robust_axis
from kymflow_view.pooled.columns import Measured
from kymflow_view.pooled.groups import Average, Grouped, grouped

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int32]

Kind = Literal["histogram", "strip", "violin", "cumulative", "scatter"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_POINTS = 5000
# Of a small group beside a large one.
_MIN_POINTS = 50
_TITLES = {
    "histogram": "Histogram",
    "strip": "Strip and box plot",
    "violin": "Violin plot",
    "cumulative": "Cumulative distribution",
    "scatter": "Scatter plot",
}
_NOTHING = np.empty(0)
# Of the larger part of these steps, no two that follow each other are near: rows of points look like a band.
_GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True, eq=False)
class Group:
    """One group of values.

    Attributes
    ----------
    name : str
        What the rows have in common.
    n, missing, outside : int
        How many values there are; how many rows have none; how many are not on the axis.
    mean, median, first_quartile, third_quartile : float
        Of all values, those outside the axis included; NaN where there are none.
    whiskers : tuple of float
        The outermost values within 1.5 interquartile ranges of the quartiles.
    curve_x, curve_y : ndarray of float
        The group's shape: edges and heights of a histogram, values and their density, or values and which
        part of all is not larger.
    """

    name: str
    n: int
    missing: int = 0
    outside: int = 0
    mean: float = np.nan
    median: float = np.nan
    first_quartile: float = np.nan
    third_quartile: float = np.nan
    whiskers: tuple[float, float] = (np.nan, np.nan)
    curve_x: Floats = field(default_factory=lambda: _NOTHING)
    curve_y: Floats = field(default_factory=lambda: _NOTHING)

    @property
    def counts(self) -> str:
        """Its numbers, in words."""
        told = [f"n = {self.n:,}"]
        told += [f"{self.outside:,} outside"] if self.outside else []
        told += [f"{self.missing:,} missing"] if self.missing else []
        return ", ".join(told)


@dataclass(frozen=True, eq=False)
class Points:
    """Points to be drawn: each with its group, its place on both axes, and its image (-1: none).

    In strip plots x is the place of a point within its group, from -0.5 to 0.5.
    """

    groups: Codes
    x: Floats
    y: Floats
    images: Codes


@dataclass(frozen=True, eq=False)
class Pooled:
    """What a plot shows.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`.
    table, y_label, x_label, by : str
        What is plotted; labels have units.
    average : {"none", "image", "folder"}
        Whether each value is the mean of an image's or a folder's rows in its group.
    groups : sequence of Group
        At most 24, of the most rows.
    y_axis, x_axis : Axis
        The axes of the values; x_axis is the second column's, in scatter plots.
    points : Points
        Those that are drawn, in strip and scatter plots.
    image_ids : sequence of str
        The ids that `points` speaks of.
    left_out : int
        How many groups there are besides.
    """

    kind: Kind
    table: str
    y_label: str
    x_label: str
    by: str
    average: Average
    groups: Sequence[Group]
    y_axis: Axis
    x_axis: Axis
    points: Points
    image_ids: Sequence[str]
    left_out: int = 0

    @property
    def n(self) -> int:
        """How many values there are."""
        return sum(group.n for group in self.groups)

    @property
    def missing(self) -> int:
        """How many rows, or images or folders if these are averaged, have no value."""
        return sum(group.missing for group in self.groups)

    @property
    def outside(self) -> int:
        """How many values are not on the axes."""
        return sum(group.outside for group in self.groups)

    @property
    def shown(self) -> int:
        """How many points are drawn."""
        return len(self.points.y)

    @property
    def label(self) -> str:
        """What is plotted, in a few words."""
        what = f"{self.y_label} against {self.x_label}" if self.kind == "scatter" else self.y_label
        by = f" by {self.by}" if self.by else ""
        averaged = "" if self.average == "none" else f", one mean for each {self.average}"
        return f"{what}{by}{averaged}"

    @property
    def notes(self) -> str:
        """What the plot does not show."""
        there = self.n - self.outside
        told = [f"{self.outside:,} of {self.n:,} outside the axis"] if self.outside else []
        told += [f"{self.missing:,} missing"] if self.missing else []
        if self.kind in ("strip", "scatter") and self.shown < there:
            told.append(f"{self.shown:,} of {there:,} points shown")
        told += [f"{self.left_out:,} more groups not shown"] if self.left_out else []
        return "; ".join(told)

    @property
    def description(self) -> str:
        """The plot in words, for those who do not see it."""
        groups = [f"{one.name}: {one.counts}, median {one.median:.4g}" for one in self.groups]
        notes = f" {self.notes}." if self.notes else ""
        return f"{_TITLES[self.kind]} of {self.label}. {'; '.join(groups)}.{notes}"


def pool(
    measured: Measured, kind: Kind = "strip", *, average: Average = "none", max_points: int = MAX_POINTS
) -> Pooled:
    """Return what a plot of these columns shows.

    Parameters
    ----------
    measured : Measured
        The columns.
    kind : {"histogram", "strip", "violin", "cumulative", "scatter"}
        How they are plotted.
    average : {"none", "image", "folder"}
        Plot the mean of each image or folder in its group, instead of rows: those of one image are no
        independent samples.
    max_points : int
        Of more points, so many are drawn, the same ones every time; small groups get 50 in any case.

    Raises
    ------
    ColumnError
        A scatter plot without x, or nothing to average by.
    """
    if kind == "scatter" and measured.x is None:
        raise ColumnError(
            f"a scatter plot of {measured.y.name!r} needs another column to plot it against: x",
            table_name=measured.table,
            column=measured.y.name,
        )
    values = grouped(measured, average)
    if kind != "scatter":
        values = Grouped(values.names, values.bounds, values.y, None, values.images, values.left_out)
    parts = values.slices()
    y_axis = robust_axis(values.y, [values.y[part] for part in parts])
    x_axis = Axis(0.0, 1.0) if values.x is None else robust_axis(values.x, [values.x[part] for part in parts])
    with np.errstate(invalid="ignore", over="ignore"):
        groups = [_group(values, number, y_axis, x_axis) for number in range(len(parts))]
    return Pooled(
        kind,
        measured.table,
        measured.y.label,
        measured.x.label if measured.x is not None and kind == "scatter" else "",
        measured.by.name if measured.by is not None else "",
        average,
        _shaped(kind, values, groups, y_axis),
        y_axis,
        x_axis,
        _points(values, y_axis, x_axis, max_points if kind in ("strip", "scatter") else 0),
        measured.images.names if measured.images is not None else [],
        values.left_out,
    )


def _group(values: Grouped, number: int, y_axis: Axis, x_axis: Axis) -> Group:
    part = values.slices()[number]
    y = values.y[part]
    there = ~np.isnan(y)
    on_axes = y_axis.holds(y)
    if values.x is not None:
        there &= ~np.isnan(values.x[part])
        on_axes &= x_axis.holds(values.x[part])
    n = int(np.count_nonzero(there))
    missing, outside = len(y) - n, n - int(np.count_nonzero(on_axes & there))
    if not n:
        return Group(values.names[number], 0, missing)
    y = y[there]
    first, median, third = (float(value) for value in np.percentile(y, (25, 50, 75), method="linear"))
    reach = 1.5 * (third - first)
    near = y[(y >= first - reach) & (y <= third + reach)]
    whiskers = (float(near.min()), float(near.max())) if len(near) else (first, third)
    return Group(values.names[number], n, missing, outside, float(np.mean(y)), median, first, third, whiskers)


def _shaped(kind: Kind, values: Grouped, groups: Sequence[Group], axis: Axis) -> list[Group]:
    """Return the groups with the curves that this kind of plot has."""
    edges = shapes.bin_edges(values.y, axis) if kind == "histogram" else _NOTHING
    shaped = []
    for group, part in zip(groups, values.slices(), strict=True):
        y = values.y[part]
        y = y[~np.isnan(y)]
        curve = (_NOTHING, _NOTHING)
        if kind == "histogram":
            curve = (edges, shapes.histogram(y, edges))
        elif kind == "cumulative":
            curve = shapes.cumulative(y, axis)
        elif kind == "violin":
            curve = shapes.density(y, axis, shapes.density_sample(y, axis))
        shaped.append(Group(**{**vars(group), "curve_x": curve[0], "curve_y": curve[1]}))
    return shaped


def _points(values: Grouped, y_axis: Axis, x_axis: Axis, max_points: int) -> Points:
    """Return the points that are drawn; of each group its part, and the outermost in any case."""
    on_axes = y_axis.holds(values.y)
    if values.x is not None:
        on_axes &= x_axis.holds(values.x)
    total = int(np.count_nonzero(on_axes))
    chosen = []
    for number, part in enumerate(values.slices()):
        places = np.flatnonzero(on_axes[part]) + part.start
        wanted = max(_MIN_POINTS, max_points * len(places) // max(total, 1)) if max_points else 0
        if wanted and len(places):
            # In the order of values: the first and the last one stay.
            ordered = places[np.argsort(values.y[places], kind="stable")]
            inner = ordered[1:-1][shapes.sample_of(max(len(ordered) - 2, 0), wanted - 2)]
            ends = ordered[[0, -1]] if len(ordered) > 1 else ordered
            taken = np.concatenate([ends[:1], inner, ends[1:]])
            chosen.append((np.full(len(taken), number, np.int32), taken))
    groups = np.concatenate([number for number, _ in chosen]) if chosen else np.empty(0, np.int32)
    places = np.concatenate([taken for _, taken in chosen]) if chosen else np.empty(0, np.int64)
    x = values.x[places] if values.x is not None else np.arange(1, len(places) + 1) * _GOLDEN % 1.0 - 0.5
    return Points(groups, x, values.y[places], values.images[places])
