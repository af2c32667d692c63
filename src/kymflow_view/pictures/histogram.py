"""How often each value occurs among raw pixels, and the percentiles that contrast begins with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kymflow_view.pictures.drawing import ReadLines
from kymflow_view.pictures.levels import Grid

_BINS = 256
_SEED = 14
# Of larger ranges, whole pieces by lot are counted, of about so many bytes together.
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Histogram:
    """Pixels of a range of lines as stored, never reduced ones.

    Attributes
    ----------
    low, high : float or None
        Least and greatest value; None where there is no finite one.
    p1, p99 : float or None
        Percentiles.
    edges, counts : list
        Bins of equal width, whole numbers wide where pixels are uint8, uint16 or bool.
    n, not_finite : int
        How many pixels were counted, and how many were left out, as they are NaN or infinite.
    lines, of : int
        How many lines were counted, of how many; fewer where they are a sample.
    seed : int or None
        What the lot of the sample was begun with; None where all lines were counted.
    """

    low: float | None
    high: float | None
    p1: float | None
    p99: float | None
    edges: list[float]
    counts: list[int]
    n: int
    not_finite: int
    lines: int
    of: int
    seed: int | None


def count(grid: Grid, read: ReadLines, dtype: np.dtype[Any], start: int, stop: int) -> Histogram:
    """Return the histogram of lines `start` to `stop`; of long ranges, of a sample that stays the same."""
    pieces = list(grid.pieces(start, stop))
    affordable = max(1, _MOST_BYTES // max(1, grid.piece * grid.pixels * dtype.itemsize))
    seed = _SEED if len(pieces) > affordable else None
    if seed is not None:
        pieces = sorted(np.random.default_rng(seed).choice(pieces, affordable, replace=False).tolist())
    parts = [(max(begin, start), min(end, stop)) for begin, end in map(grid.bounds, pieces)]
    lines = sum(end - begin for begin, end in parts)
    values = (read(*part).ravel() for part in parts)
    # What pictures are of in uint16 has few values, and each is counted.
    counted = _of_few_values(values) if grid.dtype.kind == "u" else _of_any_values(values)
    return Histogram(
        **counted, not_finite=lines * grid.pixels - counted["n"], lines=lines, of=stop - start, seed=seed
    )


def _of_few_values(parts: Iterable[npt.NDArray[Any]]) -> dict[str, Any]:
    totals = np.zeros(2**16, np.int64)
    for values in parts:
        totals += np.bincount(values, minlength=len(totals))
    there = np.flatnonzero(totals)
    low, high = int(there[0]), int(there[-1])
    width = -(-(high - low + 1) // _BINS)
    starts = np.arange(low, high + 1, width)
    up_to = np.cumsum(totals)
    n = int(up_to[-1])
    p1, p99 = (_ranked(up_to, share * (n - 1)) for share in (0.01, 0.99))
    return {
        **{"low": low, "high": high, "p1": p1, "p99": p99, "n": n},
        "edges": [*starts.tolist(), int(starts[-1]) + width],
        "counts": np.add.reduceat(totals[: high + 1], starts).tolist(),
    }


def _ranked(up_to: npt.NDArray[np.int64], rank: float) -> float:
    """Return the value of a rank, between two of them by its fraction, as numpy's percentiles are."""
    below, above = np.searchsorted(up_to, [math.floor(rank), math.ceil(rank)], "right")
    return float(below + (above - below) * (rank - math.floor(rank)))


def _of_any_values(parts: Iterable[npt.NDArray[Any]]) -> dict[str, Any]:
    # Beyond the range of float32 they are infinite in pictures, too.
    most = np.finfo(np.float32).max
    kept = [values[np.abs(values.astype(np.float64)) <= most] for values in parts]
    values = np.concatenate(kept).astype(np.float64, copy=False)
    if not len(values):
        return {"low": None, "high": None, "p1": None, "p99": None, "edges": [], "counts": [], "n": 0}
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high, _BINS + 1)
    if (np.diff(edges) > 0).all():
        # Faster by its number, and with the same edges.
        counts, edges = np.histogram(values, _BINS)
    else:
        # The values lie so close together that float64 has no 257 edges between them.
        counts, edges = np.histogram(values, np.unique([*edges, np.nextafter(high, np.inf)]))
    p1, p99 = np.percentile(values, [1, 99]).tolist()
    return {
        **{"low": low, "high": high, "p1": p1, "p99": p99, "n": len(values)},
        "edges": edges.tolist(),
        "counts": counts.tolist(),
    }
