from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from kymflow_zarr import ArtifactError, ArtifactNotFoundError, StoreError, ZarrDataset
from kymflow_zarr.formats import arrays as arrays_module
from kymflow_zarr.formats.pixels import CHUNK_BYTES, choose_chunks
from kymflow_zarr.store.object import ObjectStore


def ramp(*shape: int, dtype: object = np.uint16) -> np.ndarray:
    return np.arange(math.prod(shape)).reshape(shape).astype(dtype)


def chunk_keys(record) -> set[str]:
    documents = ("zarr.json", ".zarray", ".zattrs")
    return {
        found.key.partition("/data/")[2]
        for found in record._store.list(f"images/{record.image_id}/data")
        if not found.key.endswith(documents)
    }


# Shapes, axes, types

AXES = {2: ["y", "x"], 3: ["z", "y", "x"], 4: ["z", "y", "x", "c"], 5: ["t", "z", "y", "x", "c"]}


@pytest.mark.parametrize("ndim", AXES)
def test_pixels_of_2_to_5_dimensions_come_back(dataset, ndim) -> None:
    pixels = ramp(*range(2, 2 + ndim))
    record = dataset.add_image(pixels)
    np.testing.assert_array_equal(record.load_array(), pixels)
    assert record.load_array().dtype == pixels.dtype
    assert record.get_axes() == AXES[ndim]


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "uint16", ">u2", "int64", "uint64", "float16", "f4", "complex64"]
)
def test_numbers_and_booleans_come_back(dataset, dtype) -> None:
    pixels = ramp(3, 4, dtype=dtype)
    back = dataset.add_image(pixels).load_array()
    assert back.dtype.newbyteorder("=") == pixels.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, pixels)


def test_nan_and_zero_pixels_come_back(dataset) -> None:
    pixels = np.array([[np.nan, np.inf], [0.0, -0.0]])
    np.testing.assert_array_equal(dataset.add_image(pixels).load_array(), pixels)
    assert not dataset.add_image(np.zeros((4, 5))).load_array().any()


def test_lists_and_views_are_arrays_too(dataset) -> None:
    assert dataset.add_image([[1, 2], [3, 4]]).load_array().tolist() == [[1, 2], [3, 4]]
    view = ramp(6, 8)[::2, ::-1].T
    np.testing.assert_array_equal(dataset.add_image(view).load_array(), view)


def test_image_without_pixels_has_its_shape(dataset) -> None:
    assert dataset.add_image(np.zeros((0, 4))).load_array().shape == (0, 4)


def test_axes_of_ones_own(dataset) -> None:
    record = dataset.add_image(ramp(2, 3, 4), axes=("t", "y", "x"))
    assert record.get_axes() == ["t", "y", "x"]
    assert record.get_image_bounds() == {"width": 4, "height": 3, "num_slices": 1}


@pytest.mark.parametrize(
    ("shape", "axes", "bounds"),
    [
        ((3, 4), None, (4, 3, 1)),
        ((5, 3, 4), None, (4, 3, 5)),
        ((5, 3, 4, 2), None, (4, 3, 5)),
        ((7, 5, 3, 4, 2), None, (4, 3, 5)),
        ((3, 4), ("t", "x"), (4, 0, 1)),
    ],
)
def test_image_bounds(dataset, shape, axes, bounds) -> None:
    width, height, num_slices = bounds
    assert dataset.add_image(ramp(*shape), axes=axes).get_image_bounds() == {
        "width": width,
        "height": height,
        "num_slices": num_slices,
    }


def test_array_opens_for_reading_only_and_piece_by_piece(record) -> None:
    array = record.open_array()
    assert array.shape == (3, 4)
    np.testing.assert_array_equal(array[1:2, :2], [[4, 5]])
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


# What is no image

