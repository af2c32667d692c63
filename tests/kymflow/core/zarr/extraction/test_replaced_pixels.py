"""Pixels that are replaced while an indexer reads them piece by piece: it reads them again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kymflow import ExtractionError, KymDataset, PixelsReplacedError, ZarrImageRecord
from kymflow.core.runs.options import RunOptions
from kymflow.core.zarr.extraction.run import extract_images
from kymflow.core.zarr.indexers.contract import contract_of


class Sums:
    """Sums pixels in two pieces; somebody writes them in between, the first `times` times."""

    name = table_name = "sums"

    def __init__(self, kd: KymDataset, times: int) -> None:
        self.kd, self.left, self.tried = kd, times, 0

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        self.tried += 1
        array = rec.open_array()
        first = int(array[:2].sum())
        if self.left:
            self.left -= 1
            self.kd.ds.record(rec.image_id).save_array(np.full((4, 4), 10 + self.left, np.uint16))
        return pd.DataFrame({"sum": [first + int(array[2:].sum())]})


@pytest.fixture
def lab(local: object) -> KymDataset:
    kd = KymDataset(local)
    kd.ds.record("a").save_array(np.ones((4, 4), np.uint16), chunks=(2, 4))
    return kd


@pytest.mark.parametrize("times", [0, 1, 2])
def test_rows_are_of_one_image_never_of_two(lab: KymDataset, times: int) -> None:
    indexer = Sums(lab, times)
    assert lab.rebuild(indexer)["sum"].tolist() == [16 if times == 0 else 160]
    assert lab.plan(indexer).stale == {}


def test_pixels_that_are_replaced_each_time_are_a_failure_of_their_image(lab: KymDataset) -> None:
    indexer = Sums(lab, 100)
    _, errors = extract_images(lab.ds, indexer, contract_of(indexer), ["a"], RunOptions(on_error="skip"))
    assert isinstance(errors["a"], ExtractionError)
    assert isinstance(errors["a"].__cause__, PixelsReplacedError)
    assert "the pixels of image 'a' of" in str(errors["a"])
    assert "were replaced while they were read; open them again" in str(errors["a"])
    assert indexer.tried == 3
