"""Values by group; on demand one for each image or folder, as rows of one are no independent samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from kymflow import ColumnError
from kymflow_view.pooled.columns import Categories, Measured

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int32]

Average = Literal["none", "image", "folder"]
AVERAGES: tuple[Average, ...] = get_args(Average)
EVERYTHING = "all"
_FEW_KEYS = 1_000_000
# More names than these no axis and no legend has room for.
MAX_GROUPS = 24


@dataclass(frozen=True, eq=False)
class Grouped:
    """Values in the order of their groups.

    Attributes
    ----------
    names : sequence of str
        The groups that are shown.
    bounds : ndarray of int
        Where each group begins, and where the last one ends.
    y, x : ndarray of float
        The values; x is None unless there is one.
    images : ndarray of int
        The place of the image of each value among the ids; -1 where it is of none, or of several.
    left_out : int
        How many groups are not shown, as there are too many; the smallest are left out.
    """

    names: Sequence[str]
    bounds: Sequence[int]
    y: Floats
    x: Floats | None
    images: Codes
    left_out: int = 0

    def slices(self) -> list[slice]:
        """Return where each group's values are."""
        return [slice(begin, end) for begin, end in zip(self.bounds[:-1], self.bounds[1:], strict=True)]


def grouped(measured: Measured, average: Average) -> Grouped:
    """Sort values by their groups; or the means of each image or folder within its group.

    Raises
    ------
    ColumnError
        Nothing tells of which image or folder the rows are.
    """
    y, x = measured.y.values, None if measured.x is None else measured.x.values
    groups = _with_missing(measured.by, len(y))
    codes = groups.codes
    images = np.full(len(y), -1, np.int32) if measured.images is None else measured.images.codes
    if average != "none":
        units = _units(measured, average)
        cells, codes, first = _cells(codes, units.codes)
        y, x = _means(y, cells, len(codes)), None if x is None else _means(x, cells, len(codes))
        images = images[first] if average == "image" else np.full(len(codes), -1, np.int32)
    return _sorted(groups.names, codes, y, x, images)


def _with_missing(by: Categories | None, n_rows: int) -> Categories:
    """Return groups to which every row belongs."""
    if by is None:
        return Categories("", np.zeros(n_rows, np.int32), [EVERYTHING])
    names = [*by.names, f"(no {by.name})"]
    return Categories(by.name, np.where(by.codes < 0, np.int32(len(names) - 1), by.codes), names)


def _units(measured: Measured, average: Average) -> Categories:
    units = measured.images if average == "image" else measured.folders
    if units is None:
        what = "column 'image_id'" if average == "image" else "column 'rel_path' in table 'images'"
        raise ColumnError(
            f"values of table {measured.table!r} cannot be averaged by {average}: there is no {what}",
            table_name=measured.table,
            column="image_id" if average == "image" else "rel_path",
        )
    return units


def _cells(codes: Codes, units: Codes) -> tuple[npt.NDArray[np.int64], Codes, npt.NDArray[np.int64]]:
    """Return the mean that each row goes into (-1: none), and of each mean its group and a row of it."""
    known = np.flatnonzero(units >= 0)
    n_units = int(units.max(initial=-1)) + 1
    keys = codes[known].astype(np.int64) * n_units + units[known]
    n_keys = int(keys.max(initial=-1)) + 1
    if n_keys <= max(len(keys), _FEW_KEYS):
        # Counting takes half of the memory that sorting does, and less time.
        found = np.flatnonzero(np.bincount(keys, minlength=n_keys))
        place_of = np.zeros(n_keys, np.int32)
        place_of[found] = np.arange(len(found))
        places = place_of[keys]
        first = np.empty(len(found), np.int64)
        # Of values that are assigned to one place, the last one stays.
        first[places[::-1]] = np.arange(len(keys) - 1, -1, -1)
    else:
        found, first, places = np.unique(keys, return_index=True, return_inverse=True)
    cells = np.full(len(codes), -1, np.int64)
    cells[known] = places
    return cells, (found // max(n_units, 1)).astype(np.int32), known[first]


def _means(values: Floats, cells: npt.NDArray[np.int64], n_cells: int) -> Floats:
    """Return the mean of each cell's values that are not missing; NaN where all are."""
    there = (cells >= 0) & ~np.isnan(values)
    counts = np.bincount(cells[there], minlength=n_cells)
    # The sum of two infinities may be none; that is then missing.
    with np.errstate(invalid="ignore", over="ignore"):
        sums = np.bincount(cells[there], weights=values[there], minlength=n_cells)
        means: Floats = np.divide(sums, counts, out=np.full(n_cells, np.nan), where=counts > 0)
    return means


def _sorted(names: Sequence[str], codes: Codes, y: Floats, x: Floats | None, images: Codes) -> Grouped:
    counts = np.bincount(codes, minlength=len(names))
    there = np.flatnonzero(counts)
    # The most frequent ones, in their own order.
    chosen = np.sort(there[np.argsort(-counts[there], kind="stable")[:MAX_GROUPS]])
    new = np.full(len(names), len(chosen), np.int16)
    new[chosen] = np.arange(len(chosen))
    ranks = new[codes]
    # numpy sorts integers of 16 bits in linear time.
    order = np.argsort(ranks, kind="stable")[: int(counts[chosen].sum())]
    bounds = np.concatenate([[0], np.cumsum(counts[chosen])])
    return Grouped(
        [names[place] for place in chosen],
        bounds.tolist(),
        y[order],
        None if x is None else x[order],
        images[order],
        len(there) - len(chosen),
    )