BAD = {
    "1 dimension": (ramp(3), {}, "an image has 2 to 5 dimensions, got 1"),
    "0 dimensions": (np.float64(3), {}, "an image has 2 to 5 dimensions, got 0"),
    "6 dimensions": (np.ones((1,) * 6), {}, "an image has 2 to 5 dimensions, got 6"),
    "text": (np.array([["a"]]), {}, "pixels must be numbers or booleans, got dtype <U1"),
    "objects": (np.array([[None]]), {}, "pixels must be numbers or booleans, got dtype object"),
    "dates": (np.zeros((2, 2), "M8[ns]"), {}, "pixels must be numbers or booleans, got dtype datetime64"),
    "structured": (np.zeros((2, 2), "i4,f4"), {}, "pixels must be numbers or booleans"),
    "long double": (np.zeros((2, 2), "longdouble"), {}, "float128"),
    "ragged": ([[1, 2], [3]], {}, "inhomogeneous"),
    "too few axes": (
        ramp(2, 3),
        {"axes": ["y"]},
        r"axes must name each of the 2 dimensions once, got \['y'\]",
    ),
    "axis twice": (ramp(2, 3), {"axes": ["y", "y"]}, "axes must name each of the 2 dimensions once"),
    "nameless axis": (ramp(2, 3), {"axes": ["y", ""]}, "axes must name each of the 2 dimensions once"),
    "too few chunks": (ramp(2, 3), {"chunks": [2]}, r"chunks must be 2 positive whole lengths, got \(2,\)"),
    "zero chunk": (ramp(2, 3), {"chunks": [0, 3]}, r"chunks must be 2 positive whole lengths, got \(0, 3\)"),
    "negative chunk": (ramp(2, 3), {"chunks": [-1, 3]}, "chunks must be 2 positive whole lengths"),
    "broken chunk": (ramp(2, 3), {"chunks": [1.5, 3]}, "chunks must be 2 positive whole lengths"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_image_is_refused_and_changes_nothing(local, local_record, tree, case) -> None:
    pixels, options, words = BAD[case]
    before = tree(local.path)
    with pytest.raises(ValueError, match=words):
        local.add_image(pixels, **options)
    with pytest.raises(ValueError, match=words):
        local_record.save_array(pixels, **options)
    assert tree(local.path) == before


def test_pixels_are_kept_if_asked(record) -> None:
    with pytest.raises(
        ValueError, match=f"image '{record.image_id}' of .* has pixels already; pass overwrite=True"
    ):
        record.save_array(np.ones((2, 2)), overwrite=False)
    assert record.load_array().shape == (3, 4)


def test_overwrite_false_makes_new_pixels(dataset) -> None:
    record = dataset.record("new")
    record.save_array(np.ones((2, 2)), overwrite=False)
    assert record.load_array().shape == (2, 2)


# Chunks


@pytest.mark.parametrize(
    ("shape", "itemsize"),
    [
        ((30_000, 512), 2),
        ((100, 1024, 1024), 2),
        ((5, 7, 4096, 4096), 4),
        ((2, 50_000_000), 1),
        ((3, 4), 2),
        ((7,), 8),
    ],
)
def test_chunks_are_about_8_mib_and_few(shape, itemsize) -> None:
    chunks = choose_chunks(shape, itemsize)
    size = math.prod(chunks) * itemsize
    assert size <= CHUNK_BYTES
    assert size > CHUNK_BYTES / 2 or chunks == shape
    assert all(1 <= chunk <= length for chunk, length in zip(chunks, shape, strict=True))


def test_large_image_takes_few_chunks(local) -> None:
    record = local.add_image(np.ones((5000, 1024), np.uint16))
    assert record.open_array().chunks == (4096, 1024)
    assert len(chunk_keys(record)) == 2


def test_chunks_of_ones_own(dataset) -> None:
    record = dataset.add_image(ramp(5, 7), chunks=(2, 7))
    assert record.open_array().chunks == (2, 7)
    assert len(chunk_keys(record)) == 3
    np.testing.assert_array_equal(record.load_array(), ramp(5, 7))


def test_replaced_pixels_leave_no_old_chunks(dataset) -> None:
    record = dataset.add_image(ramp(20, 30) + 1, chunks=(2, 3))
    assert len(chunk_keys(record)) == 100
    record.save_array(ramp(4, 5) + 1)
    assert len(chunk_keys(record)) == 1
    np.testing.assert_array_equal(record.load_array(), ramp(4, 5) + 1)


def test_replaced_pixels_keep_the_artifacts(record) -> None:
    record.save_json("report", {"a": 1})
    record.save_array(np.ones((2, 2)))
    assert record.load_json("report") == {"a": 1}


def test_every_write_renews_the_metadata_key(local_record) -> None:
    path = Path(local_record._store.url) / "images" / local_record.image_id / "data" / "zarr.json"
    before = path.stat()
    local_record.save_array(local_record.load_array())
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) != (before.st_ino, before.st_mtime_ns)


def test_metadata_key_tells_other_content(record) -> None:
    key = f"images/{record.image_id}/data/" + ("zarr.json" if record._zarr_format == 3 else ".zattrs")
    before = record._store.read(key)[0]
    record.save_array(record.load_array() + 1)
    assert record._store.read(key)[0] != before


# Missing and damaged


def test_record_without_pixels(record) -> None:
    record._store.delete_tree(f"images/{record.image_id}/data")
    for call in (record.open_array, record.load_array, record.get_image_bounds):
        with pytest.raises(
            ArtifactNotFoundError, match=f"image '{record.image_id}' of .* has no pixels"
        ) as caught:
            call()
    assert caught.value.artifact == "data"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"zarr_format": 9}', b"\xff\xfe"])
