"""Plots over HTTP: the picture, its numbers, and the image under the mouse."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from kymflow import KymDataset
from kymflow_view.pooled import KINDS
from kymflow_view.server import plot_routes

MakeClient = Callable[[Path], TestClient]


@pytest.fixture
def cells(tmp_path: Path, make_client: MakeClient) -> TestClient:
    """A client of a dataset of ten images in two folders, with three cells each; one is far outside."""
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    ids = [f"img-{number}" for number in range(10)]
    images = pd.DataFrame({"image_id": ids, "condition": ["a", "b"] * 5})
    images["rel_path"] = [f"{'one' if number < 4 else 'two'}/{number}.tif" for number in range(10)]
    kd.ds.save_table("images", images)
    rng = np.random.default_rng(1)
    hz = rng.normal(5, 1, 30)
    hz[3], hz[4] = -310_061, np.nan
    kd.ds.save_table("cells", pd.DataFrame({"image_id": np.repeat(ids, 3), "hz": hz, "age": range(30)}))
    return make_client(tmp_path / "lab.zarr")


def picture_of(told: dict[str, Any]) -> Any:
    kind, content = told["picture"].split(",")
    assert kind == "data:image/png;base64"
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(content)), format="png")


def test_plots_are_pooled_one_after_the_other(cells: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2)
    pool = plot_routes.pool

    def watched(*args: Any, **options: Any) -> Any:
        # Two that are there at once meet here.
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.2)
            met.append(True)
        return pool(*args, **options)

    met: list[bool] = []
    monkeypatch.setattr(plot_routes, "pool", watched)
    with ThreadPoolExecutor(2) as threads:
        answers = threads.map(lambda y: cells.get("/api/tables/cells/plot", params={"y": y}), ["hz", "age"])
        assert [answer.status_code for answer in answers] == [200, 200]
    assert met == []


def test_a_large_picture_has_fewer_pixels(cells: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot_routes, "MAX_PIXELS", 250_000)
    query = {"y": "hz", "width": "500", "height": "500", "ratio": "4"}
    told = cells.get("/api/tables/cells/plot", params=query).json()
    assert picture_of(told).shape[:2] == (500, 500)
    assert max(told["points"]["x"]) <= 500


@pytest.mark.parametrize("kind", KINDS)
def test_a_plot_of_each_kind_has_a_picture_of_the_size_that_was_asked_for(
    cells: TestClient, kind: str
) -> None:
    query = {
        "kind": kind,
        "y": "hz",
        "x": "age",
        "by": "condition",
        "images": "1",
        "width": "500",
        "ratio": "2",
    }
    told = cells.get("/api/tables/cells/plot", params=query).json()

    assert picture_of(told).shape[:2] == (840, 1000)
    assert [(group["name"], group["n"]) for group in told["groups"]] == [("a", 15), ("b", 14)]
    assert (told["n"], told["outside"]) == (29, 1)
    assert told["groups"][1]["median"] == pytest.approx(5, abs=1)
    assert "hz" in told["label"]
    assert "1 of 29 outside the axis" in told["description"]


def test_each_point_is_where_it_is_drawn_and_knows_its_image(cells: TestClient) -> None:
    query = {"kind": "scatter", "y": "hz", "x": "age", "width": "600", "height": "400", "theme": "dark"}
    told = cells.get("/api/tables/cells/plot", params=query).json()
    points, picture = told["points"], picture_of(told)

    assert told["shown"] == len(points["x"]) == len(points["y"]) == len(points["image"]) == 28
    of = [points["images"][place] for place in points["image"]]
    assert sorted(of) == sorted(f"img-{number // 3}" for number in range(30) if number not in (3, 4))
    background = picture[2, 2, :3]
    for x, y in zip(points["x"], points["y"], strict=True):
        assert np.abs(picture[int(y), int(x), :3] - background).max() > 0.2


def test_a_plot_is_of_the_rows_that_are_asked_for(cells: TestClient) -> None:
    query = {"y": "hz", "images": "1", "where": json.dumps([["condition", "=", "a"], ["age", "<", 12]])}
    told = cells.get("/api/tables/cells/plot", params=query).json()
    assert told["n"] == 6
    assert told["version"] == cells.get("/api/tables/cells").json()["version"]


@pytest.mark.parametrize(
    ("average", "n", "with_image"), [("none", 29, True), ("image", 10, True), ("folder", 2, False)]
)
def test_values_are_averaged_by_image_or_folder(
    cells: TestClient, average: str, n: int, with_image: bool
) -> None:
    told = cells.get(f"/api/tables/cells/plot?y=hz&average={average}").json()
    assert told["n"] == n
    assert bool(told["points"]["images"]) is with_image


def test_a_plot_without_values_says_so(cells: TestClient) -> None:
    told = cells.get("/api/tables/cells/plot", params={"y": "hz", "q": "nobody"}).json()
    assert told["n"] == 0
    assert told["points"] == {"x": [], "y": [], "image": [], "images": []}
    assert {(group["median"], group["mean"]) for group in told["groups"]} <= {(None, None)}


def test_means_that_are_infinite_are_told_as_text(tmp_path: Path, make_client: MakeClient) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    kd.ds.save_table("t", pd.DataFrame({"x": [1.0, 2.0, np.inf]}))
    told = make_client(tmp_path / "lab.zarr").get("/api/tables/t/plot?y=x&kind=histogram").json()
    assert told["groups"][0]["mean"] == "inf"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, "y is missing: the column to plot"),
        ({"y": "nothing"}, "table 'cells' has no column 'nothing'"),
        ({"y": "image_id"}, "column 'image_id' of table 'cells' has no numbers"),
        ({"y": "hz", "kind": "pie"}, "kind must be one of histogram, strip, violin, cumulative, scatter"),
        ({"y": "hz", "kind": "scatter"}, "a scatter plot of 'hz' needs another column"),
        ({"y": "hz", "width": "1e9"}, "width must be a number from 100 to 4000, got '1e9'"),
        ({"y": "hz", "height": "nan"}, "height must be a number from 100 to 4000, got 'nan'"),
        ({"y": "hz", "ratio": "0"}, "ratio must be a number from 0.5 to 4, got '0'"),
        ({"y": "hz", "theme": "blue"}, "theme must be one of light, dark, got 'blue'"),
        ({"y": "hz", "average": "day"}, "average must be one of none, image, folder, got 'day'"),
    ],
)
def test_what_cannot_be_plotted_is_said_in_a_sentence(
    cells: TestClient, query: dict[str, str], error: str
) -> None:
    answer = cells.get("/api/tables/cells/plot", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)
