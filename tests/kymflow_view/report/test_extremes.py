"""Which images are the most extreme, and by which column."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow_view.report.extremes import extreme_images
from kymflow_view.report.measures import Quantity, quantities


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    return KymDataset(tmp_path / "lab.zarr", mode="a")


def of_table(kd: KymDataset, **columns: object) -> Quantity:
    kd.ds.save_table("t", pd.DataFrame(columns))
    (found,) = quantities(kd, None)
    assert isinstance(found, Quantity)
    return found


def test_values_are_compared_with_those_of_their_kind(kd: KymDataset) -> None:
    found = of_table(
        kd,
        image_id=["a", "b", "c", "d", "e", "f", "g"],
        kind=["drop", "drop", "drop", "rise", "rise", "rise", None],
        score=[-10.0, -10.0, -12.0, 5.0, 5.0, 9.0, 1.0],
    )

    extremes = extreme_images([found])

    assert [(one.image_id, one.why) for one in extremes] == [
        ("f", ["score of t: 9, where the median of rise is 5"]),
        ("c", ["score of t: -12, where the median of drop is -10"]),
    ]


def test_without_kinds_all_values_are_compared(kd: KymDataset) -> None:
    (one,) = extreme_images([of_table(kd, image_id=["a", "b", "c"], score=[1.0, 1.0, 3.0])])

    assert (one.image_id, one.why) == ("c", ["score of t: 3, where the median is 1"])


def test_medians_are_plotted_before_means(kd: KymDataset) -> None:
    found = of_table(kd, image_id=["a"], mean_velocity=[1.0], median_velocity=[2.0])

    assert found.column == "median_velocity"


@pytest.mark.parametrize(("value", "there"), [(1.0, True), (float("nan"), False)])
def test_whether_there_is_anything_to_draw(kd: KymDataset, value: float, there: bool) -> None:
    assert of_table(kd, image_id=["a"], score=[value]).has_values is there
