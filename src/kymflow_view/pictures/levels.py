"""Levels of an image: minimum, maximum and sum of blocks of lines, and columns made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kymflow_view.pictures.reduce import Columns, column_edges, merge_columns, reduce_lines

if TYPE_CHECKING:
    from kymflow_view.pictures.plane import Plane

# Lines to a block. Blocks begin anew with each piece, so that no block needs two of them.
BLOCKS = (64, 1024)
# An image that is wider is reduced in space, too.
MOST_PIXELS = 2048

Edges = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Where the pieces and blocks of a plane are, and of which type pictures of it are.

    Attributes
    ----------
    lines, pixels, piece : int
        As of the plane: its shape, and how many lines are read at once.
    dtype : dtype
        Of pictures: uint16 for whole numbers that fit, float32 for all others. What float32 cannot hold is
        rounded to the nearest that it can, and infinite beyond its range.
    """

    lines: int
    pixels: int
    piece: int
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, plane: Plane) -> Grid:
        """Return that of a plane."""
        fits = plane.dtype in (np.uint8, np.uint16, np.bool_)
        return cls(plane.lines, plane.pixels, plane.piece, np.dtype(np.uint16 if fits else np.float32))

    @property
    def width(self) -> int:
        """How many pixels pictures of it have."""
        return min(self.pixels, MOST_PIXELS)

    def bounds(self, piece: int) -> tuple[int, int]:
        """Return the first line of a piece, and the one after its last."""
        return piece * self.piece, min(self.lines, (piece + 1) * self.piece)

    def pieces(self, start: int, stop: int) -> range:
        """Return the pieces that lines `start` to `stop` are in."""
        return range(start // self.piece, -(-stop // self.piece) if start < stop else 0)

    def block_edges(self, piece: int, block: int) -> Edges:
        """Return where the blocks of a piece begin, and where the last one ends."""
        start, stop = self.bounds(piece)
        return np.append(np.arange(start, stop, block, dtype=np.int64), stop)

    def snap(self, lines: Edges, block: int) -> Edges:
        """Return the edge of blocks near each line, at most half a block away.

        Lines that are a block apart get different edges, if they are a block away from the image's end.
        """
        snapped: Edges = self._edge_before(lines + block // 2, block)
        return snapped

    def next_edge(self, line: int, block: int) -> int:
        """Return the first edge of blocks that is not before a line."""
        edge = int(self._edge_before(line, block))
        return edge if edge == line else min(edge + block, (edge // self.piece + 1) * self.piece, self.lines)

    def last_edge(self, line: int, block: int) -> int:
        """Return the last edge of blocks that is not after a line."""
        return line if line == self.lines else int(self._edge_before(line, block))

    def _edge_before(self, lines: Any, block: int) -> Any:
        return lines - lines % self.piece % block

    def shown(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return pixels as stored in the type of pictures."""
        with np.errstate(over="ignore", invalid="ignore"):
            return values.astype(self.dtype, copy=False)

    def reduce(self, values: npt.NDArray[Any], edges: npt.ArrayLike) -> Columns:
        """Return columns of lines as stored, in the type and width of pictures."""
        return self._narrow(reduce_lines(self.shown(values), edges))

    def _narrow(self, columns: Columns) -> Columns:
        if self.pixels <= MOST_PIXELS:
            return columns
        count = np.broadcast_to(columns.count, columns.low.shape)
        turned = Columns(columns.low.T, columns.high.T, columns.total.T, count.T)
        merged = merge_columns(turned, column_edges(0, self.pixels, MOST_PIXELS))
        return Columns(merged.low.T, merged.high.T, merged.total.T, merged.count.T)


def blocks_of(grid: Grid, piece: int, values: npt.NDArray[Any]) -> dict[int, Columns]:
    """Return the blocks of one piece in each level, from its lines as stored."""
    fine, coarse = (grid.block_edges(piece, block) for block in BLOCKS)
    blocks = grid.reduce(values, fine - fine[0])
    return {BLOCKS[0]: blocks, BLOCKS[1]: merge_columns(blocks, np.searchsorted(fine, coarse))}
