"""What a plot shows, in numbers, and what it does not show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kymflow import ColumnError
from kymflow_view.pooled import KINDS, Kind, measure, pool

RANDOM = np.random.default_rng(1)
N = 20_000
ROWS = pd.DataFrame(
    {
        "image_id": [f"i{k % 400}" for k in range(N)],
        "y": RANDOM.normal(size=N),
        "x": RANDOM.normal(size=N),
        "by": ["many"] * (N - 100) + ["few"] * 100,
    }
)
ROWS.loc[5, "y"] = -310_061.0
ROWS.loc[6, "y"] = np.inf
ROWS.loc[7:9, "y"] = np.nan
ROWS.loc[10, "x"] = np.nan
MEASURED = measure(ROWS, y="y", x="x", by="by", table="events")


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_shown_or_counted(kind: Kind) -> None:
    pooled = pool(MEASURED, kind)
    missing = 4 if kind == "scatter" else 3
    assert (pooled.n, pooled.missing) == (N - missing, missing)
    assert pooled.outside >= 2
    assert [group.n for group in pooled.groups] == [100, N - 100 - missing]
    there = pooled.n - pooled.outside
    if kind == "histogram":
        assert sum(group.curve_y.sum() for group in pooled.groups) == there
    if kind == "cumulative":
        begin, end = pooled.groups[1].curve_y[[0, -1]] * pooled.groups[1].n
        assert end - begin == pytest.approx(pooled.groups[1].n - pooled.groups[1].outside)
    assert f"{pooled.outside:,} of {pooled.n:,} outside the axis; {missing} missing" in pooled.notes
    assert "n = 100" in pooled.description


@pytest.mark.parametrize("kind", ["strip", "scatter"])
def test_points_are_bounded_the_same_every_time_and_small_groups_stay(kind: Kind) -> None:
    first, again = pool(MEASURED, kind, max_points=1000), pool(MEASURED, kind, max_points=1000)
    assert first.points.y.tolist() == again.points.y.tolist()
    assert 1000 <= first.shown <= 1060
    assert f"{first.shown:,} of {first.n - first.outside:,} points shown" in first.notes
    assert np.bincount(first.points.groups)[0] == 50
    # The outermost ones are never left out.
    inside = ROWS["y"].to_numpy()
    inside = inside[first.y_axis.holds(inside)]
    assert (first.points.y.min(), first.points.y.max()) == (inside.min(), inside.max())


def test_a_point_leads_to_its_image() -> None:
    pooled = pool(MEASURED)
    place = int(np.flatnonzero(pooled.points.y == pooled.points.y.max())[0])
    (row,) = np.flatnonzero(ROWS["y"] == pooled.points.y[place])
    assert pooled.image_ids[pooled.points.images[place]] == ROWS["image_id"][row]


def test_means_of_images_are_fewer_than_rows() -> None:
    pooled = pool(measure(ROWS, y="y"), average="image")
    assert [(group.name, group.n) for group in pooled.groups] == [("all", 400)]
    assert pooled.label == "y, one mean for each image"


def test_statistics_are_those_of_numpy_outside_values_included() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 100.0]
    (group,) = pool(measure(pd.DataFrame({"y": values}), y="y")).groups
    assert (group.mean, group.median) == (22.0, 3.0)
    assert (group.first_quartile, group.third_quartile) == (2.0, 4.0)
    assert group.whiskers == (1.0, 4.0)
    assert group.counts == "n = 5, 1 outside"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [1.0], [2.0, 2.0, 2.0], [np.inf, -np.inf]])
def test_few_equal_or_no_values_are_no_error(kind: Kind, values: list[float]) -> None:
    rows = pd.DataFrame({"y": np.array(values, float), "x": np.zeros(len(values))})
    pooled = pool(measure(rows, y="y", x="x"), kind)
    assert pooled.n == int(np.count_nonzero(~np.isnan(values)))


def test_whole_numbers_get_a_bin_each() -> None:
    (group,) = pool(measure(pd.DataFrame({"y": [1, 1, 2, 5]}), y="y"), "histogram").groups
    assert group.curve_x.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert group.curve_y.tolist() == [2, 1, 0, 0, 1]


def test_a_scatter_plot_needs_two_columns() -> None:
    with pytest.raises(ColumnError, match="a scatter plot of 'y' needs another column"):
        pool(measure(ROWS, y="y"), "scatter")
