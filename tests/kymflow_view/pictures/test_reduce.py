from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kymflow_view.pictures.reduce import column_edges, merge_columns, reduce_lines, reduce_trace

IMAGES = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64, np.bool_]),
    st.tuples(st.integers(1, 60), st.integers(1, 4)),
)


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.integers(1, 5000))
def test_every_line_is_in_exactly_one_column(start: int, lines: int, columns: int) -> None:
    edges = column_edges(start, start + lines, columns)
    assert (edges[0], edges[-1], len(edges) - 1) == (start, start + lines, min(lines, columns))
    widths = np.diff(edges)
    assert widths.min() >= 1
    assert widths.max() - widths.min() <= 1


@given(IMAGES, st.integers(1, 80))
def test_columns_are_what_numpy_says_of_their_lines(image: np.ndarray[Any, Any], columns: int) -> None:
    edges = column_edges(0, len(image), columns)
    reduced = reduce_lines(image, edges)
    for i, (start, stop) in enumerate(itertools.pairwise(edges)):
        lines = image[start:stop]
        filled = lines if image.dtype.kind != "f" else np.where(np.isnan(lines), np.inf, lines)
        expected = np.where(np.isnan(lines).all(axis=0), np.nan, filled.min(axis=0))
        np.testing.assert_array_equal(reduced.low[i], expected)
        assert (reduced.count[i] == (~np.isnan(lines)).sum(axis=0)).all()


@given(IMAGES, st.integers(1, 80), st.integers(1, 80))
def test_columns_of_columns_are_those_of_the_lines(
    image: np.ndarray[Any, Any], columns: int, wider: int
) -> None:
    narrow = column_edges(0, len(image), columns)
    wide = column_edges(0, len(narrow) - 1, wider)
    merged, direct = merge_columns(reduce_lines(image, narrow), wide), reduce_lines(image, narrow[wide])
    np.testing.assert_array_equal(merged.low, direct.low)
    np.testing.assert_array_equal(merged.high, direct.high)
    np.testing.assert_array_equal(merged.count, direct.count)
    if image.dtype.kind != "f":
        np.testing.assert_array_equal(merged.total, direct.total)
        np.testing.assert_allclose(direct.mean, merged.mean)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 7, 1300, 99_999, 100_000, 200_000])
def test_a_flash_of_one_line_is_seen_at_every_zoom(columns: int) -> None:
    image = np.zeros((100_000, 1), np.uint16)
    image[77_777] = 4000
    reduced = reduce_lines(image, column_edges(0, len(image), columns))
    assert np.count_nonzero(reduced.high) == 1
    assert reduced.high.max() == 4000


def test_one_pixel_that_is_nan_does_not_hide_its_column() -> None:
    lines = np.array([[np.nan, np.nan], [1.0, np.nan], [3.0, np.nan]], np.float32)
    reduced = reduce_lines(lines, [0, 3])
    np.testing.assert_array_equal(reduced.low, [[1, np.nan]])
    np.testing.assert_array_equal(reduced.high, [[3, np.nan]])
    np.testing.assert_array_equal(reduced.mean, [[2, np.nan]])


TRACES = st.lists(st.tuples(st.floats(-100, 1100, width=32), st.floats(width=32)), min_size=1, max_size=200)


@given(TRACES, st.integers(1, 100))
def test_every_sample_is_in_exactly_one_column(samples: list[tuple[float, float]], columns: int) -> None:
    x, y = np.array(samples).T
    inside = (x >= 0) & (x < 1000)
    trace = reduce_trace(x, y, 0, 1000, columns)
    assert trace.n == inside.sum()
    assert len(trace.x) == len(trace.low) == len(trace.high) <= columns
    assert (np.diff(trace.x) >= 0).all()
    seen = y[inside & ~np.isnan(y)]
    if len(seen):
        assert (np.nanmin(trace.low), np.nanmax(trace.high)) == (seen.min(), seen.max())
    else:
        assert np.isnan(trace.low).all()
    if not trace.raw:
        for middle, low, high in zip(trace.x, trace.low, trace.high, strict=True):
            near = y[inside & (np.abs(x - middle) <= 500 / columns * (1 + 1e-9))]
            assert np.isnan(low) == np.isnan(high)
            assert np.isnan(low) or {low, high} <= set(near)


@pytest.mark.parametrize("columns", [10, 800, 20_000, 50_000])
def test_a_spike_of_one_sample_is_seen_at_every_zoom(columns: int) -> None:
    x = np.arange(30_000) * 0.001
    y = np.sin(x)
    y[12_345] = 80.0
    trace = reduce_trace(x, y, 0.0, 30.0, columns)
    assert trace.high.max() == 80.0
    assert trace.raw == (columns > 30_000)


def test_a_gap_stays_a_gap_and_columns_without_samples_are_left_out() -> None:
    x = [0.0, 0.1, 1.0, 1.1, 3.0, 3.1]
    y = [1.0, 2.0, np.nan, np.nan, np.nan, 5.0]
    trace = reduce_trace(x, y, 0, 4, 4)
    np.testing.assert_array_equal(trace.x, [0.5, 1.5, 3.5])
    np.testing.assert_array_equal(trace.low, [1.0, np.nan, 5.0])
    np.testing.assert_array_equal(trace.high, [2.0, np.nan, 5.0])


def test_samples_in_any_order_make_the_same_trace() -> None:
    lot = np.random.default_rng(3)
    x, y = np.arange(1000.0), lot.normal(size=1000)
    order = lot.permutation(1000)
    one, other = reduce_trace(x, y, 0, 1000, 17), reduce_trace(x[order], y[order], 0, 1000, 17)
    np.testing.assert_array_equal(one.low, other.low)
    np.testing.assert_array_equal(one.high, other.high)


def test_a_trace_without_samples_is_empty() -> None:
    trace = reduce_trace([], [], 0, 10, 5)
    assert (trace.n, trace.raw, len(trace.x)) == (0, True, 0)
