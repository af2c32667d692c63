"""What a record tells of axes, pixel sizes and units, in its own words and in those of NGFF."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kymflow_zarr import ZarrDataset
from kymflow_zarr.formats.groups import write_group
from kymflow_zarr.formats.ngff import multiscales_of

PIXELS = np.arange(12, dtype=np.uint16).reshape(4, 3)
SCALE, UNITS = (0.001, 0.3), ("second", "micrometer")
UNKNOWN = ((1.0, 1.0), (None, None))


def scale_of(ds: ZarrDataset, image_id: str) -> Any:
    (image,) = multiscales_of(ds.record(image_id).get_attrs(), ds.zarr_format)  # type: ignore[misc]
    return image["datasets"][0]["coordinateTransformations"][0]["scale"]


def test_what_is_given_with_the_pixels_is_told_again(dataset: ZarrDataset) -> None:
    record = dataset.add_image(PIXELS, scale=SCALE, units=UNITS)

    assert record.get_calibration() == (SCALE, UNITS)
    assert record.get_calibration().is_known
    assert scale_of(dataset, record.image_id) == list(SCALE)
    assert record.get_axes() == ["y", "x"]


def test_what_is_not_given_is_not_known(dataset: ZarrDataset) -> None:
    record = dataset.add_image(PIXELS)

    assert record.get_calibration() == UNKNOWN
    assert not record.get_calibration().is_known
    assert scale_of(dataset, record.image_id) == [1.0, 1.0]


def test_arrays_and_numbers_of_numpy_will_do(dataset: ZarrDataset) -> None:
    record = dataset.add_image(PIXELS, scale=np.array([2, 3], np.int32), units=[None, "micrometer"])
    assert record.get_calibration() == ((2.0, 3.0), (None, "micrometer"))


def test_new_pixels_are_not_of_the_old_calibration(dataset: ZarrDataset) -> None:
    record = dataset.add_image(PIXELS, scale=SCALE, units=UNITS)
    record.save_array(PIXELS + 1)
    assert record.get_calibration() == UNKNOWN
    assert scale_of(dataset, record.image_id) == [1.0, 1.0]
    record.save_array(np.zeros((2, 4, 3)), axes="cyx", scale=(1, *SCALE), units=(None, *UNITS))
    assert record.get_calibration() == ((1.0, *SCALE), (None, *UNITS))


def test_what_does_not_fit_is_refused_before_anything_is_written(dataset: ZarrDataset) -> None:
    with pytest.raises(ValueError, match="scale must have a value for each of the axes"):
        dataset.add_image(PIXELS, scale=(0.1,))
    with pytest.raises(ValueError, match="'um' is no unit of NGFF"):
        dataset.add_image(PIXELS, scale=SCALE, units=("s", "um")[::-1])
    assert dataset.list_image_ids() == []


def test_a_record_without_names_of_axes_has_those_of_its_dimensions(local: ZarrDataset) -> None:
    record = local.record("a")
    record.save_array(PIXELS)
    array = local.store.read("images/a/data/zarr.json")[0].replace(b'"axes"', b'"names"')
    local.store.put("images/a/data/zarr.json", array)
    write_group(local.store, "images/a", {"scale": [2, 3]}, 3)
    assert record.get_axes() is None
    assert record.get_calibration() == ((2.0, 3.0), (None, None))


def test_zarr_v2_has_the_names_of_dimensions_where_xarray_looks_for_them(tmp_path: Any) -> None:
    ds = ZarrDataset(tmp_path / "v2.zarr", zarr_format=2)
    record = ds.add_image(np.zeros((2, 4, 3)), axes="cyx")
    record.save_array_artifact("named", PIXELS, axes=["a", "b"])
    record.save_array_artifact("bare", PIXELS)
    assert record.open_array().attrs["_ARRAY_DIMENSIONS"] == ["c", "y", "x"]

    def names(artifact: str) -> bytes:
        return ds.store.read(f"images/{record.image_id}/analysis_arrays/{artifact}/data/.zattrs")[0]

    assert b"_ARRAY_DIMENSIONS" in names("named")
    assert b"_ARRAY_DIMENSIONS" not in names("bare")
