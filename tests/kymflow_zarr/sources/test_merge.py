"""Edits made in the dataset: they are kept, and conflicts with the source are reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kymflow_zarr import Conflict, IngestWarning, TiffReader
from support.tiff_folders import REINGEST, id_of, pixels, write_json, write_tiff


@pytest.fixture
def edited(ingested, folder):
    """The record of a.tif with artifact `params` edited here, and changed at its source since."""
    record = ingested.record(id_of(ingested, "a.tif"))
    record.save_json("params", {"v": "edited"})
    write_json(folder / "a.params.json", {"v": "theirs"})
    return record


def conflict(record, part: str = "analysis/params.json") -> Conflict:
    return Conflict(record.image_id, "a.tif", part)


def test_edit_is_kept_and_reported_each_time(ingested, folder, edited) -> None:
    for _ in range(3):
        report = ingested.sync_from_folder(folder, mode=REINGEST)
        assert report.conflicts == [conflict(edited)]
        assert edited.load_json("params") == {"v": "edited"}
    assert report.changed == []


def test_refresh_warns_of_conflicts(ingested, folder, edited) -> None:
    with pytest.warns(
        IngestWarning, match=r"a\.tif: kept the edited 'analysis/params\.json' of image .*overwrite=True"
    ):
        assert ingested.refresh_from_folder(folder, mode=REINGEST) == [edited.image_id]


def test_overwrite_takes_the_source(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    report = ingested.sync_from_folder(folder, mode=REINGEST, overwrite=True)
    assert report.changed == [edited.image_id]
    assert report.conflicts == []
    assert edited.load_json("params") == {"v": "theirs"}
    assert ingested.sync_from_folder(folder, mode=REINGEST).unchanged == 3


def test_overwrite_at_once_takes_the_source(ingested, folder, edited) -> None:
    report = ingested.sync_from_folder(folder, mode=REINGEST, overwrite=True)
    assert report.conflicts == []
    assert edited.load_json("params") == {"v": "theirs"}


def test_the_rest_of_a_conflicting_image_is_brought_up_to_date(ingested, folder, edited) -> None:
    write_tiff(folder / "a.tif", 8)
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(edited)]
    np.testing.assert_array_equal(edited.load_array(), pixels(8))


def test_conflict_outlives_a_change_elsewhere_in_the_image(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    write_json(folder / "a.other.json", {"v": 3})
    for _ in range(2):
        assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(edited)]
    assert edited.load_json("params") == {"v": "edited"}


def test_edit_that_agrees_with_the_source_is_no_conflict(ingested, folder, edited) -> None:
    edited.save_json("params", {"v": "theirs"})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []


def test_conflict_ends_when_the_source_is_taken_by_hand(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    edited.save_json("params", {"v": "theirs"})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert (report.conflicts, report.unchanged) == ([], 3)


def test_conflict_ends_when_the_edit_is_reverted(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    edited.save_json("params", {"v": 1})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []
    assert edited.load_json("params") == {"v": "theirs"}


def test_conflict_ends_when_the_source_goes_back(ingested, folder, edited) -> None:
    ingested.sync_from_folder(folder, mode=REINGEST)
    write_json(folder / "a.params.json", {"v": 1})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []
    assert edited.load_json("params") == {"v": "edited"}


def test_edit_without_a_change_at_the_source_is_no_conflict(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "a.tif"))
    record.save_json("params", {"v": "edited"})
    assert ingested.sync_from_folder(folder, mode=REINGEST).unchanged == 3
    write_tiff(folder / "a.tif", 8)
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert (report.changed, report.conflicts) == ([record.image_id], [])
    assert record.load_json("params") == {"v": "edited"}


def test_overwrite_leaves_edits_that_are_in_no_conflict(ingested, folder, edited) -> None:
    edited.save_df_parquet("events", pd.DataFrame({"x": [99.0]}))
    ingested.sync_from_folder(folder, mode=REINGEST, overwrite=True)
    assert edited.load_json("params") == {"v": "theirs"}
    assert edited.load_df_parquet("events")["x"].tolist() == [99.0]


def test_artifact_deleted_here_stays_deleted(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "a.tif"))
    record.delete_analysis(suffixes=["/params.json"])
    assert ingested.sync_from_folder(folder, mode=REINGEST).unchanged == 3
    write_json(folder / "a.params.json", {"v": "theirs"})
    for _ in range(2):
        assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(record)]
    ingested.sync_from_folder(folder, mode=REINGEST, overwrite=True)
    assert record.load_json("params") == {"v": "theirs"}


def test_edited_artifact_whose_source_is_deleted_is_kept(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "a.tif"))
    record.save_json("params", {"v": "edited"})
    (folder / "a.params.json").unlink()
    for _ in range(2):
        assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(record)]
    assert record.load_json("params") == {"v": "edited"}


def test_edited_pixels_are_kept_with_their_axes(ingested, folder) -> None:
    record = ingested.record(id_of(ingested, "a.tif"))
    record.save_array(np.ones((2, 3, 4)), axes=["t", "y", "x"])
    write_json(folder / "a.params.json", {"v": 2})
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == []
    assert record.load_array().shape == (2, 3, 4)
    assert record.get_axes() == ["t", "y", "x"]
    write_tiff(folder / "a.tif", 8)
    assert ingested.sync_from_folder(folder, mode=REINGEST).conflicts == [conflict(record, "data")]
    assert record.load_array().shape == (2, 3, 4)
    assert record.get_axes() == ["t", "y", "x"]


# Calibration


class Calibrated(TiffReader):
    """Reads a TIFF, with the calibration that it was told."""

    def __init__(self, scale=None, units=None) -> None:
        super().__init__()
        self.scale, self.units = scale, units

    def read(self, primary):
        return replace(super().read(primary), scale=self.scale, units=self.units)


KNOWN = ((0.5, 0.25), ("second", "micrometer"))
UNKNOWN = ((1.0, 1.0), (None, None))


@pytest.fixture
def calibrated(dataset, folder):
    dataset.sync_from_folder(folder, reader=Calibrated(*KNOWN))
    return dataset.record(id_of(dataset, "a.tif"))


def touch(folder, content: object) -> None:
    write_json(folder / "a.params.json", content)


def test_a_source_gives_its_calibration(dataset, calibrated) -> None:
    assert {record.get_calibration() for record in dataset.iter_records()} == {KNOWN}


def test_the_calibration_is_that_of_the_source_as_it_is_now(dataset, folder, calibrated) -> None:
    touch(folder, 2)
    other = ((2.0, 3.0), ("millisecond", "micrometer"))
    report = dataset.sync_from_folder(folder, mode=REINGEST, reader=Calibrated(*other))
    assert (report.changed, report.conflicts) == ([calibrated.image_id], [])
    assert calibrated.get_calibration() == other


def test_a_source_that_tells_none_leaves_that_of_the_same_pixels(dataset, folder, calibrated) -> None:
    touch(folder, 2)
    dataset.sync_from_folder(folder, mode=REINGEST, reader=Calibrated())
    assert calibrated.get_calibration() == KNOWN
    write_tiff(folder / "a.tif", 8)
    dataset.sync_from_folder(folder, mode=REINGEST, reader=Calibrated())
    assert calibrated.get_calibration() == UNKNOWN


def test_edited_pixels_are_kept_with_their_calibration(dataset, folder, calibrated) -> None:
    mine = ((4.0, 5.0), ("minute", None))
    calibrated.save_array(pixels(3), scale=mine[0], units=mine[1])
    touch(folder, 2)
    report = dataset.sync_from_folder(folder, mode=REINGEST, reader=Calibrated(*KNOWN))
    assert report.conflicts == []
    assert calibrated.get_calibration() == mine


def test_a_calibration_alone_is_no_conflict(dataset, folder, calibrated) -> None:
    calibrated.save_array(calibrated.load_array())
    touch(folder, 2)
    report = dataset.sync_from_folder(folder, mode=REINGEST, reader=Calibrated(*KNOWN))
    assert (report.changed, report.conflicts) == ([calibrated.image_id], [])
    assert calibrated.get_calibration() == KNOWN


def test_a_calibration_that_does_not_fit_is_a_failure_of_its_source(dataset, folder) -> None:
    report = dataset.sync_from_folder(folder, reader=Calibrated((0.5,)))
    assert dataset.list_image_ids() == []
    assert "scale must have a value for each of the axes ['y', 'x'], got [0.5]" in report.failed["a.tif"]
