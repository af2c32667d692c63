"""Edits made in the dataset: they are kept, and conflicts with the source are reported."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kymflow_zarr import Conflict, IngestWarning
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
