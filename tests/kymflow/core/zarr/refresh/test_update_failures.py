"""Images that fail in an update: what they keep, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kymflow import ExtractionError, KymDataset
from kymflow.core.zarr.refresh import update
from kymflow.core.zarr.tables.commit import commit_rows
from support.refreshing import TABLE, CellsIndexer, cells, open_dataset
from support.simple_indexers import FrameIndexer, add_image, frame


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_a_failed_image_keeps_gives_way_to_what_the_others_give_now(
    four_images: KymDataset, version: str
) -> None:
    four_images.rebuild(FrameIndexer({image_id: frame(x=["text"]) for image_id in "abcd"}))
    now: dict[str, object] = {image_id: frame(x=[1.5]) for image_id in "bcd"} | {"a": ValueError("broken")}
    indexer = FrameIndexer(now, schema_version=version)

    for ids in (list("abcd"), None):
        four_images.rebuild(indexer, image_ids=ids, on_error="skip")
        assert list(four_images.reports["lab"].failed) == ["a"]
        assert "broken" in four_images.reports["lab"].failed["a"]
        table = four_images.get_table("lab")
        assert (table["image_id"].tolist(), table["x"].tolist()) == (["b", "c", "d"], [1.5] * 3)

    now["a"] = frame(x=[0.5])
    assert four_images.refresh(indexer)["x"].tolist() == [0.5, 1.5, 1.5, 1.5]


def test_a_failed_image_keeps_its_old_rows_as_long_as_they_go_with_the_others(
    four_images: KymDataset,
) -> None:
    four_images.rebuild(FrameIndexer({image_id: frame(x=[1]) for image_id in "abcd"}))
    now: dict[str, object] = {image_id: frame(x=[1.5]) for image_id in "bcd"} | {"a": ValueError("broken")}
    table = four_images.update_images(FrameIndexer(now), list("abcd"), on_error="skip")
    assert table["x"].tolist() == [1.0, 1.5, 1.5, 1.5]


def test_all_images_of_a_clashing_type_are_found_at_once(
    four_images: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        attempts.append(1)
        return commit_rows(*args, **kwargs)

    monkeypatch.setattr(update, "commit_rows", counted)
    rows = {image_id: frame(x=[value]) for image_id, value in zip("abcd", [1, "x", 2, "y"], strict=True)}
    table = four_images.rebuild(FrameIndexer(rows), on_error="skip")

    assert len(attempts) == 2
    assert table["image_id"].tolist() == ["a", "c"]
    failed = four_images.reports["lab"].failed
    assert sorted(failed) == ["b", "d"]
    assert all(f"image 'a' has int64, image {one!r} has string" in cause for one, cause in failed.items())


def test_an_artifact_that_the_medium_refuses_concerns_its_image_only(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    indexer = CellsIndexer()
    for image_id in "abc":
        add_image(kd, image_id).save_df_parquet(TABLE, cells(1))
    kd.refresh(indexer)
    loop = tmp_path / "lab.zarr" / "images" / "b" / "analysis" / f"{TABLE}.parquet"
    loop.unlink()
    loop.symlink_to(loop.name)
    kd.ds.record("c").save_df_parquet(TABLE, cells(2))

    assert sorted(kd.plan(indexer).stale) == ["b", "c"]
    table = kd.refresh(indexer, on_error="skip")
    assert list(kd.reports[TABLE].failed) == ["b"]
    assert table.groupby("image_id")["n"].first().to_dict() == {"a": 1, "b": 1, "c": 2}


def test_a_failing_image_with_raise_writes_nothing_at_all(
    kd: KymDataset, ledger_files: Callable[[KymDataset, str], list[str]]
) -> None:
    with pytest.raises(
        ExtractionError, match="indexer 'lab', image 'b': extract_rows raised ValueError: bad"
    ):
        kd.rebuild(FrameIndexer({"a": frame(x=[1]), "b": ValueError("bad")}))

    assert kd.ds.list_table_names() == []
    assert ledger_files(kd, "lab") == []
    assert kd.tables == {}
    assert kd.reports == {}


def test_a_failing_image_with_skip_keeps_its_old_rows_and_is_reported(kd: KymDataset) -> None:
    rows: dict[str, object] = {"a": frame(x=[1]), "b": frame(x=[2]), "c": frame(x=[3])}
    kd.rebuild(FrameIndexer(rows))
    rows |= {"a": frame(x=[10]), "b": ValueError("bad"), "c": frame(image_id=["a"])}

    table = kd.rebuild(FrameIndexer(rows), on_error="skip")

    assert table["x"].tolist() == [10, 2, 3]
    report = kd.reports["lab"]
    assert report.updated == ["a"]
    assert report.unchanged == 0
    assert report.failed == {
        "b": "indexer 'lab', image 'b': extract_rows raised ValueError: bad",
        "c": "indexer 'lab', image 'c': 1 of 1 rows claim image 'a'",
    }


def test_a_failing_image_keeps_its_old_rows_also_without_ledger(kd: KymDataset) -> None:
    rows: dict[str, object] = {"a": frame(x=[1]), "b": frame(x=[2])}
    kd.rebuild(FrameIndexer(rows))
    kd.ds.save_table("lab", kd.ds.load_table("lab"))
    rows |= {"b": ValueError("bad")}

    assert kd.rebuild(FrameIndexer(rows), on_error="skip")["x"].tolist() == [1, 2]


def test_a_failing_image_that_was_never_in_the_table_has_no_rows(kd: KymDataset) -> None:
    table = kd.rebuild(FrameIndexer({"a": frame(x=[1]), "b": ValueError("bad")}), on_error="skip")

    assert table["image_id"].tolist() == ["a"]
    assert kd.reports["lab"].images == 2
    assert list(kd.reports["lab"].failed) == ["b"]


@pytest.mark.parametrize("on_error", ["Skip", "ignore", None])
def test_a_word_for_on_error_that_is_none_is_refused_before_anything_runs(
    kd: KymDataset, on_error: str
) -> None:
    with pytest.raises(ValueError, match=f"on_error must be 'raise' or 'skip', got {on_error!r}"):
        kd.rebuild("radon_report", on_error=on_error)  # type: ignore[arg-type]
    assert kd.ds.list_table_names() == []


def test_a_malformed_artifact_fails_only_its_image(kd: KymDataset) -> None:
    kd.ds.record("c").save_json("radon_report", "text")

    table = kd.rebuild("radon_report", on_error="skip")

    assert table["image_id"].tolist() == ["a", "b", "b"]
    assert "artifact 'radon_report.json'" in kd.reports["radon_report"].failed["c"]
