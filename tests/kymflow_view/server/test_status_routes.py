"""The status page's data: states with reasons, sources, and what is wrong with plugins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from kymflow import IndexerRegistry, KymDataset
from kymflow_view.panels.loading import Panels
from kymflow_view.server import status_routes
from kymflow_view.server.context import Context
from support.simple_indexers import FrameIndexer, add_image
from support.viewer import edit_one


def by_name(told: Any) -> dict[str, Any]:
    return {table["name"]: table for table in told["tables"]}


def test_a_dataset_that_is_up_to_date_says_so(client: TestClient) -> None:
    told = client.get("/api/status").json()

    assert {table["state"] for table in told["tables"]} == {"fresh"}
    images = by_name(told)["images"]
    assert (images["indexer"], images["rows"], images["images"], images["fresh"]) == ("images", 4, 4, 4)
    assert (images["reasons"], images["more"]) == ([], 0)
    assert told["problems"] == []
    assert told["sources"]["images"] == 4
    assert told["sources"]["failed"] == []


def test_what_has_changed_is_named_with_its_reason(
    lab: Path, make_client: Callable[[Path], TestClient]
) -> None:
    image_id = edit_one(lab)
    deleted = next(one for one in KymDataset(lab).get_table("radon_report")["image_id"] if one != image_id)
    KymDataset(lab).ds.delete_image(deleted)

    report = by_name(make_client(lab).get("/api/status").json())["radon_report"]
    assert (report["state"], report["stale"], report["removed"]) == ("stale", 1, 1)
    changed, gone = report["reasons"]
    assert changed["image_id"] == image_id
    assert changed["name"].endswith(".tif")
    assert (changed["state"], changed["why"]) == ("stale", "artifact 'radon_report.parquet' changed")
    assert (gone["image_id"], gone["state"], gone["why"]) == (deleted, "removed", "deleted from the dataset")


@pytest.fixture
def make_status(tmp_path: Path, make_client: Callable[[Context], TestClient]) -> Callable[..., Any]:
    """Give the status of three images as a program with these indexers sees it."""
    kd = KymDataset(tmp_path / "three.zarr", mode="a")
    for image_id in ("cell-1", "cell-2", "cell-3"):
        add_image(kd, image_id)

    def make(*indexers: FrameIndexer, refresh: bool = True, panels: Panels | None = None) -> Any:
        registry = IndexerRegistry(())
        for indexer in indexers:
            registry.register(indexer)
        if refresh:
            KymDataset(kd.ds.path, registry=registry).refresh_all(on_error="skip")
        context = Context(kd.ds.path)
        context.panels = panels or Panels()
        context.kd = lambda: KymDataset(kd.ds.path, "r", registry=registry)  # type: ignore[method-assign]
        return make_client(context).get("/api/status").json()

    return make


def test_images_that_failed_come_first_and_those_too_many_are_counted(
    make_status: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_routes, "MAX_NAMED", 1)
    table = by_name(
        make_status(FrameIndexer({"cell-3": ValueError("no trace"), "cell-2": ValueError("no ROI")}))
    )

    lab = table["lab"]
    assert (lab["state"], lab["failed"], lab["fresh"], lab["more"]) == ("failed", 2, 1, 1)
    (reason,) = lab["reasons"]
    assert (reason["image_id"], reason["name"], reason["state"]) == ("cell-2", "cell-2", "failed")
    assert "no ROI" in reason["why"]


def test_a_table_that_is_not_there_yet_is_missing(make_status: Callable[..., Any]) -> None:
    table = by_name(make_status(FrameIndexer({}), refresh=False))["lab"]

    assert (table["state"], table["rows"], table["new"]) == ("missing", None, 3)
    assert {reason["state"] for reason in table["reasons"]} == {"new"}


def test_a_table_whose_indexer_is_gone_stays_and_says_so(make_status: Callable[..., Any]) -> None:
    make_status(FrameIndexer({}))
    told = make_status(refresh=False)

    table = by_name(told)["lab"]
    assert (table["state"], table["indexer"], table["reasons"]) == ("no indexer", None, [])
    assert table["problem"] in told["problems"][0]
    assert "no indexer is installed" in told["problems"][1]


def test_panels_that_cannot_be_used_are_problems(make_status: Callable[..., Any]) -> None:
    told = make_status(FrameIndexer({}), panels=Panels(problems=["panels of lab 1 cannot be used: no"]))

    assert told["problems"] == ["panels of lab 1 cannot be used: no"]


def test_sources_that_failed_are_told_of(tmp_path: Path, make_client: Callable[[Path], TestClient]) -> None:
    (tmp_path / "kymographs").mkdir()
    (tmp_path / "kymographs" / "broken.tif").write_bytes(b"no TIFF")
    KymDataset(tmp_path / "lab.zarr", mode="a").ingest_folder(tmp_path / "kymographs")

    (failed,) = make_client(tmp_path / "lab.zarr").get("/api/status").json()["sources"]["failed"]
    assert failed["path"].endswith("broken.tif")
    assert failed["error"]
