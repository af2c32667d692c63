"""The shapes that values make: histograms, densities, cumulative curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kymflow_view.pooled.axes import Axis

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_MAX_BINS = 80
_MIN_BINS = 8
_MAX_CURVE = 400
_MAX_DENSITY = 4000
_DENSITY_POINTS = 128


def bin_edges(values: Floats, axis: Axis) -> Floats:
    """Return the edges of bins that suit the values on an axis (Freedman and Diaconis' rule).

    Whole numbers that are few get a bin each.
    """
    inside = values[axis.holds(values)]
    if not len(inside):
        return np.linspace(axis.low, axis.high, _MIN_BINS + 1)
    low, high = float(inside.min()), float(inside.max())
    if high - low < _MAX_BINS and bool(np.all(inside == np.round(inside))):
        return np.arange(low - 0.5, high + 1.0)
    first, third = np.percentile(inside, (25, 75))
    width = 2 * (third - first) / np.cbrt(len(inside))
    # With so few bins that none of them is wide enough for the rule, or so many that none is seen.
    count = _MAX_BINS if width <= 0 else int(np.ceil((high - low) / width))
    return np.linspace(low, high, min(max(count, _MIN_BINS), _MAX_BINS) + 1)


def histogram(values: Floats, edges: Floats) -> Floats:
    """Count the values in each bin."""
    return np.histogram(values, edges)[0].astype(np.float64)


def cumulative(values: Floats, axis: Axis) -> tuple[Floats, Floats]:
    """Return values, and which part of all is not larger; of many values, evenly spaced ones.

    What is below the axis counts, so that a curve may begin above 0 and end below 1.
    """
    ordered = np.sort(values)
    n = len(ordered)
    if not n:
        return np.empty(0), np.empty(0)
    begin = int(np.searchsorted(ordered, axis.low, "left"))
    end = int(np.searchsorted(ordered, axis.high, "right"))
    places = np.unique(np.linspace(begin, end - 1, min(end - begin, _MAX_CURVE)).astype(np.int64))
    x = np.concatenate([[axis.low], ordered[places], [axis.high]])
    return x, np.concatenate([[begin], places + 1, [end]]) / n


def density(values: Floats, axis: Axis, sample: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the density of values along the axis: a Gaussian kernel's, of matplotlib's estimate.

    Parameters
    ----------
    values : ndarray of float
        All of a group; what is outside the axis is left out.
    sample : ndarray of int
        Which of those on the axis are taken.
    """
    from matplotlib.mlab import GaussianKDE

    inside = values[axis.holds(values)][sample]
    if len(inside) < 2 or np.ptp(inside) == 0:
        # A kernel needs a width; a line shows where they are.
        return np.unique(inside), np.ones(len(np.unique(inside)))
    grid = np.linspace(inside.min(), inside.max(), _DENSITY_POINTS)
    return grid, np.asarray(GaussianKDE(inside)(grid), np.float64)


def sample_of(count: int, wanted: int) -> npt.NDArray[np.int64]:
    """Return which of so many things are taken, in order: the same ones every time."""
    if count <= wanted:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, wanted, replace=False))


def density_sample(values: Floats, axis: Axis) -> npt.NDArray[np.int64]:
    """Return which of the values on an axis a density is estimated from."""
    return sample_of(int(np.count_nonzero(axis.holds(values))), _MAX_DENSITY)
