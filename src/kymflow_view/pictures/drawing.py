"""The columns of a picture, from levels where columns are wide, and from lines where they are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kymflow_view.pictures.levels import BLOCKS, Edges, Grid
from kymflow_view.pictures.reduce import Columns, column_edges, merge_columns

# Lines from .. to, as stored.
ReadLines = Callable[[int, int], npt.NDArray[Any]]
# The blocks of one piece, of so many lines each; None while they are not known.
Blocks = Callable[[int, int], Columns | None]


def block_for(start: int, stop: int, columns: int) -> int:
    """Return how many lines the blocks have of which so wide columns are made: 1, 64 or 1,024."""
    return max((block for block in BLOCKS if (stop - start) // columns >= block), default=1)


def draw(
    grid: Grid, read: ReadLines, blocks: Blocks, start: int, stop: int, columns: int
) -> tuple[Columns, bool]:
    """Return lines `start` to `stop` as columns, and whether all of these lines are in them.

    Each line is in exactly one column. Where columns are made of blocks, they begin at most half a block,
    and so half a column, away from where equal ones would.
    """
    edges = column_edges(start, stop, columns)
    block = block_for(start, stop, len(edges) - 1)
    if block == 1:
        canvas = _Canvas(edges, grid)
        canvas.add_lines(read, start, stop)
        return canvas.columns(), True
    edges[1:-1] = grid.snap(edges[1:-1], block)
    canvas = _Canvas(edges, grid)
    # Blocks that are in the range by a part only are read line by line.
    first, last = grid.next_edge(start, block), grid.last_edge(stop, block)
    canvas.add_lines(read, start, first)
    canvas.add_lines(read, last, stop)
    complete = canvas.add_blocks(blocks, block, first, last)
    return canvas.columns(), complete


class _Canvas:
    """Columns, filled by what becomes known of their lines."""

    def __init__(self, edges: Edges, grid: Grid) -> None:
        self._edges, self._grid = edges, grid
        whole = grid.dtype.kind == "u"
        shape = (len(edges) - 1, grid.width)
        self._low, self._high = np.zeros(shape, grid.dtype), np.zeros(shape, grid.dtype)
        self._total = np.zeros(shape, np.uint64 if whole else np.float64)
        alike = whole and grid.width == grid.pixels
        self._count = np.zeros((shape[0], 1) if alike else shape, np.int64)
        self._known = np.zeros(shape[0], np.bool_)
        self._least: Any = np.minimum if whole else np.fmin
        self._greatest: Any = np.maximum if whole else np.fmax

    def add_lines(self, read: ReadLines, start: int, stop: int) -> None:
        """Take in lines, a piece at a time."""
        for piece in self._grid.pieces(start, stop):
            begin, end = self._part(piece, start, stop)
            first, edges = self._local(begin, end)
            self._add(first, self._grid.reduce(read(begin, end), edges - begin))

    def add_blocks(self, blocks: Blocks, block: int, start: int, stop: int) -> bool:
        """Take in the blocks between two edges of blocks; return whether all of them are known."""
        complete = True
        for piece in self._grid.pieces(start, stop):
            known = blocks(piece, block)
            if known is None:
                complete = False
                continue
            first, edges = self._local(*self._part(piece, start, stop))
            places = np.searchsorted(self._grid.block_edges(piece, block), edges)
            self._add(first, merge_columns(known, places))
        return complete

    def _part(self, piece: int, start: int, stop: int) -> tuple[int, int]:
        begin, end = self._grid.bounds(piece)
        return max(begin, start), min(end, stop)

    def _local(self, start: int, stop: int) -> tuple[int, Edges]:
        """Return the first column that has of these lines, and the edges of columns among them."""
        first = int(np.searchsorted(self._edges, start, "right")) - 1
        last = int(np.searchsorted(self._edges, stop, "left"))
        return first, np.clip(self._edges[first : last + 1], start, stop)

    def _add(self, first: int, columns: Columns) -> None:
        here = slice(first, first + len(columns.low))
        # Only the first and the last of these columns can have lines of other pieces, too.
        known = self._known[here, np.newaxis]
        low, high = self._low[here], self._high[here]
        self._low[here] = np.where(known, self._least(low, columns.low), columns.low)
        self._high[here] = np.where(known, self._greatest(high, columns.high), columns.high)
        with np.errstate(invalid="ignore", over="ignore"):
            self._total[here] += columns.total
        self._count[here] += columns.count
        self._known[here] = True

    def columns(self) -> Columns:
        """Return the columns; one of which nothing is known yet is as the nearest one that is known."""
        columns = Columns(self._low, self._high, self._total, self._count)
        known = np.flatnonzero(self._known)
        if len(known) in (0, len(self._known)):
            return columns
        wanted = np.arange(len(self._known))
        after = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        before = np.maximum(after - 1, 0)
        nearer = np.abs(known[before] - wanted) < np.abs(known[after] - wanted)
        near = known[np.where(nearer, before, after)]
        return Columns(self._low[near], self._high[near], self._total[near], self._count[near])
