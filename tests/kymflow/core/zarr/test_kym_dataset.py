from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from kymflow import ExtractionError, IndexerRegistry, InvalidIndexerError, KymDataset, UnknownIndexerError
from kymflow.core.zarr.tables.ledger_file import commit_of
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import VelocityEventsIndexer
from kymflow_zarr import (
    CancelledError,
    InvalidNameError,
    ReadOnlyError,
    RecordNotFoundError,
    SourceError,
    TableNotFoundError,
    ZarrDataset,
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


# Opening


def test_a_path_a_url_and_an_open_dataset_are_all_taken(tmp_path: Path, registry: IndexerRegistry) -> None:
    ds = ZarrDataset(tmp_path / "lab.zarr")

    assert KymDataset(ds, registry=registry).ds is ds
    assert KymDataset(str(tmp_path / "lab.zarr"), "r", registry=registry).ds.read_only
    assert KymDataset(tmp_path / "new.zarr", registry=registry).ds.list_image_ids() == []


def test_a_dataset_in_an_object_store_works_as_on_disk(registry: IndexerRegistry, object_url: str) -> None:
    kd = KymDataset(object_url, registry=registry)
    for image_id in "ab":
        add_image(kd, image_id).save_json("radon_report", {"n_valid": 1})
    kd.rebuild("radon_report")
    kd.ds.record("b").save_json("radon_report", {"n_valid": 2})
    kd.ds.delete_image("a")

    table = kd.update_images("radon_report", ["a", "b"])

    assert table["image_id"].tolist() == ["b"]
    assert table["n_valid"].tolist() == [2]
    assert_frame_equal(
        kd.get_table("radon_report"), KymDataset(kd.ds, registry=registry).rebuild("radon_report")
    )


def test_its_repr_says_where_it_is_and_how_it_was_opened(kd: KymDataset) -> None:
    assert repr(kd) == f"KymDataset({kd.ds.path!r}, mode='a')"


# Instance or name


def test_an_instance_and_its_registered_name_do_the_same(kd: KymDataset) -> None:
    assert_frame_equal(kd.rebuild(VelocityEventsIndexer()), kd.rebuild("velocity_events"))


def test_an_unknown_name_says_which_there_are(kd: KymDataset) -> None:
    with pytest.raises(
        UnknownIndexerError, match="no indexer is named 'stalls'; there are: radon_report, velocity_events"
    ):
        kd.rebuild("stalls")


def test_an_unknown_name_says_what_to_install_where_nothing_is(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", registry=IndexerRegistry(()))

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
    }


# Failures


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


def test_cancel_leaves_the_table_as_it_was(kd: KymDataset, table_file: TableFile) -> None:
    kd.rebuild("radon_report")
    before = table_file(kd, "radon_report").read_bytes()
    cancel = threading.Event()
    cancel.set()

    with pytest.raises(CancelledError, match="'radon_report' was cancelled after 0 of 3 images"):
        kd.rebuild("radon_report", cancel=cancel)

    assert table_file(kd, "radon_report").read_bytes() == before


def test_progress_is_told(kd: KymDataset) -> None:
    told: list[tuple[int, int]] = []

    kd.rebuild("radon_report", on_progress=lambda done, total: told.append((done, total)))

    # Artifacts of many images are read together.
    assert told == [(0, 3), (3, 3)]
    told.clear()
    kd.rebuild(FrameIndexer({}), on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


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
    kd = KymDataset(tmp_path / "lab.zarr", registry=IndexerRegistry(()))

    assert kd.rebuild_all() == {}


# Reading only


def test_a_read_only_dataset_shows_tables_and_refuses_writes(
    kd: KymDataset, registry: IndexerRegistry
) -> None:
    table = kd.rebuild("radon_report")
    before = {path: path.stat().st_mtime_ns for path in Path(kd.ds.path).rglob("*")}
    reader = KymDataset(kd.ds.path, "r", registry=registry)

    reader.load_tables()
    assert_frame_equal(reader.get_table("radon_report", with_source=False), table)
    for write in (
        lambda: reader.rebuild("radon_report"),
        lambda: reader.update_image("radon_report", "a"),
        lambda: reader.rebuild_all(),
        lambda: reader.save_table("radon_report"),
        lambda: reader.save_all_tables(),
        lambda: reader.ingest_folder(Path(kd.ds.path).parent),
    ):
        with pytest.raises(ReadOnlyError, match="was opened with mode='r'"):
            write()

    assert {path: path.stat().st_mtime_ns for path in Path(kd.ds.path).rglob("*")} == before


# Folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "kymographs"
    simulate_folder(folder, 4, n_lines=200, n_pixels=12)
    return folder


@pytest.fixture
def empty(tmp_path: Path, registry: IndexerRegistry) -> KymDataset:
    return KymDataset(tmp_path / "ingested.zarr", registry=registry)


def edit_events(folder: Path, stem: str = "capillary_0002") -> None:
    (path,) = folder.rglob(f"{stem}_events.json")
    path.write_text(path.read_text("utf-8").replace("unreviewed", "true_stall"), "utf-8")


def test_ingest_takes_a_folder_in_and_updates_all_tables(empty: KymDataset, folder: Path) -> None:
    report = empty.ingest_folder(folder)

    assert sorted(report.new) == empty.ds.list_image_ids()
    assert (report.changed, report.unchanged, report.conflicts, report.failed) == ([], 0, [], {})
    assert report.tables["velocity_events"].rows == 2
    assert report.tables["radon_report"].rows == 3
    assert empty.tables == {}


def test_ingesting_twice_changes_nothing(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)
    before = {name: empty.get_table(name) for name in empty.ds.list_table_names()}
    files = {path: path.read_bytes() for path in Path(empty.ds.path).glob("tables/*.parquet")}

    report = empty.ingest_folder(folder)

    assert (report.new, report.changed, report.unchanged) == ([], [], 4)
    assert all(found.updated == [] for found in report.tables.values())
    assert {path: path.read_bytes() for path in files} == files
    for name, table in before.items():
        assert_frame_equal(empty.get_table(name), table)


def test_a_changed_sidecar_updates_just_that_image(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)
    edit_events(folder)

    report = empty.ingest_folder(folder)

    assert len(report.changed) == 1
    assert report.tables["velocity_events"].updated == report.changed
    table = empty.get_table("velocity_events")
    assert table.loc[table["image_id"].isin(report.changed), "user_type"].unique().tolist() == ["true_stall"]


def test_a_changed_sidecar_is_not_looked_for_on_demand(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)
    edit_events(folder)

    assert empty.ingest_folder(folder, mode="skip").changed == []


def test_what_was_edited_in_the_dataset_is_kept_and_reported(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)
    table = empty.get_table("velocity_events")
    image_id = table.loc[0, "image_id"]
    record = empty.ds.record(image_id)
    record.save_df_parquet("velocity_events", record.load_df_parquet("velocity_events").assign(note="mine"))
    edit_events(folder)

    report = empty.ingest_folder(folder)
    assert [(found.image_id, found.part) for found in report.conflicts] == [
        (image_id, "analysis/velocity_events.parquet")
    ]
    assert empty.get_table("velocity_events")["note"].unique().tolist() == ["mine"]

    assert empty.ingest_folder(folder, overwrite=True).conflicts == []
    assert empty.get_table("velocity_events")["note"].unique().tolist() == [""]


def test_images_of_an_ingest_that_never_came_to_the_tables_are_taken_up_by_the_next(
    empty: KymDataset, folder: Path
) -> None:
    empty.rebuild_all()
    empty.ds.sync_from_folder(folder)

    report = empty.ingest_folder(folder)

    assert len(report.tables["velocity_events"].updated) == 4


def test_a_folder_that_is_none_is_refused(empty: KymDataset, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere is no folder to ingest from"):
        empty.ingest_folder(tmp_path / "nowhere")


def test_with_source_adds_the_file_after_image_id(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)

    table = empty.get_table("velocity_events", with_source=True)

    assert list(table.columns[:4]) == ["image_id", "rel_path", "file_name", "roi_id"]
    assert table["rel_path"].unique().tolist() == ["day 1/capillary_0002.tif"]
    assert table["file_name"].unique().tolist() == ["capillary_0002.tif"]
    assert "rel_path" not in empty.get_table("velocity_events").columns


def test_with_source_is_missing_for_images_of_no_folder(kd: KymDataset) -> None:
    kd.rebuild("radon_report")

    table = kd.get_table("radon_report", with_source=True)

    assert table[["rel_path", "file_name"]].isna().all(axis=None)


def test_with_source_of_a_table_without_rows(empty: KymDataset, folder: Path) -> None:
    empty.ingest_folder(folder)
    empty.rebuild(FrameIndexer({}))

    assert list(empty.get_table("lab", with_source=True).columns) == ["image_id", "rel_path", "file_name"]


def test_a_table_that_is_not_there_is_refused_with_those_that_are(kd: KymDataset) -> None:
    kd.rebuild("radon_report")

    with pytest.raises(TableNotFoundError, match="has no table 'stalls'; its tables: radon_report"):
        kd.get_table("stalls")


def test_commit_ids_of_two_rebuilds_differ(kd: KymDataset, table_file: TableFile) -> None:
    kd.rebuild("radon_report")
    first = commit_of(pq.read_table(table_file(kd, "radon_report")).schema)
    kd.rebuild("radon_report")

    assert first is not None
    assert commit_of(pq.read_table(table_file(kd, "radon_report")).schema) not in (None, first)


def test_the_frame_returned_is_the_one_in_memory(kd: KymDataset) -> None:
    table = kd.rebuild("radon_report")

    assert kd.tables["radon_report"] is table
    assert kd.get_table("radon_report") is table
    assert isinstance(table.index, pd.RangeIndex)


def test_changes_of_an_ingest_that_never_came_to_the_tables_are_taken_up_by_the_next(
    empty: KymDataset, folder: Path
) -> None:
    empty.ingest_folder(folder)
    edit_events(folder)
    cancel = threading.Event()
    with pytest.raises(CancelledError, match="was cancelled"):
        empty.ingest_folder(folder, cancel=cancel, on_table=lambda name: cancel.set())

    empty.ingest_folder(folder)

    assert empty.get_table("velocity_events")["user_type"].unique().tolist() == ["true_stall"]
