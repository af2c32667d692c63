from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kymflow_view.pictures import histogram
from kymflow_view.pictures.histogram import Histogram, count
from kymflow_view.pictures.levels import Grid

IMAGES = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16, np.int16, np.int64, np.float32, np.float64, np.bool_]),
    st.tuples(st.integers(1, 60), st.integers(1, 4)),
)


def histogram_of(
    image: np.ndarray[Any, Any], start: int = 0, stop: int | None = None, piece: int = 7
) -> Histogram:
    shown = np.uint16 if image.dtype in (np.uint8, np.uint16, np.bool_) else np.float32
    grid = Grid(*image.shape, piece, np.dtype(shown))
    end = len(image) if stop is None else stop
    return count(grid, lambda begin, end: image[begin:end], image.dtype, start, end)


@given(IMAGES)
def test_it_is_what_numpy_says_of_the_raw_pixels(image: np.ndarray[Any, Any]) -> None:
    found = histogram_of(image)
    with np.errstate(over="ignore"):
        inside = np.abs(image.astype(np.float64)) <= np.finfo(np.float32).max
    values = image[inside].astype(np.float64)
    assert (found.n, found.not_finite) == (len(values), image.size - len(values))
    assert (found.lines, found.of, found.seed) == (len(image), len(image), None)
    assert sum(found.counts) == len(values)
    if not len(values):
        assert (found.low, found.p1, found.edges) == (None, None, [])
        return
    assert (found.low, found.high) == (values.min(), values.max())
    np.testing.assert_allclose([found.p1, found.p99], np.percentile(values, [1, 99]), rtol=1e-9)
    counts, _ = np.histogram(values, found.edges)
    assert found.counts == counts.tolist()
    assert len(found.counts) <= 256


def test_bins_of_whole_numbers_are_whole_numbers_wide() -> None:
    image = np.arange(1000, dtype=np.uint16).reshape(100, 10)
    found = histogram_of(image)
    assert set(np.diff(found.edges).tolist()) == {4}
    assert set(found.counts) == {4}


def test_only_the_range_is_counted() -> None:
    image = np.repeat(np.arange(100, dtype=np.uint16)[:, np.newaxis], 3, axis=1)
    found = histogram_of(image, 40, 61)
    assert (found.low, found.high, found.n, found.of) == (40, 60, 63, 21)


def test_of_a_large_range_the_same_pieces_by_lot_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histogram, "_MOST_BYTES", 10 * 7 * 3 * 2)
    image = np.random.default_rng(0).integers(0, 4000, (7000, 3)).astype(np.uint16)
    found = histogram_of(image)
    assert (found.lines, found.of, found.seed) == (70, 7000, 14)
    assert found.n == 210
    assert found == histogram_of(image)
