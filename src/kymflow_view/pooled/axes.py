"""The part of an axis that is worth seeing: by quartiles, so that no single value flattens all others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# In interquartile ranges beyond the quartiles: Tukey's outer fences.
_FENCE = 3.0
# A smaller group's median may be an outlier itself.
_MIN_GROUP = 8
# A twentieth of the values on either side is rare; what is not rare is shown, unless it flattens the rest.
_RARE = 5
_FLATTENED = 10.0
_MARGIN = 0.04
# What is larger is as good as infinite: differences of such numbers are.
_LARGEST = 1e150


@dataclass(frozen=True)
class Axis:
    """From where to where an axis goes; nothing below `low` or above `high` is drawn."""

    low: float
    high: float

    def holds(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Tell for each value whether it is on the axis; NaN is not."""
        return (values >= self.low) & (values <= self.high)

    def count_outside(self, values: Floats) -> int:
        """Count the values that are not on the axis; infinite ones are, missing ones are not."""
        return int(np.count_nonzero((values < self.low) | (values > self.high)))


def robust_axis(values: Floats, groups: Iterable[Floats] = ()) -> Axis:
    """Return the axis of some values.

    It reaches three interquartile ranges beyond the quartiles, but no further than there are values; and as
    far as the middle nine tenths of the values, if that makes it no more than ten times as long. A group of
    eight or more values whose median lies beyond is shown, too.

    Parameters
    ----------
    values : ndarray of float
        All that is plotted; NaN and infinities are passed over.
    groups : iterable of ndarray of float
        The same by groups.
    """
    finite = values[np.abs(values) < _LARGEST]
    if not len(finite):
        return Axis(0.0, 1.0)
    low, high = _fences(finite)
    for group in groups:
        inside = group[np.abs(group) < _LARGEST]
        if len(inside) >= _MIN_GROUP and not low <= np.median(inside) <= high:
            one, other = _fences(inside)
            low, high = min(low, one), max(high, other)
    margin = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    return Axis(low - margin, high + margin)


def _fences(values: Floats) -> tuple[float, float]:
    first, third = np.percentile(values, (25, 75))
    begin, end = (float(value) for value in np.percentile(values, (_RARE, 100 - _RARE)))
    if first == third:
        # More than half are the same.
        first, third = begin, end
    reach = _FENCE * (third - first)
    inside = values[(values >= first - reach) & (values <= third + reach)]
    low, high = float(inside.min()), float(inside.max())
    longest = _FLATTENED * (high - low)
    return begin if 0 < low - begin <= longest else low, end if 0 < end - high <= longest else high