def test_damaged_array_document(record, data) -> None:
    document = ".zarray" if record._zarr_format == 2 else "zarr.json"
    record._store.put(f"images/{record.image_id}/data/{document}", data)
    with pytest.raises(
        ArtifactError, match=f"the pixels of image '{record.image_id}' of .* cannot be read: "
    ):
        record.load_array()


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x28\xb5\x2f\xfd\x00"])
def test_damaged_chunk(record, data) -> None:
    (chunk,) = chunk_keys(record)
    record._store.put(f"images/{record.image_id}/data/{chunk}", data)
    with pytest.raises(
        ArtifactError, match=f"the pixels of image '{record.image_id}' of .* cannot be read: "
    ):
        record.load_array()


# Interrupted writes


def test_full_disk_while_pixels_are_replaced(
    local_record, disk_full, monkeypatch, temporary_files, in_two_steps
) -> None:
    old = local_record.load_array()
    with monkeypatch.context():
        disk_full("rename")
        with pytest.raises(StoreError, match=r"cannot write 'images/.*/data' in .*: No space left"):
            local_record.save_array(np.ones((9, 9)))
    np.testing.assert_array_equal(local_record.load_array(), old)
    assert temporary_files(local_record._store.url) == []


def test_full_disk_before_the_attributes_leaves_a_consistent_image(local_record, disk_full) -> None:
    disk_full("replace")
    with pytest.raises(StoreError, match="No space left"):
        local_record.save_array(np.ones((2, 3, 4)))
    assert len(local_record.get_axes()) == local_record.load_array().ndim
    assert local_record.get_image_bounds()["width"] == 4


def test_full_disk_while_an_image_is_added_leaves_no_image(local, disk_full, temporary_files) -> None:
    disk_full("replace")
    with pytest.raises(StoreError, match="No space left"):
        local.add_image(np.ones((2, 3)))
    assert local.list_image_ids() == []
    assert temporary_files(local.path) == []
    assert not [found.key for found in local.store.list("images") if "/data/" in found.key]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_interrupted_replacement_in_an_object_store_is_no_mixture(
    zarr_format, object_url, monkeypatch
) -> None:
    dataset = ZarrDataset(object_url, zarr_format=zarr_format)
    record = dataset.add_image(np.full((10, 3), 1), chunks=(2, 3))
    put = ObjectStore.put
    written = []

    def fail_at_the_fourth(self, key, data, *, flush=False):
        written.append(key)
        if len(written) == 4:
            raise StoreError("the network is gone")
        return put(self, key, data, flush=flush)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "put", fail_at_the_fourth)
        with pytest.raises(StoreError, match="the network is gone"):
            record.save_array(np.full((10, 3), 2), chunks=(2, 3))
    try:
        values = set(record.load_array().ravel().tolist())
    except ArtifactNotFoundError:
        values = set()
    assert values in (set(), {1}, {2})


@pytest.mark.parametrize("at", range(12))
def test_replacement_by_zeros_that_ends_at_any_request_leaves_no_old_chunk(
    object_url, monkeypatch, at
) -> None:
    record = ZarrDataset(object_url).add_image(np.full((10, 3), 1), chunks=(2, 3))
    new = np.zeros((10, 3), int)
    new[:2] = 2
    calls = []

    def stop(name):
        call = getattr(ObjectStore, name)

        def stopping(self, *arguments, **options):
            calls.append(name)
            if len(calls) > at:
                raise StoreError("the network is gone")
            return call(self, *arguments, **options)

        return stopping

    with monkeypatch.context() as patch:
        for name in ("put", "discard", "list"):
            patch.setattr(ObjectStore, name, stop(name))
        with suppress(StoreError):
            record.save_array(new, chunks=(2, 3))
    try:
        values = record.load_array()
    except ArtifactNotFoundError:
        return
    assert (values == 1).all() or (values == new).all()


def test_pixels_replaced_while_they_are_read_are_no_mixture(dataset, monkeypatch) -> None:
    old, new = ramp(3, 4), ramp(6, 2) + 100
    record = dataset.add_image(old)
    open_array = arrays_module.open_array

    def open_and_replace(*args):
        array = open_array(*args)
        monkeypatch.undo()
        record.save_array(new)
        return array

    monkeypatch.setattr(arrays_module, "open_array", open_and_replace)
    back = record.load_array()
    assert any(np.array_equal(back, whole) for whole in (old, new))
