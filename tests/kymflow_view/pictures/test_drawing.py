from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow_view.pictures.drawing import block_for, draw
from kymflow_view.pictures.levels import BLOCKS, Grid, blocks_of
from kymflow_view.pictures.reduce import Columns, column_edges, reduce_lines


class Image:
    """An image in memory, with the levels of such pieces as are known."""

    def __init__(self, lines: int, piece: int, dtype: Any = np.uint16, known: set[int] | None = None) -> None:
        lot = np.random.default_rng(lines)
        self.values = lot.integers(0, 60_000, (lines, 2)).astype(dtype)
        shown = np.dtype(np.uint16 if dtype == np.uint16 else np.float32)
        if shown.kind == "f":
            self.values[lot.random(self.values.shape) < 0.1] = np.nan
        self.grid = Grid(lines, 2, piece, shown)
        self.known = known
        self.lines_read = 0

    def read(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        self.lines_read += stop - start
        return self.values[start:stop]

    def blocks(self, piece: int, block: int) -> Columns | None:
        if self.known is not None and piece not in self.known:
            return None
        start, stop = self.grid.bounds(piece)
        return blocks_of(self.grid, piece, self.values[start:stop])[block]

    def draw(self, start: int, stop: int, columns: int) -> tuple[Columns, bool]:
        return draw(self.grid, self.read, self.blocks, start, stop, columns)


@given(
    st.integers(1, 12_000),
    st.integers(1, 7000),
    st.sampled_from([np.uint16, np.float32]),
    st.integers(1, 300),
    st.data(),
)
def test_at_any_zoom_every_line_is_in_exactly_one_column(
    lines: int, piece: int, dtype: Any, columns: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, lines - 1))
    stop = data.draw(st.integers(start + 1, lines))
    image = Image(lines, max(piece, lines // 50 + 1), dtype)
    drawn, complete = image.draw(start, stop, columns)

    wanted = reduce_lines(image.values[start:stop].astype(image.grid.dtype), [0, stop - start])
    assert complete
    assert len(drawn.low) == min(columns, stop - start)
    np.testing.assert_array_equal(np.fmin.reduce(drawn.low), wanted.low[0])
    np.testing.assert_array_equal(np.fmax.reduce(drawn.high), wanted.high[0])
    np.testing.assert_allclose(drawn.total.sum(axis=0), wanted.total[0])
    np.testing.assert_array_equal(drawn.count.sum(axis=0), wanted.count[0])


def test_lines_around_a_single_edge_of_blocks_are_drawn_without_a_block() -> None:
    image = Image(421, 71)
    drawn, complete = image.draw(356, 420, 1)
    assert complete
    np.testing.assert_array_equal(drawn.low[0], image.values[356:420].min(axis=0))
    np.testing.assert_array_equal(drawn.high[0], image.values[356:420].max(axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("columns", [3, 40, 500, 5000, 40_000])
@pytest.mark.parametrize("line", [0, 1, 63, 64, 6989, 6990, 20_001, 39_999])
def test_a_flash_of_one_line_is_where_it_belongs(columns: int, line: int) -> None:
    image = Image(40_000, 6990)
    image.values[line] = 65_535
    drawn, _ = image.draw(0, 40_000, columns)
    (column,) = np.flatnonzero(drawn.high[:, 0] == 65_535)
    assert abs((column + 0.5) * 40_000 / columns - line) <= 40_000 / columns


@pytest.mark.parametrize(("columns", "block"), [(1000, 1), (300, 64), (39, 1024), (1, 1024)])
def test_wide_columns_are_made_of_blocks_and_hardly_any_line_is_read(columns: int, block: int) -> None:
    image = Image(40_000, 6990)
    assert block_for(7, 39_990, columns) == block
    image.draw(7, 39_990, columns)
    assert image.lines_read == 39_983 if block == 1 else image.lines_read < 2 * block


def test_columns_that_are_not_known_yet_are_as_the_nearest() -> None:
    image = Image(40_960, 4096, known={0, 8})
    drawn, complete = image.draw(0, 40_960, 40)
    whole, _ = Image(40_960, 4096).draw(0, 40_960, 40)
    assert not complete
    np.testing.assert_array_equal(drawn.high[:4], whole.high[:4])
    np.testing.assert_array_equal(drawn.high[32:36], whole.high[32:36])
    assert (drawn.high[4:18] == whole.high[3]).all()
    assert (drawn.high[18:32] == whole.high[32]).all()
    assert (drawn.high[36:] == whole.high[35]).all()


def test_a_range_whose_pieces_are_known_is_complete() -> None:
    image = Image(40_960, 4096, known={2, 3})
    drawn, complete = image.draw(8192, 16_384, 20)
    edges = Image(40_960, 4096).grid.snap(column_edges(8192, 16_384, 20), BLOCKS[0])
    assert complete
    np.testing.assert_array_equal(drawn.high, reduce_lines(image.values, edges).high)


def test_without_anything_known_there_is_still_a_picture() -> None:
    drawn, complete = Image(4096, 1024, known=set()).draw(0, 4096, 4)
    assert not complete
    assert drawn.high.max() == 0
