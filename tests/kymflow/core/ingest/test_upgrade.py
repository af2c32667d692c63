"""The upgrade of datasets of earlier versions: what is added, what stays, and that it may be interrupted."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from kymflow import IndexerRegistry, KymDataset, ZarrDataset
from kymflow_zarr import CancelledError
from kymflow_zarr.errors import ReadOnlyError, StoreError
from kymflow_zarr.formats.groups import write_group
from support.earlier_records import (
    S_PER_LINE,
    UM_PER_PIXEL,
    CalibrationIndexer,
    PixelIndexer,
    earlier_lab,
    forget,
    payload,
)
from support.failing_disks import read_only_medium
from support.refreshing import Crash, CrashAt, hooked, open_dataset, settle, snapshot
from support.simple_indexers import add_image

LEVEL = {
    "path": "data",
    "coordinateTransformations": [{"type": "scale", "scale": [S_PER_LINE, UM_PER_PIXEL]}],
}
AXES = [{"name": "y", "type": "space"}, {"name": "x", "type": "space", "unit": "micrometer"}]


@pytest.fixture(params=[3, 2])
def zarr_format(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def kd(tmp_path: Path, zarr_format: int) -> KymDataset:
    return earlier_lab(tmp_path / "lab.zarr", zarr_format)


def check_upgraded(kd: KymDataset) -> None:
    """All three images have what they should have, and lack nothing any more."""
    for image_id in "ab":
        assert kd.ds.record(image_id).get_calibration() == (
            (S_PER_LINE, UM_PER_PIXEL),
            ("second", "micrometer"),
        )
    assert kd.ds.record("c").get_calibration() == ((1.0, 1.0), (None, None))
    before = snapshot(Path(kd.ds.path))
    report = kd.upgrade()
    assert (report.images, report.upgraded, report.unchanged) == (3, [], 3)
    assert (report.uncalibrated, report.without_ngff, report.failed) == (["c"], {}, {})
    assert snapshot(Path(kd.ds.path)) == before


def test_records_get_ngff_attributes_and_the_calibration_of_their_headers(
    kd: KymDataset, zarr_format: int
) -> None:
    created = kd.ds.record("a").get_attrs()

    report = kd.upgrade()

    assert (report.images, report.upgraded, report.unchanged) == (3, ["a", "b", "c"], 0)
    assert report.uncalibrated == ["c"]
    attrs = kd.ds.record("a").get_attrs()
    image = {"name": "a", "axes": AXES, "datasets": [LEVEL]}
    told = (
        {"multiscales": [{"version": "0.4", **image}]}
        if zarr_format == 2
        else {"ome": {"version": "0.5", "multiscales": [image]}}
    )
    assert attrs == {
        **created,
        "scale": [S_PER_LINE, UM_PER_PIXEL],
        "units": ["second", "micrometer"],
        "axis_display": {"y": {"type": "time", "unit": "second"}},
        **told,
    }
    group = zarr.open_group(kd.ds.path, mode="r", use_consolidated=False)
    array = group["images/a/data"]
    assert isinstance(array, zarr.Array)
    if zarr_format == 2:
        assert dict(array.attrs) == {"_ARRAY_DIMENSIONS": ["y", "x"]}
    else:
        assert array.metadata.dimension_names == ("y", "x")  # type: ignore[union-attr]
    check_upgraded(kd)


def test_no_pixel_and_no_artifact_is_touched(kd: KymDataset) -> None:
    before = snapshot(Path(kd.ds.path))
    kd.upgrade()
    after = snapshot(Path(kd.ds.path))
    written = {key for key in after if after[key] != before.get(key)}
    assert set(before) <= set(after)
    assert {key.rpartition("/")[2] for key in written} <= {"zarr.json", ".zattrs", ".zgroup"}
    assert not any(key.startswith(("tables", "index")) for key in written)


@pytest.mark.slow
@pytest.mark.parametrize("settled", [True, False])
def test_no_table_gets_stale(kd: KymDataset, settled: bool) -> None:
    indexers = [*kd.registry.indexers(), PixelIndexer()]
    assert len(indexers) == 3
    if settled:
        settle(Path(kd.ds.path))
    tables = {indexer.name: kd.rebuild(indexer) for indexer in indexers}
    tables |= {"calibration": kd.rebuild(CalibrationIndexer())}

    kd.upgrade()

    for indexer in indexers:
        plan = kd.plan(indexer)
        assert plan.stale == {}, indexer.name
        assert plan.is_empty
        assert kd.refresh(indexer).equals(tables[indexer.name])
        assert kd.reports[indexer.table_name].updated == []
    # Who reads the calibration is told of a new one.
    assert sorted(kd.plan(CalibrationIndexer()).stale) == ["a", "b", "c"]
    kd.refresh(CalibrationIndexer())
    assert kd.check().is_clean


def test_a_new_calibration_makes_only_those_stale_that_read_it(kd: KymDataset) -> None:
    kd.upgrade()
    for indexer in (PixelIndexer(), CalibrationIndexer()):
        kd.rebuild(indexer)
    kd.ds.record("c").save_metadata_payload(payload(0.002, 0.5))

    assert kd.upgrade().upgraded == ["c"]

    assert kd.plan(PixelIndexer()).stale == {}
    assert list(kd.plan(CalibrationIndexer()).stale) == ["c"]


def test_new_pixels_make_stale_as_ever(kd: KymDataset) -> None:
    kd.upgrade()
    kd.rebuild(PixelIndexer())
    kd.ds.record("b").save_array(np.ones((4, 3), np.uint16))
    assert list(kd.plan(PixelIndexer()).stale) == ["b"]


def at_writes(hook: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """Call a hook at writes alone: only what is written can be left half done."""

    def call(operation: str, key: str) -> None:
        if operation.endswith(" put"):
            hook(operation, key)

    return call


@pytest.mark.slow
def test_a_crash_at_any_moment_leaves_a_whole_dataset_and_the_next_run_finishes(
    kd: KymDataset, tmp_path: Path
) -> None:
    kd.rebuild_all()
    expected = kd.rebuild(PixelIndexer())
    crashes = 0
    while True:
        path = tmp_path / f"crash-{crashes}.zarr"
        shutil.copytree(kd.ds.path, path)
        again = KymDataset(path, registry=kd.registry)
        broken = hooked(again, at_writes(CrashAt(crashes + 1)))
        try:
            broken.upgrade()
        except Crash:
            crashes += 1
        else:
            break
        assert again.plan(PixelIndexer()).is_empty
        assert again.rebuild(PixelIndexer()).equals(expected)
        assert again.check().is_clean
        again.upgrade()
        check_upgraded(again)
    # A call before and after each document: those of three records, in Zarr v2 in three files each.
    assert crashes == (6 if kd.ds.zarr_format == 3 else 18)


def test_an_image_that_cannot_be_read_does_not_stop_the_others(kd: KymDataset, zarr_format: int) -> None:
    kd.ds.store.put("images/a/analysis/metadata.json", b"{")
    damaged = "zarr.json" if zarr_format == 3 else ".zattrs"
    kd.ds.store.put(f"images/b/{damaged}", b"{")

    report = kd.upgrade()

    assert report.upgraded == ["c"]
    assert sorted(report.failed) == ["a", "b"]
    assert "artifact 'metadata.json' of image 'a'" in report.failed["a"]
    assert f"'images/b/{damaged}'" in report.failed["b"]
    kd.ds.record("a").save_metadata_payload(payload(0.5, 0.25))
    assert kd.upgrade().upgraded == ["a"]
    assert kd.ds.record("a").get_calibration().scale == (0.5, 0.25)


@pytest.mark.parametrize(
    ("header", "axes", "expected"),
    [
        ({"voxels": [0.002, 0.5]}, "yx", ((0.002, 0.5), ("second", "micrometer"))),
        ({"voxels": [0.002, 0.5]}, "cyx", ((1.0, 0.002, 0.5), (None, "second", "micrometer"))),
        ({"um_per_pixel": 0.5}, "yx", ((1.0, 0.5), (None, "micrometer"))),
        ({"voxels": [0, float("nan")]}, "yx", ((1.0, 1.0), (None, None))),
        ({"voxels": [0.002, 0.5]}, "xy", ((1.0, 1.0), (None, None))),
        ({}, "yx", ((1.0, 1.0), (None, None))),
        (None, "yx", ((1.0, 1.0), (None, None))),
        ([1], "yx", ((1.0, 1.0), (None, None))),
    ],
)
def test_the_calibration_is_what_the_header_tells_of_the_last_two_axes(
    kd: KymDataset, header: object, axes: str, expected: object
) -> None:
    record = kd.ds.record("b")
    record.save_array(np.zeros((2, 3, 4)[-len(axes) :]), axes=axes)
    forget(kd.ds, "b")
    record.save_metadata_payload({"header": header})
    assert kd.upgrade().failed == {}
    assert record.get_calibration() == expected


def test_axes_that_ngff_has_no_form_for_are_named(kd: KymDataset) -> None:
    kd.ds.record("stack").save_array(np.zeros((2, 3, 4, 2)))
    forget(kd.ds, "stack")
    write_group(kd.ds.store, "images/bare", {}, kd.ds.zarr_format)

    report = kd.upgrade()

    assert report.without_ngff == {
        "stack": "NGFF has no form for the axes z, y, x, c",
        "bare": "it has no pixels",
    }
    assert not {"ome", "multiscales"} & set(kd.ds.record("stack").get_attrs())


def test_a_dataset_that_nobody_may_write_says_so(
    kd: KymDataset, monkeypatch: pytest.MonkeyPatch, zarr_format: int
) -> None:
    path = Path(kd.ds.path)
    before = snapshot(path)
    with pytest.raises(ReadOnlyError, match="was opened with mode='r'"):
        KymDataset(path, "r").upgrade()
    with (
        read_only_medium(monkeypatch),
        pytest.raises(StoreError, match=r"cannot write 'images/a/.*lab\.zarr: Read-only file system"),
    ):
        kd.upgrade()
    assert snapshot(path) == before
    kd.upgrade()
    with read_only_medium(monkeypatch) as tried:
        assert kd.upgrade().unchanged == 3
    assert tried == []


@pytest.mark.slow
def test_a_cancelled_run_says_how_far_it_came_and_the_next_goes_on(kd: KymDataset) -> None:
    for number in range(70):
        forget(kd.ds, add_image(kd, f"more-{number:03}").image_id)
    cancel, told = threading.Event(), []

    def step(done: int, total: int) -> None:
        told.append((done, total))
        cancel.set()

    with pytest.raises(CancelledError, match=r"cancelled after 64 of 73 images; run it again to go on"):
        kd.upgrade(on_progress=step, cancel=cancel)
    assert told == [(0, 73)]
    report = kd.upgrade(on_progress=lambda done, total: told.append((done, total)))
    assert (len(report.upgraded), report.unchanged) == (9, 64)
    assert told[1:] == [(0, 73), (64, 73), (73, 73)]


def test_it_works_in_object_stores(object_url: str) -> None:
    kd = open_dataset(object_url)
    for image_id in "ab":
        add_image(kd, image_id)
        forget(kd.ds, image_id)
    kd.ds.record("a").save_metadata_payload(payload(0.5, 0.25))
    kd.rebuild(PixelIndexer())

    assert kd.upgrade().upgraded == ["a", "b"]

    assert kd.ds.record("a").get_calibration().scale == (0.5, 0.25)
    assert kd.plan(PixelIndexer()).is_empty
    assert kd.upgrade().unchanged == 2


def test_a_dataset_that_an_earlier_version_wrote_gets_them_and_keeps_its_tables_fresh(
    shared_data: Path, tmp_path: Path, registry: IndexerRegistry
) -> None:
    shutil.copytree(shared_data / "zarr_v2" / "lab.zarr", tmp_path / "lab.zarr")
    kd = KymDataset(ZarrDataset(tmp_path / "lab.zarr"), registry=registry)
    kd.rebuild_all()
    kd.rebuild(PixelIndexer())

    assert len(kd.upgrade().upgraded) == 4

    for indexer in (*registry.indexers(), PixelIndexer()):
        assert kd.plan(indexer).is_empty
    assert kd.upgrade().unchanged == 4
    assert not list(Path(kd.ds.path).rglob("zarr.json"))
