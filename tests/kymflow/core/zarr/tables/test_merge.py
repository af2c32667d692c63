"""Columns of any type that a table can hold."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kymflow import KymDataset
from support.refreshing import table_path
from support.simple_indexers import FrameIndexer

ODD_COLUMNS = {
    "lists": [[1, 2], [3]],
    "lists of lists": [[[1.0], [2.0]], [[3.0]]],
    "lists with NaN": [[1.0, float("nan")], [3.0]],
    "objects with NaN": [{"x": float("nan"), "y": [1.0]}, {"x": 2.0, "y": [float("nan")]}],
    "lists of objects": [[{"a": 1}], [{"a": 2}]],
    "days": [dt.date(2020, 1, 1), dt.date(2021, 1, 1)],
    "seconds of a day": pd.array([1, 2], pd.ArrowDtype(pa.int32())).astype(pd.ArrowDtype(pa.time32("s"))),
    "days in milliseconds": pd.array([0, 86_400_000], pd.ArrowDtype(pa.int64())).astype(
        pd.ArrowDtype(pa.date64())
    ),
    "pairs": pd.array([[1, 2], [3, 4]], pd.ArrowDtype(pa.list_(pa.int64(), 2))),
    "seconds in objects": pd.array(
        [{"a": dt.datetime(2020, 1, 1)}] * 2, pd.ArrowDtype(pa.struct([("a", pa.timestamp("s"))]))
    ),
    "seconds in lists": pd.array([[dt.datetime(2020, 1, 1)]] * 2, pd.ArrowDtype(pa.list_(pa.timestamp("s")))),
    "infinity": np.array([np.inf, -1.0]),
}


@pytest.mark.parametrize("name", ODD_COLUMNS)
def test_a_table_of_any_column_is_fresh_and_right_once_it_is_made(four_images: KymDataset, name: str) -> None:
    indexer = FrameIndexer({image_id: pd.DataFrame({"x": ODD_COLUMNS[name]}) for image_id in "ab"})
    four_images.registry.register(indexer)
    four_images.rebuild(indexer)
    before = table_path(four_images, "lab").read_bytes()
    assert four_images.plan(indexer).is_empty
    four_images.update_image(indexer, "a")
    assert table_path(four_images, "lab").read_bytes() == before
    assert four_images.check().problems == []
