"""Rows of one image: what is taken, and what is refused by indexer, image and cause."""

from __future__ import annotations

from typing import Any

import pytest

from kymflow import KymDataset
from support.simple_indexers import FrameIndexer, frame


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("depth", [33, 300, 3000])
@pytest.mark.parametrize("kind", ["objects", "lists"])
def test_a_column_nested_beyond_reason_concerns_its_image_only(
    four_images: KymDataset, depth: int, kind: str
) -> None:
    value: Any = nested(min(depth, 300))
    if kind == "lists":
        value = 1
        for _ in range(depth):
            value = [value]
    rows = {"a": frame(x=[1]), "b": frame(x=[1], deep=[value])}
    table = four_images.rebuild(FrameIndexer(rows), on_error="skip")
    assert table["x"].tolist() == [1]
    assert "nested" in four_images.reports["lab"].failed["b"]
    assert four_images.ds.load_table("lab")["x"].tolist() == [1]
