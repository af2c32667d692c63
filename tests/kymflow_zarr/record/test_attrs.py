"""Attributes of a record: axes, times, and what one adds."""

from __future__ import annotations

import json

import numpy as np
import pytest


def test_attributes_hold_axes_and_times_and_what_one_adds(record) -> None:
    created = record.get_attrs()["created_utc"]
    record.save_array(np.ones((2, 3)), extra_attrs={"um_per_pixel": 0.2})
    record.save_array(np.ones((2, 2, 3)))
    attrs = record.get_attrs()
    assert attrs["created_utc"] == created
    assert attrs["updated_utc"] >= created
    assert attrs["um_per_pixel"] == 0.2
    assert attrs["axes"] == record.get_axes() == ["z", "y", "x"]


def test_numpy_values_in_attributes(record) -> None:
    record.save_array(np.ones((2, 3)), extra_attrs={"n": np.int64(3)})
    assert record.get_attrs()["n"] == 3


def test_attributes_that_json_cannot_hold_leave_nothing_behind(dataset) -> None:
    record = dataset.record("new")
    with pytest.raises(ValueError, match="cannot be stored as JSON"):
        record.save_array(np.ones((2, 3)), extra_attrs={"x": object()})
    assert not [found for found in dataset.store.list() if "/new/" in found.key]


def test_record_without_axes(record) -> None:
    document = "zarr.json" if record._zarr_format == 3 else ".zattrs"
    for key in (f"images/{record.image_id}/{document}", f"images/{record.image_id}/data/{document}"):
        content = json.loads(record._store.read(key)[0])
        (content["attributes"] if record._zarr_format == 3 else content).pop("axes")
        record._store.put(key, json.dumps(content).encode())
    assert record.get_axes() is None
    assert record.get_image_bounds() == {"width": 4, "height": 3, "num_slices": 1}


def test_damaged_attributes_name_the_image(record) -> None:
    key = f"images/{record.image_id}/" + ("zarr.json" if record._zarr_format == 3 else ".zattrs")
    record._store.put(key, b"{")
    with pytest.raises(ValueError, match=f"{record.image_id}.*is not the JSON document it should be"):
        record.get_attrs()
