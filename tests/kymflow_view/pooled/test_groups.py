"""Values by group, and one mean for each image or folder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kymflow import ColumnError
from kymflow_view.pooled import Average, measure
from kymflow_view.pooled.groups import MAX_GROUPS, _cells, grouped

ROWS = pd.DataFrame(
    {
        "image_id": ["a", "a", "b", "c", "c", None],
        "kind": ["up", "down", "up", "up", "up", "up"],
        "score": [1.0, 5.0, 2.0, 3.0, np.nan, 9.0],
    }
)
IMAGES = pd.DataFrame(
    {
        "image_id": ["a", "b", "c"],
        "rel_path": ["day/a.tif", "day/b.tif", "day/c.tif"],
        # Folders of one name below two roots are two.
        "root": ["/one", "/one", "/two"],
    }
)


def values(average: Average, rows: pd.DataFrame = ROWS) -> dict[str, list[float]]:
    found = grouped(measure(rows, IMAGES, y="score", by="kind"), average)
    return {name: found.y[part].tolist() for name, part in zip(found.names, found.slices(), strict=True)}


def test_rows_images_and_folders() -> None:
    assert values("none") == {"down": [5.0], "up": pytest.approx([1, 2, 3, np.nan, 9], nan_ok=True)}
    assert values("image") == {"down": [5.0], "up": [1.0, 2.0, 3.0]}
    assert values("folder") == {"down": [5.0], "up": [1.5, 3.0]}


def test_an_image_without_any_value_is_missing_and_not_zero() -> None:
    rows = ROWS.assign(score=[np.nan, 5.0, 2.0, 3.0, 4.0, 9.0])
    assert values("image", rows)["up"] == pytest.approx([np.nan, 2, 3.5], nan_ok=True)


def test_each_value_knows_its_image() -> None:
    measured = measure(ROWS, IMAGES, y="score", by="kind")
    assert measured.images is not None
    ids = [*measured.images.names, None]
    assert [ids[code] for code in grouped(measured, "none").images] == ["a", "a", "b", "c", "c", None]
    assert [ids[code] for code in grouped(measured, "image").images] == ["a", "a", "b", "c"]
    assert grouped(measured, "folder").images.tolist() == [-1, -1, -1]


def test_rows_without_group_are_one_and_too_many_groups_are_told() -> None:
    rows = pd.DataFrame({"y": np.arange(90.0), "by": [f"g{k}" if k % 3 else None for k in range(90)]})
    found = grouped(measure(rows, y="y", by="by"), "none")
    assert len(found.names) == MAX_GROUPS
    assert found.names[-1] == "(no by)"
    assert found.left_out == 60 + 1 - MAX_GROUPS
    assert found.bounds[-1] == len(found.y) == 30 + MAX_GROUPS - 1


@pytest.mark.parametrize(
    ("average", "message"),
    [("image", "cannot be averaged by image: there is no column 'image_id'"), ("folder", "'rel_path'")],
)
def test_without_ids_there_is_nothing_to_average_by(average: Average, message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        grouped(measure(pd.DataFrame({"y": [1.0]}), y="y", table="t"), average)


def test_cells_are_the_same_whether_they_are_counted_or_sorted() -> None:
    rng = np.random.default_rng(1)
    for n_rows in (0, 1, 1000):
        codes = rng.integers(0, 7, n_rows).astype(np.int32)
        units = rng.integers(-1, 9, n_rows).astype(np.int32)
        # Of units that are far apart, most have no row.
        far = np.where(units < 0, units, units * 1_000_000).astype(np.int32)
        for few, many in zip(_cells(codes, units), _cells(codes, far), strict=True):
            assert few.tolist() == many.tolist()
