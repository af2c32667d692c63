"""Lines of an image, or samples of a trace, as columns of a picture: minimum, maximum, mean of each."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """What the lines of each column have at each pixel; arrays of columns x pixels.

    Attributes
    ----------
    low, high : ndarray
        Least and greatest value, of the dtype of the lines. NaN only where all values are NaN.
    total : ndarray
        Sum of the values that are not NaN: whole numbers of whole numbers, otherwise float64.
    count : ndarray
        How many values that are, or of each column alone (columns x 1) where none can be NaN.
    """

    low: Array
    high: Array
    total: Array
    count: Array

    @property
    def mean(self) -> Array:
        """Mean of the values that are not NaN, as float64; NaN where there are none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.true_divide(self.total, self.count)


@dataclass(frozen=True)
class ReducedTrace:
    """A trace as columns: at most one value of each array per column.

    Attributes
    ----------
    x : ndarray
        Where each is: the middle of its column, or the x of the sample itself where `raw`.
    low, high : ndarray
        Least and greatest sample of the column; NaN (a gap) where it has only NaN. Columns without any
        sample are left out.
    raw : bool
        Whether these are the samples themselves, as there are not more of them than columns.
    n : int
        How many samples they stand for.
    """

    x: Array
    low: Array
    high: Array
    raw: bool
    n: int


def column_edges(start: int, stop: int, columns: int) -> npt.NDArray[np.int64]:
    """Return where columns begin, and where the last one ends, if `start` to `stop` is cut evenly.

    There are never more columns than lines: each has a line at least, and each line is in one column.
    """
    columns = max(1, min(columns, stop - start))
    return start + np.arange(columns + 1, dtype=np.int64) * (stop - start) // columns


def reduce_lines(lines: Array, edges: npt.ArrayLike) -> Columns:
    """Return columns of an image: lines ``edges[i]`` to ``edges[i + 1]`` are column i.

    Parameters
    ----------
    lines : ndarray
        Lines x pixels, numbers or booleans, not complex.
    edges : array_like of int
        As of :func:`column_edges`; strictly rising.

    Examples
    --------
    >>> import numpy as np
    >>> flash = np.zeros((100, 1), "uint16")
    >>> flash[41] = 7
    >>> columns = reduce_lines(flash, column_edges(0, 100, 4))
    >>> columns.high.ravel().tolist(), columns.mean.ravel().tolist()
    ([0, 7, 0, 0], [0.0, 0.28, 0.0, 0.0])
    """
    edges = np.asarray(edges, dtype=np.int64)
    shape = (len(edges) - 1, lines.shape[1])
    low, high = np.empty(shape, lines.dtype), np.empty(shape, lines.dtype)
    total = np.empty(shape, _total_dtype(lines.dtype))
    with_nan = lines.dtype.kind == "f"
    count = np.empty(shape, np.int64) if with_nan else np.diff(edges)[:, np.newaxis]
    # Column by column: numpy's reduceat takes five times as long.
    least, greatest = (np.fmin, np.fmax) if with_nan else (np.minimum, np.maximum)
    with np.errstate(invalid="ignore", over="ignore"):
        for i, (start, stop) in enumerate(itertools.pairwise(edges)):
            part = lines[start:stop]
            least.reduce(part, axis=0, out=low[i])
            greatest.reduce(part, axis=0, out=high[i])
            if with_nan:
                there = ~np.isnan(part)
                np.sum(there, axis=0, out=count[i])
                np.sum(part, axis=0, dtype=np.float64, where=there, out=total[i])
            else:
                np.sum(part, axis=0, dtype=total.dtype, out=total[i])
    return Columns(low, high, total, count)


def merge_columns(columns: Columns, edges: npt.ArrayLike) -> Columns:
    """Return wider columns: those from ``edges[i]`` to ``edges[i + 1]`` are the new column i."""
    edges = np.asarray(edges, dtype=np.int64)
    starts, stop = edges[:-1], edges[-1]
    with_nan = columns.low.dtype.kind == "f"
    least, greatest = (np.fmin, np.fmax) if with_nan else (np.minimum, np.maximum)
    with np.errstate(invalid="ignore", over="ignore"):
        return Columns(
            least.reduceat(columns.low[:stop], starts, axis=0),
            greatest.reduceat(columns.high[:stop], starts, axis=0),
            np.add.reduceat(columns.total[:stop], starts, axis=0, dtype=_total_dtype(columns.low.dtype)),
            np.add.reduceat(columns.count[:stop], starts, axis=0, dtype=np.int64),
        )


def reduce_trace(x: npt.ArrayLike, y: npt.ArrayLike, start: float, stop: float, columns: int) -> ReducedTrace:
    """Return the samples of a trace that are from `start` up to, not at, `stop`, as columns of equal width.

    Each sample is in exactly one column, so that a spike of one sample stays in sight at every zoom. In what
    order the samples come does not matter.

    Parameters
    ----------
    x, y : array_like of float
        The samples; one whose x is NaN is nowhere.
    start, stop : float
        The range of x, rising.
    columns : int
        How many columns there are at most.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.ones(1_000)
    >>> y[123] = 50
    >>> trace = reduce_trace(np.arange(1_000), y, 0, 1_000, 10)
    >>> trace.high.tolist()
    [1.0, 50.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    inside = (xs >= start) & (xs < stop)
    if not inside.all():
        xs, ys = xs[inside], ys[inside]
    if (xs[1:] < xs[:-1]).any():
        order = np.argsort(xs, kind="stable")
        xs, ys = xs[order], ys[order]
    if len(xs) <= columns:
        return ReducedTrace(xs, ys, ys, True, len(xs))
    width = (stop - start) / columns
    # Rounding may put the last sample one column too far.
    column = np.minimum(((xs - start) / width).astype(np.int64), columns - 1)
    firsts = np.flatnonzero(np.diff(column, prepend=-1))
    middles = start + (column[firsts] + 0.5) * width
    low, high = np.fmin.reduceat(ys, firsts), np.fmax.reduceat(ys, firsts)
    return ReducedTrace(middles, low, high, False, len(xs))


def _total_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "f":
        return np.dtype(np.float64)
    return np.dtype(np.int64 if dtype.kind == "i" else np.uint64)
