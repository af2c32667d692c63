from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kymflow_view.pictures.levels import BLOCKS, MOST_PIXELS, Grid, blocks_of
from kymflow_view.pictures.reduce import column_edges, reduce_lines

GRIDS = st.builds(
    lambda lines, piece: Grid(lines, 3, piece, np.dtype(np.uint16)),
    st.integers(1, 20_000),
    st.integers(1, 9000),
)


@given(GRIDS)
def test_every_line_is_in_one_piece_and_one_block_of_it(grid: Grid) -> None:
    pieces = grid.pieces(0, grid.lines)
    assert [grid.bounds(piece)[0] for piece in pieces][1:] == [grid.bounds(piece)[1] for piece in pieces][:-1]
    assert (grid.bounds(pieces[0])[0], grid.bounds(pieces[-1])[1]) == (0, grid.lines)
    for block in BLOCKS:
        for piece in pieces[:3]:
            edges = grid.block_edges(piece, block)
            assert (edges[0], edges[-1]) == grid.bounds(piece)
            assert 0 < np.diff(edges).min() <= np.diff(edges).max() <= block


@given(GRIDS, st.sampled_from(BLOCKS), st.data())
def test_columns_of_a_block_or_more_keep_a_block_each(grid: Grid, block: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, grid.lines - 1))
    stop = data.draw(st.integers(start + 1, grid.lines))
    edges = column_edges(start, stop, max(1, (stop - start) // block))
    if stop - start < block:
        return
    snapped = edges.copy()
    snapped[1:-1] = grid.snap(edges[1:-1], block)
    assert np.diff(snapped).min() > 0
    assert np.abs(snapped - edges).max() <= block // 2
    all_edges = {int(edge) for piece in grid.pieces(start, stop) for edge in grid.block_edges(piece, block)}
    assert {int(edge) for edge in snapped[1:-1]} <= all_edges
    first, last = grid.next_edge(start, block), grid.last_edge(stop, block)
    assert {first, last} <= all_edges
    assert start <= first <= last <= stop
    assert not {edge for edge in all_edges if start <= edge < first or last < edge <= stop}


@given(st.integers(1, 3000), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16, np.float64, np.int32]))
def test_both_levels_are_the_direct_reduction(lines: int, pixels: int, dtype: type) -> None:
    values = (np.random.default_rng(lines).random((lines, pixels)) * 250).astype(dtype)
    grid = Grid(lines, pixels, lines, np.dtype(np.uint16 if np.dtype(dtype).kind == "u" else np.float32))
    for block, blocks in blocks_of(grid, 0, values).items():
        direct = reduce_lines(values.astype(grid.dtype), grid.block_edges(0, block))
        np.testing.assert_array_equal(blocks.low, direct.low)
        np.testing.assert_array_equal(blocks.high, direct.high)
        np.testing.assert_allclose(blocks.total, direct.total)
        np.testing.assert_array_equal(blocks.count, direct.count)


def test_a_wide_image_is_reduced_in_space_so_that_no_bright_pixel_is_lost() -> None:
    pixels = 3 * MOST_PIXELS - 1
    values = np.ones((10, pixels), np.uint16)
    values[4, 5000] = 9
    columns = Grid(10, pixels, 10, np.dtype(np.uint16)).reduce(values, [0, 5, 10])
    assert columns.high.shape == (2, MOST_PIXELS)
    assert columns.high.max() == 9
    assert columns.count.sum() == values.size
    assert columns.total.sum() == values.sum()
    assert columns.mean.min() == 1
