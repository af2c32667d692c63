from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from kymflow import (
    ArtifactError,
    RecordNotFoundError,
    Roi,
    ZarrDataset,
    ZarrImageRecord,
    get_rois,
)

FindRecord = Callable[[str, str], ZarrImageRecord]

DESKTOP = {"roi_id": 7, "name": "a", "note": "b", "channel": 1, "data": {"x0": 0, "x1": 2, "y0": 1, "y1": 3}}
EARLY_DESKTOP = {
    **{"id": 7, "channel": 1, "name": "a", "note": "b"},
    **{"dim0_start": 1, "dim0_stop": 3, "dim1_start": 0, "dim1_stop": 2},
}
ACQSTORE = {
    **{"roi_id": 7, "name": "a", "note": "b"},
    "data": {"col_start": 0, "col_stop": 2, "row_start": 1, "row_stop": 3},
}


@pytest.mark.parametrize(
    ("stored", "channel"),
    [(DESKTOP, 1), (EARLY_DESKTOP, 1), (ACQSTORE, None)],
    ids=["now", "early", "acq"],
)
def test_rois_of_every_program_are_alike(
    record: ZarrImageRecord, stored: dict[str, Any], channel: int | None
) -> None:
    record.save_metadata_payload({"rois": [stored]})

    (roi,) = get_rois(record)

    assert roi == Roi(7, 1, 3, 0, 2, "a", "b", channel)
    assert record.load_array()[roi.slices].tolist() == [[3, 4], [6, 7]]


def test_bounds_drawn_backwards_and_between_pixels_hold_all_that_was_drawn(record: ZarrImageRecord) -> None:
    record.save_metadata_payload({"rois": [{"roi_id": 1, "data": {"x0": 2.0, "x1": 0.5, "y0": 3, "y1": 1}}]})

    assert get_rois(record) == [Roi(1, 1, 3, 0, 2)]


@pytest.mark.parametrize(
    "odd",
    [
        {"data": DESKTOP["data"]},
        {"roi_id": 1},
        {"roi_id": 1, "data": {"x0": 0, "x1": 2, "y0": 1}},
        {"roi_id": 1, "data": {"x0": 0, "x1": 2, "y0": 1, "y1": "3"}},
        {"roi_id": 1, "data": {"x0": 0, "x1": 2, "y0": 1, "y1": True}},
        "full image",
    ],
    ids=["no id", "no bounds", "three bounds", "text", "truth", "no object"],
)
def test_an_odd_roi_is_named_in_the_log_and_spoils_no_other(
    record: ZarrImageRecord, odd: object, caplog: pytest.LogCaptureFixture
) -> None:
    record.save_metadata_payload({"rois": [odd, DESKTOP]})

    with caplog.at_level(logging.WARNING, "kymflow"):
        assert [roi.roi_id for roi in get_rois(record)] == [7]

    assert "passing over the ROI" in caplog.text
    assert record.image_id in caplog.text


@pytest.mark.parametrize("payload", [None, {}, {"rois": None}, {"rois": []}])
def test_an_image_without_rois_has_none(record: ZarrImageRecord, payload: dict[str, Any] | None) -> None:
    if payload is not None:
        record.save_metadata_payload(payload)

    assert get_rois(record) == []


def test_what_is_no_list_of_rois_is_an_error(record: ZarrImageRecord) -> None:
    record.save_metadata_payload({"rois": "none"})

    with pytest.raises(ArtifactError, match=r"'rois' in artifact 'metadata.json'.*expected a list, got str"):
        get_rois(record)


def test_an_image_that_is_not_there_is_an_error(local: ZarrDataset) -> None:
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        get_rois(local.record("nobody"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "name", "expected"),
    [
        ("kymograph_folder", "Capillary1_0001.tif", Roi(2, 7500, 22500, 9, 28, "", "Center Region", 1)),
        ("kymograph_folder", "20250722_A89_0003.tif", Roi(2, 0, 30000, 0, 10, "", "", 1)),
        ("acqstore_folder", "A89_0002.tif", Roi(2, 0, 30000, 0, 19, "b", "never analysed")),
    ],
)
def test_rois_of_real_line_scans_are_inside_them(
    real_record: FindRecord, folder: str, name: str, expected: Roi
) -> None:
    record = real_record(folder, name)

    rois = get_rois(record)

    assert rois[1] == expected
    lines, pixels = record.open_array().shape
    assert all(roi.line_stop <= lines and roi.pixel_stop <= pixels for roi in rois)
