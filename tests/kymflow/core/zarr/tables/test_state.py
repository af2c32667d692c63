"""Tables that somebody else wrote in place of ours."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from kymflow import Column, KymDataset
from support.refreshing import TABLE, CellsIndexer, assert_like_rebuild, cells, table_path
from support.simple_indexers import FrameIndexer, frame


@pytest.mark.parametrize("image_id", ["", "..", "a\\b", "a//b", "/a", "x\0y", "x" * 300, "a\n"])
def test_a_foreign_table_may_hold_what_can_be_no_image(four_images: KymDataset, image_id: str) -> None:
    four_images.ds.record("a").save_df_parquet(TABLE, cells(1))
    four_images.ds.save_table(TABLE, pd.DataFrame({"image_id": [image_id, "a"], "n": [7, 7]}))

    four_images.refresh(CellsIndexer())

    assert four_images.reports[TABLE].removed == [image_id]
    assert_like_rebuild(four_images, CellsIndexer())


def test_somebody_else_s_table_of_odd_columns_is_no_obstacle(four_images: KymDataset) -> None:
    odd = pa.table({"image_id": [["a"], ["b"]], "x": [[1], [2]]})
    rows: dict[str, object] = {"a": ValueError("broken"), "b": frame(x=[1.5])}
    import pyarrow.parquet as pq

    table_path(four_images, "lab").parent.mkdir()
    for foreign in (odd, pa.table({"image_id": ["a"], "x": [{"y": 1}]}), pa.table({"other": [1]})):
        pq.write_table(foreign, table_path(four_images, "lab"))
        indexer = FrameIndexer(rows, columns=[Column("x", "float")])
        assert four_images.plan(indexer).whole
        assert four_images.refresh(indexer, on_error="skip")["x"].tolist() == [1.5]
