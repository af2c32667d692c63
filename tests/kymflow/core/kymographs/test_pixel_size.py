from __future__ import annotations

from collections.abc import Callable

import pytest

from kymflow import PixelSize, RecordNotFoundError, ZarrDataset, ZarrImageRecord, get_pixel_size

FindRecord = Callable[[str, str], ZarrImageRecord]


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (("second", "micrometer"), (2.0, 0.5)),
        (("millisecond", "nanometer"), (0.002, 0.0005)),
        (("minute", "millimeter"), (120.0, 500.0)),
        ((None, "micrometer"), (None, 0.5)),
        (("second", None), (2.0, None)),
        # An ordinary image: y is a length, too.
        (("micrometer", "micrometer"), (None, 0.5)),
    ],
)
def test_units_of_time_and_length_become_seconds_and_micrometers(
    local: ZarrDataset, units: tuple[str | None, str | None], expected: tuple[float | None, float | None]
) -> None:
    record = local.add_image([[0, 1], [2, 3]], scale=(2.0, 0.5), units=units)

    assert get_pixel_size(record) == expected


def test_an_image_without_calibration_has_no_known_size(local: ZarrDataset) -> None:
    assert get_pixel_size(local.add_image([[0, 1], [2, 3]])) == (None, None)


def test_channels_come_before_lines_and_pixels(local: ZarrDataset) -> None:
    record = local.add_image(
        [[[0, 1], [2, 3]]],
        axes=["c", "y", "x"],
        scale=(1, 0.001, 0.25),
        units=(None, "second", "micrometer"),
    )

    assert get_pixel_size(record) == (0.001, 0.25)


def test_an_image_that_is_not_there_is_an_error(local: ZarrDataset) -> None:
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        get_pixel_size(local.record("nobody"))


def test_real_line_scans_tell_their_calibration(real_record: FindRecord) -> None:
    size = get_pixel_size(real_record("kymograph_folder", "Capillary1_0001.tif"))

    assert size == pytest.approx((0.0011699666666666665, 0.284))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, (None, None)),
        ({"voxels": [0.5, 2]}, (0.5, 2.0)),
        ({"voxels": [0.5, 2], "voxels_units": ["Seconds", "µm"]}, (0.5, 2.0)),
        ({"voxels": [0.5, 2], "voxels_units": ["s", "px"]}, (0.5, None)),
        ({"voxels": [0.5, 2, 3], "um_per_pixel": 4}, (None, 4.0)),
        ({"voxels": [True, "2"]}, (None, None)),
        ({"voxels": [10**400, -1]}, (None, None)),
        ({"voxels": [float("inf"), float("nan")]}, (None, None)),
    ],
)
def test_a_header_tells_it_or_tells_nothing(
    header: dict[str, object], expected: tuple[float | None, float | None]
) -> None:
    assert PixelSize.of_header(header) == expected
