"""Tables that indexers make: indexers by instance or name, rebuilds, updates, all tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from kymflow import IndexerRegistry, InvalidIndexerError, KymDataset, UnknownIndexerError
from kymflow_indexers_builtin import VelocityEventsIndexer
from kymflow_zarr import (
    InvalidNameError,
    RecordNotFoundError,
)
from support.simple_indexers import FrameIndexer, add_image, frame

TableFile = Callable[[KymDataset, str], Path]


class CountingIndexer(VelocityEventsIndexer):
    """Counts the images it is asked for."""

    name = "counting"
    artifact = "velocity_events"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def read_rows(self, rec):  # type: ignore[no-untyped-def]
        self.asked.append(rec.image_id)
        return super().read_rows(rec)


# Instance or name


def test_an_instance_and_its_registered_name_do_the_same(kd: KymDataset) -> None:
    assert_frame_equal(kd.rebuild(VelocityEventsIndexer()), kd.rebuild("velocity_events"))


def test_an_unknown_name_says_which_there_are(kd: KymDataset) -> None:
    with pytest.raises(
        UnknownIndexerError, match="no indexer is named 'stalls'; there are: radon_report, velocity_events"
    ):
        kd.rebuild("stalls")


def test_an_unknown_name_says_what_to_install_where_nothing_is(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=IndexerRegistry(()))

    with pytest.raises(UnknownIndexerError, match="pip install kymflow-indexers-builtin"):
        kd.update_image("velocity_events", "a")


def test_a_class_in_place_of_an_instance_is_refused(kd: KymDataset) -> None:
    with pytest.raises(InvalidIndexerError, match="pass an instance"):
        kd.rebuild(VelocityEventsIndexer)  # type: ignore[arg-type]


def test_the_footer_names_a_distribution_only_for_its_own_indexer(
    kd: KymDataset, site: Path, table_file: TableFile
) -> None:
    installed = KymDataset(kd.ds)
    installed.rebuild("velocity_events")
    footer = pq.read_schema(table_file(kd, "velocity_events")).metadata
    assert footer[b"kymflow.distribution"] == b"kymflow-indexers-builtin"
    assert footer[b"kymflow.version"] == b"1.0.0"

    installed.rebuild(FrameIndexer({}, name="velocity_events"))
    footer = pq.read_schema(table_file(kd, "velocity_events")).metadata
    assert b"kymflow.distribution" not in footer


# Rebuild and update


def test_a_subset_rebuild_replaces_those_rows_and_leaves_the_rest(kd: KymDataset) -> None:
    rows = {"a": frame(x=[1]), "b": frame(x=[2]), "c": frame(x=[3])}
    kd.rebuild(FrameIndexer(rows))
    rows |= {"a": frame(x=[10]), "b": frame(x=[20]), "c": frame(x=[30])}

    table = kd.rebuild(FrameIndexer(rows), image_ids=iter(["c", "a", "c"]))

    assert table["x"].tolist() == [10, 2, 30]
    assert kd.reports["lab"].updated == ["a", "c"]
    assert kd.reports["lab"].unchanged == 1


def test_a_subset_of_a_table_that_is_not_there_yet_is_the_whole_table(kd: KymDataset) -> None:
    assert kd.rebuild("radon_report", image_ids=["b"])["image_id"].tolist() == ["a", "b", "b"]


def test_no_images_at_all_leave_the_table_as_it_was(kd: KymDataset, table_file: TableFile) -> None:
    kd.rebuild("radon_report")
    before = table_file(kd, "radon_report").read_bytes()

    kd.update_images("radon_report", [])

    assert table_file(kd, "radon_report").read_bytes() == before
    assert kd.reports["radon_report"].updated == []


def test_an_update_asks_only_the_images_it_was_given(kd: KymDataset) -> None:
    kd.rebuild(CountingIndexer())
    indexer = CountingIndexer()

    kd.update_images(indexer, ["b", "a"])

    assert indexer.asked == ["a", "b"]


def test_an_update_of_many_images_is_one_write(
    kd: KymDataset, table_file: TableFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd.rebuild("radon_report")
    for image_id in ("a", "b"):
        kd.ds.record(image_id).delete_analysis()
    written: list[str] = []
    put = type(kd.ds.store).put

    def counting(self, key, data, **how):  # type: ignore[no-untyped-def]
        written.append(key)
        return put(self, key, data, **how)

    monkeypatch.setattr(type(kd.ds.store), "put", counting)
    kd.update_images("radon_report", ["a", "b", "c"])

    assert [key for key in written if key.startswith("tables/")] == ["tables/radon_report.parquet"]
    assert len(written) == 2


def test_a_deleted_image_s_rows_go(kd: KymDataset) -> None:
    kd.rebuild("radon_report")
    kd.ds.delete_image("b")

    assert kd.update_images("radon_report", ["b"])["image_id"].tolist() == ["a"]
    assert kd.reports["radon_report"].removed == ["b"]
    assert kd.reports["radon_report"].images == 2


def test_an_image_without_rows_is_known_and_may_go_too(kd: KymDataset) -> None:
    kd.rebuild("radon_report")
    kd.ds.delete_image("c")

    kd.update_images("radon_report", ["c"])

    assert kd.reports["radon_report"].removed == ["c"]


@pytest.mark.parametrize("image_ids", [["nobody"], ["a", "nobody"]])
def test_an_unknown_image_is_refused_by_id_and_nothing_is_written(
    kd: KymDataset, table_file: TableFile, image_ids: list[str]
) -> None:
    kd.rebuild("radon_report")
    before = table_file(kd, "radon_report").read_bytes()

    with pytest.raises(
        RecordNotFoundError, match="has no image 'nobody', and neither has table 'radon_report'"
    ):
        kd.update_images("radon_report", image_ids)

    assert table_file(kd, "radon_report").read_bytes() == before


def test_an_unknown_image_is_refused_where_there_is_no_table_yet(kd: KymDataset) -> None:
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        kd.update_image("radon_report", "nobody")
    assert kd.ds.list_table_names() == []


def test_an_image_id_that_could_climb_out_is_refused(kd: KymDataset) -> None:
    with pytest.raises(InvalidNameError, match="cannot be used as image id"):
        kd.update_image("radon_report", "../a")


def test_update_images_takes_one_id_as_one_image(kd: KymDataset) -> None:
    add_image(kd, "long-id")
    kd.rebuild("radon_report")

    kd.update_images("radon_report", "long-id")
    assert kd.reports["radon_report"].updated == ["long-id"]
    kd.rebuild_all(image_ids="long-id")
    assert kd.reports["radon_report"].updated == ["long-id"]


def test_a_report_tells_what_was_done(kd: KymDataset) -> None:
    kd.rebuild("radon_report")

    report = kd.reports["radon_report"]
    assert (report.table_name, report.rows, report.images, report.unchanged) == ("radon_report", 3, 3, 0)
    assert report.updated == ["a", "b", "c"]
    assert report.failed == {}
    assert report.seconds > 0
    assert report.to_dict() == {
        "rows": 3,
        "images": 3,
        "updated": ["a", "b", "c"],
        "unchanged": 0,
        "removed": [],
        "failed": [],
        "stale": [],
        "sources": [],
        "derived": False,
        "problem": "",
    }


# All tables


def test_rebuild_all_makes_every_registered_table_and_fills_no_cache(kd: KymDataset) -> None:
    kd.rebuild("radon_report")
    begun: list[str] = []

    reports = kd.rebuild_all(on_table=begun.append)

    assert list(reports) == begun == ["radon_report", "velocity_events"]
    assert reports == kd.reports
    assert kd.tables == {}
    assert kd.ds.list_table_names() == ["radon_report", "velocity_events"]


def test_rebuild_all_takes_some_indexers_and_some_images(kd: KymDataset) -> None:
    kd.rebuild_all()

    reports = kd.rebuild_all(indexers=["velocity_events"], image_ids=iter(["a"]))

    assert list(reports) == ["velocity_events"]
    assert reports["velocity_events"].updated == ["a"]


def test_rebuild_all_with_an_unknown_indexer_begins_nothing(kd: KymDataset) -> None:
    with pytest.raises(UnknownIndexerError, match="no indexer is named 'stalls'"):
        kd.rebuild_all(indexers=["radon_report", "stalls"])
    assert kd.ds.list_table_names() == []


def test_one_indexer_that_fails_everywhere_does_not_spoil_the_others(kd: KymDataset) -> None:
    kd.registry.register(FrameIndexer({"a": ValueError("bad"), "b": frame(x=[{}])}, name="broken"))

    reports = kd.rebuild_all(on_error="skip")

    assert sorted(reports["broken"].failed) == ["a", "b"]
    assert reports["velocity_events"].rows == 2


def test_rebuild_all_without_indexers_does_nothing(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=IndexerRegistry(()))

    assert kd.rebuild_all() == {}
