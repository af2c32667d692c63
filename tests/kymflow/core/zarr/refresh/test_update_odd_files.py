"""Pipes, devices and links in the place of artifacts: one image fails, by name, and keeps its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import ArtifactIndexer, ExtractionError, KymDataset
from support.odd_files import ODD_FILES, put_odd_file
from support.refreshing import TABLE, CellsIndexer, cells


class BulkIndexer(ArtifactIndexer):
    name = table_name = artifact = TABLE


# One by one, and many at once.
INDEXERS = {"record": CellsIndexer, "bulk": BulkIndexer}


@pytest.fixture(params=INDEXERS)
def made(
    request: pytest.FixtureRequest, lab: KymDataset
) -> tuple[KymDataset, CellsIndexer | ArtifactIndexer]:
    indexer = INDEXERS[request.param]()
    lab.registry.register(indexer)
    lab.rebuild(indexer)
    return lab, indexer


def check_that_b_fails(kd: KymDataset, indexer: CellsIndexer | ArtifactIndexer, what: str) -> None:
    """In a refresh, a rebuild and a check; the others' rows are renewed, its own are kept."""
    for n, update in enumerate((kd.refresh, kd.rebuild), start=1):
        kd.ds.record("c").save_df_parquet(TABLE, cells(10 * n))
        table = update(indexer, on_error="skip")
        assert list(kd.reports[TABLE].failed) == ["b"]
        assert what in kd.reports[TABLE].failed["b"]
        assert table.groupby("image_id")["n"].first().to_dict() == {"a": 0, "b": 1, "c": 10 * n}
        assert list(kd.plan(indexer).stale) == ["b"]
    with pytest.raises(ExtractionError, match="image 'b'"):
        kd.rebuild(indexer)
    problems = kd.check().problems
    assert {problem.image_id for problem in problems} == {"b"}
    assert "failed" in {problem.kind for problem in problems}
    assert any(what in problem.message for problem in problems)


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_no_file_in_the_place_of_an_artifact_fails_its_image(
    made: tuple[KymDataset, CellsIndexer], kind: str
) -> None:
    kd, indexer = made
    what = put_odd_file(kind, Path(kd.ds.path) / "images" / "b" / "analysis" / f"{TABLE}.parquet")
    check_that_b_fails(kd, indexer, f"it is {what}")


@pytest.mark.parametrize("kind", ODD_FILES)
def test_it_fails_where_there_was_no_artifact_before(
    made: tuple[KymDataset, CellsIndexer], kind: str
) -> None:
    kd, indexer = made
    folder = Path(kd.ds.path) / "images" / "b" / "analysis"
    (folder / f"{TABLE}.parquet").rename(folder / "kept.parquet")
    kd.refresh(indexer)
    put_odd_file(kind, folder / f"{TABLE}.json")
    assert list(kd.plan(indexer).stale) == ["b"]
    kd.refresh(indexer, on_error="skip")
    assert list(kd.reports[TABLE].failed) == ["b"]


@pytest.mark.parametrize("folder", ["images/b", "images/b/analysis"])
@pytest.mark.parametrize("is_there", [True, False])
def test_an_image_in_a_linked_folder_fails_and_is_not_deleted(
    made: tuple[KymDataset, CellsIndexer], tmp_path: Path, folder: str, is_there: bool
) -> None:
    kd, indexer = made
    path = Path(kd.ds.path) / folder
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / ("outside" if is_there else "not mounted"), target_is_directory=True)
    check_that_b_fails(kd, indexer, f"the folder '{folder}' is a link")


def test_images_in_a_linked_folder_are_refused_together(
    made: tuple[KymDataset, CellsIndexer], tmp_path: Path
) -> None:
    kd, indexer = made
    images = Path(kd.ds.path) / "images"
    before = kd.ds.load_table(TABLE)
    images.rename(tmp_path / "outside")
    images.symlink_to(tmp_path / "outside", target_is_directory=True)
    for update in (kd.refresh, kd.rebuild):
        with pytest.raises(OSError, match="the folder 'images' is a link"):
            update(indexer, on_error="skip")
    with pytest.raises(OSError, match="the folder 'images' is a link"):
        kd.check()
    assert kd.ds.load_table(TABLE).equals(before)


def test_an_indexer_that_lists_artifacts_does_not_pass_over_a_linked_folder(
    lab: KymDataset, tmp_path: Path
) -> None:
    for image_id in "abc":
        lab.ds.record(image_id).save_json("runs/first", {"n": 1})
    runs = Path(lab.ds.path) / "images" / "b" / "analysis" / "runs"
    runs.rename(tmp_path / "runs")
    runs.symlink_to(tmp_path / "runs", target_is_directory=True)
    record = lab.ds.record("b")
    # The next listing sees it.
    assert lab.ds.list_image_ids() == ["a", "b", "c"]
    for call in (record.list_analysis_keys, record.delete_analysis, lambda: record.load_json("runs/first")):
        with pytest.raises(OSError, match=r"b/analysis/runs"):
            call()
    (problem,) = [one for one in lab.check().problems if one.image_id == "b"]
    assert problem.kind == "unreadable image"
    assert len(lab.ds.record("a").list_analysis_keys()) == 2
