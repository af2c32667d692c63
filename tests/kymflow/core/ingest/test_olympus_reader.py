"""Exports with a TIFF per channel are one image, unless a program took each file for one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow import IndexerRegistry, KymDataset
from support.acquisitions import HEADER

LINES = np.arange(40, dtype=np.uint16).reshape(8, 5)


@pytest.fixture
def kd(tmp_path: Path, registry: IndexerRegistry) -> KymDataset:
    return KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def export(folder: Path, *names: str) -> None:
    for number, name in enumerate(names, 1):
        tifffile.imwrite(folder / name, LINES * number)


def images_of(kd: KymDataset) -> dict[str, tuple[int, ...]]:
    sources = kd.ds.load_sources_index()
    pairs = zip(sources["source_rel_path"], sources["image_id"], strict=True)
    return {path: kd.ds.record(image_id).load_array().shape for path, image_id in pairs}


def test_two_channels_are_one_image_calibrated_by_their_common_header(kd: KymDataset, folder: Path) -> None:
    export(folder, "scan_0001_C001T001.tif", "scan_0001_C002T001.tif")
    (folder / "scan_0001.txt").write_text(HEADER)

    report = kd.ingest_folder(folder)

    assert (len(report.new), report.failed, report.passed_over) == (1, {}, {})
    record = kd.ds.record(report.new[0])
    np.testing.assert_array_equal(record.load_array(), np.stack([LINES, LINES * 2]))
    assert record.get_axes() == ["c", "y", "x"]
    header = record.load_metadata_payload()["header"]
    assert (header["voxels"], header["num_channels"]) == ([0.5, 0.331], 2)
    assert (header["shape"], header["ndim"]) == ([2, *LINES.shape], 3)


@pytest.mark.parametrize(
    "names",
    [
        ["a_C001T001.tif", "a_C003T001.tif", "a_C002T001.tif"],
        ["a_C001.tif", "a_C002.tif"],
        ["a_C002T001.TIF", "a_C001T001.tif"],
        ["a_c001t001.tif", "a_c002t001.tif"],
        ["a.b_C001T001.tiff", "a.b_C002T001.tiff"],
    ],
)
def test_channels_are_told_by_their_numbers(kd: KymDataset, folder: Path, names: list[str]) -> None:
    export(folder, *names)

    kd.ingest_folder(folder)

    first = min(names, key=str.lower)
    assert images_of(kd) == {first: (len(names), 8, 5)}


def test_time_points_and_other_acquisitions_are_images_of_their_own(kd: KymDataset, folder: Path) -> None:
    export(folder, "a_C001T001.tif", "a_C002T001.tif", "a_C001T002.tif", "ab_C001T001.tif", "a_C01T001.tif")

    kd.ingest_folder(folder)

    assert images_of(kd) == {
        "a_C001T001.tif": (2, 8, 5),
        "a_C001T002.tif": (8, 5),
        "a_C01T001.tif": (8, 5),
        "ab_C001T001.tif": (8, 5),
    }


@pytest.mark.parametrize(
    "sidecar", ["a_C002T001.json", "flow-analysis/a_C002T001_radon.csv", "a_C001T001.tif.json"]
)
def test_a_file_that_a_program_took_for_an_image_is_one(kd: KymDataset, folder: Path, sidecar: str) -> None:
    export(folder, "a_C001T001.tif", "a_C002T001.tif")
    (folder / "a.txt").write_text(HEADER)
    (folder / "flow-analysis").mkdir()
    text = "roi_id,channel,time,velocity\n1,1,0,2\n" if sidecar.endswith(".csv") else "{}"
    (folder / sidecar).write_text(text)

    report = kd.ingest_folder(folder)

    assert (report.failed, report.passed_over) == ({}, {})
    assert images_of(kd) == {"a_C001T001.tif": (8, 5), "a_C002T001.tif": (8, 5)}
    for image_id in report.new:
        assert kd.ds.record(image_id).load_metadata_payload()["header"]["voxels"] == [0.5, 0.331]


def test_channels_of_two_shapes_fail_and_are_named(kd: KymDataset, folder: Path) -> None:
    export(folder, "a_C001T001.tif")
    tifffile.imwrite(folder / "a_C002T001.tif", LINES[:4])

    report = kd.ingest_folder(folder)

    assert list(report.failed) == ["a_C001T001.tif"]
    assert r"a_C001T001.tif has (8, 5), this one (4, 5)" in report.failed["a_C001T001.tif"]


def test_a_channel_that_changes_or_goes_is_a_change_of_the_image(kd: KymDataset, folder: Path) -> None:
    export(folder, "a_C001T001.tif", "a_C002T001.tif", "a_C003T001.tif")
    (image_id,) = kd.ingest_folder(folder).new
    tifffile.imwrite(folder / "a_C002T001.tif", LINES * 9)
    assert kd.ingest_folder(folder).changed == [image_id]
    np.testing.assert_array_equal(kd.ds.record(image_id).load_array()[1], LINES * 9)

    (folder / "a_C003T001.tif").unlink()
    assert kd.ingest_folder(folder).changed == [image_id]
    assert kd.ds.record(image_id).load_array().shape == (2, 8, 5)


def test_sidecars_of_the_first_channel_are_those_of_the_image(kd: KymDataset, folder: Path) -> None:
    export(folder, "a_C001T001.tif", "a_C002T001.tif")
    (folder / "a_C001T001.json").write_text(json.dumps({"accepted": False, "rois": [{"roi_id": 7}]}))

    kd.ingest_folder(folder)

    assert kd.get_table("radon_report")[["roi_id", "accepted"]].to_numpy().tolist() == [[7, False]]


@pytest.mark.parametrize("twice", ["scan_C001T001.tiff", "scan_C002T001.tiff"])
def test_second_file_of_one_channel_is_an_image_of_its_own(kd: KymDataset, folder: Path, twice: str) -> None:
    export(folder, "scan_C001T001.tif", "scan_C002T001.tif", twice)
    report = kd.ingest_folder(folder)
    assert (report.failed, report.passed_over) == ({}, {})
    assert images_of(kd) == {"scan_C001T001.tif": (2, 8, 5), twice: (8, 5)}


@pytest.mark.parametrize("mode", ["skip", "reingest_if_changed"])
def test_a_channel_that_stays_behind_is_an_image_of_its_own(kd: KymDataset, folder: Path, mode: str) -> None:
    export(folder, "a_C001T001.tif", "a_C002T001.tif")
    (image_id,) = kd.ingest_folder(folder).new
    (folder / "moved").mkdir()
    (folder / "a_C001T001.tif").rename(folder / "moved" / "a_C001T001.tif")

    report = kd.ingest_folder(folder, mode=mode)

    assert (report.changed, len(report.new), report.failed, report.passed_over) == ([image_id], 1, {}, {})
    assert images_of(kd) == {"a_C002T001.tif": (8, 5), "moved/a_C001T001.tif": (8, 5)}
    assert kd.ingest_folder(folder, mode=mode).unchanged == 2
