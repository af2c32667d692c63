"""Rows summed up by groups."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from kymflow import Column, IndexerRegistry, KymDataset
from kymflow.cli.commands import app
from support.simple_indexers import FrameIndexer, add_image, frame

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``kymflow show lab.zarr lab`` with more arguments, on three images of two conditions."""
    kd = KymDataset(tmp_path / "lab.zarr", "a", registry=IndexerRegistry(()))
    rows = {
        "a": frame(condition="x", roi_id=[1, 2], speed=[1.0, 3.0], count=[5, 6], sure=[True, False]),
        "b": frame(condition="x", roi_id=[1], speed=[8.0], count=[7], sure=[True]),
        "c": frame(condition=[None, "y"], roi_id=[1, 2], speed=[2.0, None], count=[1, 2], sure=[True, True]),
    }
    for image_id in rows:
        add_image(kd, image_id)
    kd.rebuild(FrameIndexer(rows))
    return lambda *more: CliRunner().invoke(app, ["show", str(tmp_path / "lab.zarr"), "lab", *more])


def table(result: Result) -> pd.DataFrame:
    assert result.exit_code == 0, result.output
    return pd.read_csv(io.StringIO(result.stdout))


def test_each_column_of_numbers_is_summed_up_by_group(run: Run) -> None:
    found = table(run("--by", "condition", "-o", "-"))

    assert list(found.columns) == ["condition", "column", "n", "images", "mean", "median", "sd", "min", "max"]
    assert found["column"].unique().tolist() == ["speed", "count"]
    assert found["condition"].fillna("none").tolist() == ["x", "x", "y", "y", "none", "none"]
    x = found.iloc[0]
    assert (x["n"], x["images"], x["mean"], x["median"], x["min"], x["max"]) == (3, 2, 4.0, 3.0, 1.0, 8.0)
    assert x["sd"] == pytest.approx(pd.Series([1.0, 3.0, 8.0]).std())
    y = found.iloc[2]
    assert (y["n"], y["images"]) == (0, 0)
    assert pd.isna(y["mean"])


def test_only_the_columns_that_are_named_in_the_order_asked_for(run: Run) -> None:
    found = table(
        run("--by", "condition,sure", "--columns", "count", "--sort", "-mean", "--limit", "2", "-o", "-")
    )

    assert found["column"].tolist() == ["count", "count"]
    assert found["mean"].tolist() == [6.0, 6.0]
    assert found["sure"].tolist() == [False, True]


def test_groups_of_the_rows_that_an_expression_leaves(run: Run) -> None:
    found = table(run("--by", "condition", "--columns", "speed", "--where", "roi_id = 1", "-o", "-"))

    assert found["n"].tolist() == [2, 1]


def test_as_json(run: Run) -> None:
    content = json.loads(run("--by", "condition", "--columns", "speed", "--json").stdout)

    assert content["rows"] == 3
    assert content["data"][0]["mean"] == 4.0


def test_velocities_of_two_units_are_never_averaged(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "units.zarr", "a", registry=IndexerRegistry(()))
    speed = Column("speed", "float", "mm/s")
    rows = {
        # Of rows that do not tell, the declared unit is the true one.
        "a": frame(roi_id=[1], speed=[1.0]),
        "b": frame(roi_id=[1, 2], speed=[900.0, None], velocity_unit=["um/s", None]),
        "c": frame(roi_id=[1], speed=[3.0], velocity_unit=["mm/s"]),
    }
    for image_id in rows:
        add_image(kd, image_id)
    kd.rebuild(FrameIndexer(rows, columns=[speed]))

    show = ["show", str(tmp_path / "units.zarr"), "lab"]
    found = table(CliRunner().invoke(app, [*show, "--by", "roi_id", "-o", "-"]))
    alone = CliRunner().invoke(app, [*show, "--image", "b", "--by", "roi_id", "-o", "-"])

    assert found[["roi_id", "velocity_unit", "column", "n"]].values.tolist() == [
        [1, "mm/s", "speed (mm/s)", 2],
        [1, "um/s", "speed (um/s)", 1],
        [2, "mm/s", "speed", 0],
    ]
    assert found["mean"].tolist()[:2] == [2.0, 900.0]
    assert table(alone)["column"].tolist() == ["speed (um/s)", "speed (um/s)"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "conditon"], "has no column 'conditon'; did you mean 'condition'"),
        (["--by", "condition", "--columns", "sure"], "column 'sure' of table 'lab' holds no numbers"),
        (["--by", "condition", "--sort", "speed"], "--sort: table 'lab' has no column 'speed'"),
    ],
)
def test_mistakes_are_told(run: Run, arguments: list[str], words: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert words in result.stderr
