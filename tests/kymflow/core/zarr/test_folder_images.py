"""Ingests that crash, fail or are cancelled: what they leave is whole, and the next one mends it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from kymflow_zarr import CancelledError, SourceError
from kymflow_zarr.errors import StoreError
from support.edited_folder import check_ingest, make_ingested, old_and_new
from support.edited_lab import builtin_registry, content
from support.failing_disks import Disk, calls_of, check_told
from support.refreshing import Crash, CrashAt, cancel_at, hooked

pytestmark = pytest.mark.slow


def ingest_crashes(tmp_path: Path, step: Callable[[int], int]) -> int:
    """Crash ingest_folder at steps of one's choice; return how many there were."""
    folder = tmp_path / "in"
    simulate_folder(folder, 3, n_lines=40, n_pixels=8)
    expected = KymDataset(tmp_path / "expected.zarr", mode="a", registry=builtin_registry())
    expected.ingest_folder(folder)
    wanted = content(expected)
    n = crashes = 0
    while True:
        n = step(n)
        path = tmp_path / "lab.zarr"
        kd = KymDataset(path, mode="a", registry=builtin_registry())
        try:
            hooked(kd, CrashAt(n)).ingest_folder(folder)
            return crashes
        except Crash:
            crashes += 1
        again = KymDataset(path, registry=builtin_registry())
        for name in again.ds.list_table_names():
            again.ds.load_table(name)
        again.ds.load_sources_index()
        again.ingest_folder(folder)
        found = content(again)
        assert sorted(found) == sorted(wanted)
        for name in wanted:
            assert_frame_equal(found[name], wanted[name], obj=f"{name} after a crash at step {n}")
        assert len(again.ds.list_image_ids()) == 3
        for record in again.ds.iter_records():
            assert record.load_array().shape == (40, 8)
        shutil.rmtree(path)


def test_a_crash_of_an_ingest_is_mended_by_the_next_one(tmp_path: Path) -> None:
    assert ingest_crashes(tmp_path, lambda n: n + 1 + n // 5) > 10


@pytest.mark.long
def test_a_crash_of_an_ingest_at_any_step_is_mended_by_the_next_one(tmp_path: Path) -> None:
    assert ingest_crashes(tmp_path, lambda n: n + 1) > 100


def test_a_disk_that_fails_at_one_call_of_an_ingest_is_mended_by_the_next(tmp_path: Path) -> None:
    original = make_ingested(tmp_path / "original.zarr")
    old, new = old_and_new(original)
    path = tmp_path / "lab.zarr"
    shutil.copytree(original.ds.path, path)
    calls = calls_of(lambda: KymDataset(path, registry=builtin_registry()).ingest_folder(tmp_path / "in"))
    shutil.rmtree(path)
    failures = 0
    for n in [*range(1, calls, 5), calls]:
        shutil.copytree(original.ds.path, path)
        kd = KymDataset(path, registry=builtin_registry())
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, n)
            try:
                kd.ingest_folder(tmp_path / "in")
            except StoreError as error:
                failures += 1
                check_told(error, disk, kd)
        check_ingest(path, old, new)
        shutil.rmtree(path)
    assert failures > 3


def test_a_cancel_at_any_step_of_an_ingest_leaves_what_is_whole(tmp_path: Path) -> None:
    original = make_ingested(tmp_path / "original.zarr")
    old, new = old_and_new(original)
    path = tmp_path / "lab.zarr"
    # Two sources, then the changed image of one table: told of before each and after the last.
    for n in range(1, 3 + 2):
        shutil.copytree(original.ds.path, path)
        kd = KymDataset(path, registry=builtin_registry())
        with pytest.raises(CancelledError, match="cancelled"):
            kd.ingest_folder(tmp_path / "in", **cancel_at(n))
        assert kd.ds.load_sources_index()["image_id"].isin(kd.ds.list_image_ids()).all()
        assert not any(kd.plan(indexer).whole for indexer in kd.registry.indexers())
        check_ingest(path, old, new)
        shutil.rmtree(path)
    shutil.copytree(original.ds.path, path)
    kd = KymDataset(path, registry=builtin_registry())
    kd.ingest_folder(tmp_path / "in", **cancel_at(3 + 2))
    assert kd.plan("velocity_events").is_empty


def test_progress_of_an_ingest_ends_with_all_of_each_phase(tmp_path: Path) -> None:
    kd = make_ingested(tmp_path / "lab.zarr")
    phases: list[list[tuple[int, int]]] = [[]]
    kd.ingest_folder(
        tmp_path / "in",
        on_progress=lambda done, total: phases[-1].append((done, total)),
        on_table=lambda name: phases.append([]),
    )

    assert phases == [[(0, 2), (1, 2), (2, 2)], [], [(0, 1), (1, 1)]]


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


def test_a_refresh_of_the_storage_reads_kymographs_as_an_ingest_does(empty: KymDataset, folder: Path) -> None:
    other = KymDataset(Path(empty.ds.path).with_name("other.zarr"), mode="a", registry=builtin_registry())
    other.ingest_folder(folder)

    new = empty.ds.refresh_from_folder(folder)
    for name in ("velocity_events", "radon_report"):
        empty.update_images(name, new)

    found, wanted = content(empty), content(other)
    assert sorted(found) == sorted(wanted)
    for name in wanted:
        assert_frame_equal(found[name], wanted[name], obj=name)


def test_images_of_a_cancelled_run_are_returned_by_the_next_one(empty: KymDataset, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    simulate_folder(folder, 30, n_lines=20, n_pixels=8)
    with pytest.raises(CancelledError, match="cancelled after 11 of 30"):
        empty.ds.refresh_from_folder(folder, **cancel_at(11))

    new = empty.ds.refresh_from_folder(folder)

    assert sorted(new) == empty.ds.list_image_ids()
    assert len(new) == 30
    empty.update_images("radon_report", new)
    assert empty.plan("radon_report").is_empty
    assert empty.ds.refresh_from_folder(folder) == []


def test_images_whose_update_was_cancelled_are_returned_again(empty: KymDataset, folder: Path) -> None:
    for name in ("velocity_events", "radon_report"):
        empty.rebuild(name)
    new = empty.refresh_from_folder(folder)
    empty.update_images("radon_report", new)
    with pytest.raises(CancelledError, match="cancelled"):
        empty.update_images("velocity_events", new, **cancel_at(1))

    assert sorted(empty.refresh_from_folder(folder)) == sorted(new)
    empty.update_images("velocity_events", new)
    assert empty.refresh_from_folder(folder) == []
