"""The join with images names columns as get_table(with_images=True) does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kymflow import ColumnError, KymDataset
from kymflow_view.tables import Query, Tables
from kymflow_view.tables.joined import join
from support.view_tables import table_of

IMAGES = pd.DataFrame(
    {
        "rel_path": ["b/2.tif", "a/1.tif"],
        "image_id": ["img-2", "img-1"],
        "score": [0.5, np.nan],
        "condition": ["x", "y"],
        "file_name": ["2.tif", "1.tif"],
    }
)
EVENTS = {
    "ids in between": pd.DataFrame(
        {"n": [1, 2, 3], "image_id": ["img-1", "img-9", None], "score": [1, 2, 3]}
    ),
    "ids first": pd.DataFrame({"image_id": ["img-2"] * 2, "file_name": ["own"] * 2, "score": [1, 2]}),
    "categories": pd.DataFrame({"image_id": pd.Categorical(["img-1", "img-2", "img-1"])}),
    "no rows": pd.DataFrame({"image_id": pd.Series([], dtype="str")}),
    "no ids": pd.DataFrame({"cell": ["c1", "c2"]}),
    "ids that are numbers": pd.DataFrame({"image_id": [1, 2]}),
}


@pytest.mark.parametrize("events", EVENTS.values(), ids=EVENTS)
def test_columns_and_values_are_those_of_get_table(tmp_path: Path, events: pd.DataFrame) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    kd.ds.save_table("images", IMAGES)
    kd.ds.save_table("events", events)

    view = Tables(lambda: kd).view("events", Query(images=True))
    expected = kd.get_table("events", with_images=True)
    if "rel_path" in expected:
        expected = expected.sort_values("rel_path", kind="stable", ignore_index=True)
    assert list(view.joined.columns) == list(expected.columns)
    found = view.arrow().to_pandas().astype(object)
    pd.testing.assert_frame_equal(
        found.where(found.notna(), None), expected.astype(object).where(expected.notna(), None)
    )


def test_a_name_that_would_stand_twice_gets_another_one() -> None:
    events = table_of("events", pa.table({"image_id": ["a"], "x": [1], "image_x": [2]}))
    images = table_of("images", pa.table({"image_id": ["a"], "x": [3]}))

    assert list(join(events, images).columns) == ["image_id", "x", "image_x", "image_image_x"]


@pytest.mark.parametrize("rows", [{"image_id": ["a", "b", "a"]}, {"x": [1]}, {"image_id": [1, 2]}])
def test_images_that_have_not_one_row_each_are_not_joined(rows: dict[str, list[object]]) -> None:
    with pytest.raises(ColumnError, match="table 'images' has not one row for each image"):
        join(table_of("events", pa.table({"image_id": ["a"]})), table_of("images", pa.table(rows)))


def test_values_without_an_order_are_not_sorted_by() -> None:
    joined = join(table_of("t", pa.table({"trace": [[1.0], [2.0]]})), None)
    with pytest.raises(ColumnError, match="column 'trace' holds list<.*>, which has no order to sort by"):
        joined.columns["trace"].ordered(np.arange(2, dtype=np.int32), descending=False)
