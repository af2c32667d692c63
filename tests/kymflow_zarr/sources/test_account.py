"""The account of an ingest: every file taken in, used, or named with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tifffile

from kymflow_zarr import SourceImage, TiffReader
from kymflow_zarr.sources.account import FAILED_BESIDE, NOT_LOOKED_AT
from kymflow_zarr.sources.choose import NO_IMAGE, NO_READER, OTHER
from support.random_folders import check_account
from support.tiff_folders import REINGEST, write_json, write_tiff


def make(folder, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


def test_every_other_file_is_named_with_the_reason(local, folder) -> None:
    names = {
        "scan.oir": NO_READER,
        "scan.CZI": NO_READER,
        "day 2/scan.nd2": NO_READER,
        "day 2/scan.lsm": NO_READER,
        "c.json": NO_IMAGE,
        "flow-analysis/a_radon.csv": NO_IMAGE,
        "notes.docx": OTHER,
        "._a.tif": "hidden, or left behind by another program",
        "a.params (conflicted copy).json": "a copy that a file service made of a conflict",
    }
    make(folder, *names)
    report = local.sync_from_folder(folder)
    assert report.passed_over == names
    assert list(report.passed_over) == sorted(names)
    check_account(local, folder, report)
    assert local.sync_from_folder(folder, mode=REINGEST).passed_over == names


def test_what_lies_beside_a_failed_source_is_said_to(local, folder) -> None:
    (folder / "Bad.tif").write_text("no image")
    beside = ["Bad.json", "bad_radon.csv", "Bad.tif.json", "flow-analysis/Bad_events.json", "Bad.p.json"]
    # An image is nobody's sidecar.
    others = ["Badly.json", "Ba.json", "x/y/Bad.json", "json", "Bad.oir"]
    make(folder, *beside, *others)
    report = local.sync_from_folder(folder)
    assert {path for path, reason in report.passed_over.items() if reason == FAILED_BESIDE} == set(beside)
    assert set(report.passed_over) == {*beside, *others}
    check_account(local, folder, report)


def test_what_lies_beside_a_source_of_another_name_is_said_to(local, folder) -> None:
    write_tiff(folder / "x" / "dark.tif", 9)
    make(folder, "x/dark.p.json", "x/other.p.json", "x/dark_CH2.lsm")
    report = local.sync_from_folder(folder, "a*.tif")
    told = {path: reason for path, reason in report.passed_over.items() if path.startswith("x/")}
    assert told == {
        "x/dark.tif": "not named a*.tif",
        "x/dark.p.json": "beside a source that is not named a*.tif",
        "x/dark_CH2.lsm": "beside a source that is not named a*.tif",
        "x/other.p.json": "a sidecar of no image",
    }


def test_sidecars_of_a_known_source_that_fails_are_still_its_own(ingested, folder) -> None:
    (folder / "a.tif").write_text("no image")
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert list(report.failed) == ["a.tif"]
    assert report.passed_over == {}
    (folder / "a.tif").unlink()
    (folder / "a.tif").symlink_to("nowhere")
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert list(report.failed) == ["a.tif"]
    assert report.passed_over == {}


def test_new_sidecar_is_not_said_to_be_of_no_image_where_only_new_files_are_taken(ingested, folder) -> None:
    write_json(folder / "a.new.json", 1)
    write_json(folder / "z.new.json", 1)
    report = ingested.sync_from_folder(folder, mode="skip")
    assert report.passed_over == {"a.new.json": NOT_LOOKED_AT, "z.new.json": NO_IMAGE}
    assert ingested.sync_from_folder(folder, mode=REINGEST).passed_over == {"z.new.json": NO_IMAGE}


def test_remarks_of_a_reader_are_told_by_source(local, folder) -> None:
    class Remarking(TiffReader):
        def read(self, primary):
            return replace(super().read(primary), remarks=["of " + primary.name])

    remarks = local.sync_from_folder(folder, reader=Remarking()).remarks
    assert remarks == {"a.tif": ["of a.tif"], "b.tif": ["of b.tif"], "day 2/c.tif": ["of c.tif"]}


@pytest.mark.parametrize("mode", ["skip", REINGEST])
def test_twins_are_told_in_each_run(local, folder, mode) -> None:
    write_tiff(folder / "day 2" / "twin.tif", 1)
    write_tiff(folder / "triplet.tif", 1)
    for _ in range(2):
        report = local.sync_from_folder(folder, mode=mode)
        assert report.duplicates == [("b.tif", "day 2/twin.tif", "triplet.tif")]
    assert len(local.list_image_ids()) == 5


class Channels(TiffReader):
    """Takes a second channel as a sidecar of the first, where that is there."""

    def matches(self, path):
        return path.name != "2.tif" or not path.with_name("1.tif").exists()

    def files(self, primary):
        second = primary.with_name("2.tif")
        return [second] if primary.name == "1.tif" and second.exists() else []

    def read(self, primary):
        return SourceImage(tifffile.imread(primary))


def test_image_that_has_become_a_channel_of_another_does_not_count_on_in_silence(local, tmp_path) -> None:
    folder = tmp_path / "in"
    write_tiff(folder / "2.tif", 2)
    (second,) = local.sync_from_folder(folder, reader=Channels()).new
    write_tiff(folder / "1.tif", 1)
    for _ in range(2):
        report = local.sync_from_folder(folder, mode=REINGEST, reader=Channels())
        assert (report.missing, report.passed_over) == (["2.tif"], {})
        assert list(local.sources_standing().gone) == [second]
        check_account(local, folder, report)
    (folder / "1.tif").unlink()
    report = local.sync_from_folder(folder, mode=REINGEST, reader=Channels())
    assert (report.image_ids, report.missing) == ([], ["1.tif"])
    assert second not in local.sources_standing().gone
