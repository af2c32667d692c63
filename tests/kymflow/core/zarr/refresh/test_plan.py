"""What a plan calls stale, and why; what is remembered of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kymflow import (
    ArtifactIndexer,
    CancelledError,
    Column,
    ExtractionError,
    KymDataset,
    ZarrImageRecord,
)
from support.refreshing import (
    TABLE,
    CellsIndexer,
    assert_like_rebuild,
    cells,
    open_dataset,
    settle,
)
from support.simple_indexers import FrameIndexer, add_image, frame


@pytest.fixture
def lab(lab_anywhere: KymDataset) -> KymDataset:
    return lab_anywhere


class AskingIndexer:
    """Asks the record one thing, and gives a row that tells the answer."""

    name = table_name = "asked"

    def __init__(self, ask: Callable[[ZarrImageRecord], object]) -> None:
        self.ask = ask

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            answer = str(self.ask(rec))
        except KeyError:
            answer = "nothing"
        return frame(answer=[answer])


def pixels(value: int) -> np.ndarray[Any, Any]:
    return np.full((3, 2), value, np.uint8)


# What is read; how it comes to be; how it changes; how it is deleted.
THINGS: dict[str, tuple[Callable[[ZarrImageRecord], object], ...]] = {
    "table": (
        lambda rec: rec.load_df_parquet("x")["v"].tolist(),
        lambda rec: rec.save_df_parquet("x", frame(v=[1])),
        lambda rec: rec.save_df_parquet("x", frame(v=[2])),
        lambda rec: rec.delete_analysis(suffixes=["/x.parquet"]),
    ),
    "json": (
        lambda rec: rec.load_json("x"),
        lambda rec: rec.save_json("x", {"v": 1}),
        lambda rec: rec.save_json("x", {"v": 2}),
        lambda rec: rec.delete_analysis(suffixes=["/x.json"]),
    ),
    "csv": (
        lambda rec: rec.load_df_csv_gz("x")["v"].tolist(),
        lambda rec: rec.save_df_csv_gz("x", frame(v=[1])),
        lambda rec: rec.save_df_csv_gz("x", frame(v=[2])),
        lambda rec: rec.delete_analysis(suffixes=["/x.csv.gz"]),
    ),
    "metadata": (
        lambda rec: rec.load_metadata_payload(),
        lambda rec: rec.save_metadata_payload({"v": 1}),
        lambda rec: rec.save_metadata_payload({"v": 2}),
        lambda rec: rec.delete_analysis(),
    ),
    "array artifact": (
        lambda rec: rec.load_array_artifact("x").tolist(),
        lambda rec: rec.save_array_artifact("x", pixels(1)),
        lambda rec: rec.save_array_artifact("x", pixels(2)),
        lambda rec: rec._store.delete_tree(f"images/{rec.image_id}/analysis_arrays/x"),
    ),
    "names": (
        lambda rec: rec.list_analysis_keys(),
        lambda rec: rec.save_json("x", 1),
        lambda rec: rec.save_json("y", 1),
        lambda rec: rec.delete_analysis(),
    ),
    "array names": (
        lambda rec: rec.list_array_artifacts(),
        lambda rec: rec.save_array_artifact("x", pixels(1)),
        lambda rec: rec.save_array_artifact("y", pixels(1)),
        lambda rec: rec._store.delete_tree(f"images/{rec.image_id}/analysis_arrays"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("thing", THINGS)
def test_whatever_is_read_makes_stale_when_it_appears_changes_and_is_deleted(
    lab: KymDataset, thing: str
) -> None:
    ask, *edits = THINGS[thing]
    indexer = AskingIndexer(ask)
    lab.refresh(indexer)
    words = {0: "appeared", 1: "changed", 2: "deleted"}
    for number, edit in enumerate(edits):
        assert lab.plan(indexer).is_empty
        edit(lab.ds.record("a"))

        plan = lab.plan(indexer)
        assert list(plan.stale) == ["a"]
        assert plan.fresh == 2
        if "names" not in thing:
            assert any(why.endswith(words[number]) for why in plan.stale["a"]), plan.stale
        before = lab.ds.load_table("asked")["answer"][0]
        assert lab.refresh(indexer)["answer"][0] != before
        assert lab.reports["asked"].updated == ["a"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda rec: rec.load_array().tolist(),
        lambda rec: rec.open_array()[0, 0],
        lambda rec: rec.get_image_bounds(),
        lambda rec: rec.get_axes(),
    ],
    ids=["load_array", "open_array", "bounds", "axes"],
)
def test_pixels_make_stale_when_they_change(
    lab: KymDataset, ask: Callable[[ZarrImageRecord], object]
) -> None:
    indexer = AskingIndexer(ask)
    lab.refresh(indexer)
    lab.ds.record("b").save_array(np.arange(100, 105).reshape(1, 5), axes=["x", "y"])

    plan = lab.plan(indexer)
    assert list(plan.stale) == ["b"]
    assert plan.stale["b"][0].startswith("pixels")
    table = lab.refresh(indexer)
    assert table["answer"][1] == str(ask(lab.ds.record("b")))
    assert lab.plan(indexer).is_empty


def test_pixels_make_stale_when_they_vanish(lab: KymDataset) -> None:
    indexer = AskingIndexer(lambda rec: rec.load_array().sum())
    lab.refresh(indexer)
    lab.ds.store.delete_tree("images/b/data")

    assert list(lab.plan(indexer).stale) == ["b"]
    assert lab.refresh(indexer)["answer"][1] == "nothing"


def test_what_nobody_asked_for_makes_nothing_stale(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    lab.ds.record("a").save_json("other", {"v": 1})
    lab.ds.record("a").save_array(pixels(9))

    assert lab.plan(indexer).is_empty


def test_an_artifact_of_the_same_size_in_the_same_second_is_seen(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    indexer.extract_rows = lambda rec: frame(n=[rec.load_json(TABLE)["n"]])  # type: ignore[method-assign]
    for image_id in "abc":
        lab.ds.record(image_id).save_json(TABLE, {"n": 0})
    lab.refresh(indexer)
    for n in range(1, 10):
        lab.ds.record("b").save_json(TABLE, {"n": n})
        assert lab.plan(indexer).stale == {"b": [f"artifact '{TABLE}.json' changed"]}
        assert lab.refresh(indexer)["n"].tolist() == [0, n, 0]


@pytest.mark.usefixtures("no_time_passes")
def test_a_restored_time_does_not_hide_a_write_within_the_same_tick(
    local_lab: KymDataset, indexer: CellsIndexer
) -> None:
    record = local_lab.ds.record("a")
    path = Path(local_lab.ds.path) / record.save_json("x", {"n": 1})
    asking = AskingIndexer(lambda rec: rec.load_json("x"))
    info = path.stat()
    local_lab.refresh(asking)
    record.save_json("x", {"n": 2})
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

    assert list(local_lab.plan(asking).stale) == ["a"]
    assert "2" in local_lab.refresh(asking)["answer"][0]


def test_a_restored_time_does_not_hide_another_size(local_lab: KymDataset) -> None:
    record = local_lab.ds.record("a")
    path = Path(local_lab.ds.path) / record.save_json("x", {"n": 1})
    asking = AskingIndexer(lambda rec: rec.load_json("x"))
    settle(Path(local_lab.ds.path))
    info = path.stat()
    local_lab.refresh(asking)
    record.save_json("x", {"n": 10})
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

    assert list(local_lab.plan(asking).stale) == ["a"]


def test_an_image_without_rows_is_fresh(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)

    plan = lab.plan(indexer)
    assert plan.is_empty
    assert plan.fresh == 3


def test_new_and_deleted_images(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    add_image(lab, "d").save_df_parquet(TABLE, cells(7))
    lab.ds.delete_image("a")

    plan = lab.plan(indexer)
    assert plan.stale == {"d": ["new image"]}
    assert plan.new == ["d"]
    assert plan.removed == ["a"]
    assert (plan.fresh, plan.rewrite, plan.whole, plan.failed) == (2, False, False, [])
    lab.refresh(indexer)
    assert lab.reports[TABLE].updated == ["d"]
    assert lab.reports[TABLE].removed == ["a"]
    assert_like_rebuild(lab, indexer)


def test_another_schema_version_makes_everything_stale(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    newer = CellsIndexer(schema_version="2")

    plan = lab.plan(newer)
    assert plan.stale == {image_id: ["schema version '1' -> '2'"] for image_id in "abc"}
    assert plan.new == []
    lab.refresh(newer)
    assert lab.plan(newer).is_empty
    assert_like_rebuild(lab, newer)


def test_another_indexer_of_the_same_table_makes_everything_stale(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    lab.refresh(indexer)
    other = CellsIndexer()
    other.name = "other"

    assert lab.plan(other).stale["a"] == ["the table was made by another indexer"]
    lab.refresh(other)
    assert lab.plan(other).is_empty


def test_other_declared_columns_under_the_same_version_are_a_rewrite_only(lab: KymDataset) -> None:
    rows = {"a": frame(x=[1])}
    lab.refresh(FrameIndexer(rows, columns=[Column("x", "int")]))
    more = FrameIndexer(rows, columns=[Column("x", "int"), Column("y", "float", "s")])

    plan = lab.plan(more)
    assert (plan.stale, plan.rewrite, plan.is_empty) == ({}, True, False)
    assert list(lab.refresh(more).columns) == ["image_id", "x", "y"]
    assert lab.reports["lab"].updated == []
    assert lab.plan(more).is_empty


class Declared(ArtifactIndexer):
    name = "e"


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [
        ("1.5", "str", "float"),
        (3, "int", "str"),
        (3, "int", "datetime"),
        (True, "bool", "int"),
        (3, "float", ""),
    ],
)
def test_another_declared_type_is_what_a_rebuild_makes_of_it(
    four_images: KymDataset, value: object, before: str, after: str
) -> None:
    def declares(kind: str) -> Declared:
        indexer = Declared()
        indexer.columns = (Column("a", kind),) if kind else ()  # type: ignore[misc, arg-type]
        return indexer

    four_images.ds.record("a").save_json("e", {"a": value})
    four_images.rebuild(declares(before))
    plan = four_images.plan(declares(after))
    assert plan.stale["a"] == [f"column 'a' is declared {after or 'nothing'}, was {before}"]
    four_images.refresh(declares(after), on_error="skip")
    refreshed, failed = four_images.get_table("e").copy(), four_images.reports["e"].failed
    four_images.ds.drop_table("e")
    four_images.rebuild(declares(after), on_error="skip")
    assert four_images.reports["e"].failed == failed
    if not failed:
        pd.testing.assert_frame_equal(refreshed, four_images.get_table("e"))


def test_a_failed_image_is_retried_and_keeps_its_old_rows(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.refresh(indexer)
    lab.ds.record("a").save_df_parquet(TABLE, cells(5))
    lab.ds.record("b").save_df_parquet(TABLE, cells(6))
    indexer.broken = {"a"}

    table = lab.refresh(indexer, on_error="skip")
    assert table["n"].tolist() == [0, 0, 0, 6, 6, 6]
    assert list(lab.reports[TABLE].failed) == ["a"]
    plan = lab.plan(indexer)
    assert plan.failed == ["a"]
    assert plan.stale["a"][0].startswith("failed last time: ")
    assert "broken on demand" in plan.stale["a"][0]
    assert list(plan.stale) == ["a"]

    indexer.broken, indexer.asked = set(), []
    assert lab.refresh(indexer)["n"].tolist() == [5, 5, 5, 6, 6, 6]
    assert indexer.asked == ["a"]
    assert lab.plan(indexer).is_empty


def test_litter_of_a_file_browser_makes_nothing_stale(local_lab: KymDataset) -> None:
    asking = AskingIndexer(lambda rec: rec.list_analysis_keys())
    local_lab.refresh(asking)
    (Path(local_lab.ds.path) / "images" / "a" / "analysis" / ".DS_Store").write_bytes(b"\0")

    assert local_lab.plan(asking).is_empty


def test_an_artifact_behind_a_linked_folder_fails_its_image(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")

    class Nested(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            try:
                return pd.DataFrame([rec.load_json("sub/e")])
            except KeyError:
                return pd.DataFrame()

    add_image(kd, "a")
    kd.rebuild(Nested())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "e.json").write_text('{"n": 1}', "utf-8")
    analysis = tmp_path / "lab.zarr" / "images" / "a" / "analysis"
    analysis.mkdir(exist_ok=True)
    (analysis / "sub").symlink_to(elsewhere)

    assert "artifact 'sub/e.json' appeared" in kd.plan(Nested()).stale["a"]
    with pytest.raises(ExtractionError, match="the folder 'images/a/analysis/sub' is a link"):
        kd.refresh(Nested())


@pytest.mark.usefixtures("no_time_passes")
@pytest.mark.parametrize("what", ["plan", "status"])
def test_a_plan_and_a_status_tell_how_far_they_are_and_can_be_stopped(
    local_lab: KymDataset, indexer: CellsIndexer, what: str
) -> None:
    local_lab.registry.register(indexer)
    local_lab.refresh(indexer)
    look = partial(local_lab.plan, indexer) if what == "plan" else local_lab.status
    told: list[tuple[int, int]] = []
    look(on_progress=lambda done, total: told.append((done, total)))
    # Both artifacts are so young that they have to be read; of the image without, the listing tells.
    assert told == [(0, 2), (2, 2)]
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError, match="looking for stale images of table 'cells' was cancelled"):
        look(cancel=cancel)


# All tables


def test_the_plans_are_those_of_each_table_from_one_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    for name in ("cells", "more"):
        kd.registry.register(CellsIndexer(name=name))
    for n, image_id in enumerate("abc"):
        add_image(kd, image_id).save_df_parquet("cells", cells(n))
    kd.rebuild("cells")
    kd.ds.record("b").save_df_parquet("cells", cells(7))
    kd.ds.delete_image("c")
    add_image(kd, "d")
    expected = {name: kd.plan(name).to_dict() for name in ("cells", "more")}
    listings: list[object] = []
    listing = kd.ds.listing
    monkeypatch.setattr(kd.ds, "listing", lambda: listings.append(None) or listing())
    told: list[str] = []

    plans = kd.plans(on_table=told.append)

    assert {name: plan.to_dict() for name, plan in plans.items()} == expected
    assert plans["cells"].stale == {"b": ["artifact 'cells.parquet' changed"], "d": ["new image"]}
    assert plans["cells"].removed == ["c"]
    assert set(plans["more"].stale) == {"a", "b", "d"}
    assert (len(listings), told) == (1, ["cells", "more"])
    assert list(kd.plans(indexers=["more"])) == ["more"]
