"""The parts of a record: what is unchanged is not written, and what ends halfway leaves the old ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kymflow_zarr import CancelledError, SourceError, SourceImage, ZarrDataset
from kymflow_zarr.formats import pixels
from kymflow_zarr.sources.merge import Record, merge_image
from kymflow_zarr.sources.parts import DATA, encode_image

OLD = np.random.default_rng(0).integers(1, 4000, (100, 70)).astype(np.uint16)
NEW = OLD + 1


class Counting:
    """Pixels that count how many bytes of them were read."""

    def __init__(self, array: np.ndarray) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self.read = 0
        self._array = array

    def __getitem__(self, key: Any) -> np.ndarray:
        found = self._array[key]
        self.read += found.nbytes
        return found


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "CHUNK_BYTES", 1024)
    monkeypatch.setattr(pixels, "BLOCK_BYTES", 4096)


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path, new_url) -> ZarrDataset:
    return ZarrDataset(tmp_path / "lab.zarr" if request.param == "local" else new_url("memory"))


def take(dataset: ZarrDataset, image: SourceImage, *, exists: bool, on_chunk: Any = None) -> None:
    record = Record(dataset._store, "images/a", dataset.zarr_format)
    theirs, axes = encode_image(image, dataset.zarr_format)
    merge_image(record, theirs, axes, exists=exists, overwrite=False, on_chunk=on_chunk)


def documents(dataset: ZarrDataset) -> Any:
    return dataset._store.stat("images/a/data/zarr.json")


def stop_after(n_bytes: int) -> Any:
    def on_chunk(done: int, total: int) -> None:
        if done >= n_bytes:
            raise CancelledError(f"after {done} of {total} bytes")

    return on_chunk


def test_new_pixels_are_read_once(place) -> None:
    given = Counting(OLD)
    told: list[tuple[int, int]] = []
    take(place, SourceImage(given), exists=False, on_chunk=lambda *done: told.append(done))
    assert given.read == OLD.nbytes
    assert told[-1] == (OLD.nbytes, OLD.nbytes)
    np.testing.assert_array_equal(place.record("a").load_array(), OLD)


def test_unchanged_pixels_are_read_and_not_written(place) -> None:
    take(place, SourceImage(OLD), exists=False)
    before = documents(place)
    given = Counting(OLD)
    take(place, SourceImage(given, json={"note": 1}), exists=True)
    assert given.read == OLD.nbytes
    assert documents(place) == before
    assert place.record("a").load_json("note") == 1


def test_changed_pixels_are_written(place) -> None:
    take(place, SourceImage(OLD), exists=False)
    take(place, SourceImage(Counting(NEW)), exists=True)
    np.testing.assert_array_equal(place.record("a").load_array(), NEW)
    take(place, SourceImage(OLD), exists=True)
    np.testing.assert_array_equal(place.record("a").load_array(), OLD)


@pytest.mark.parametrize("after", [1, 5000, OLD.nbytes])
def test_new_image_that_is_cancelled_does_not_count(place, after, temporary_files) -> None:
    with pytest.raises(CancelledError, match=rf"of {OLD.nbytes} bytes"):
        take(place, SourceImage(OLD), exists=False, on_chunk=stop_after(after))
    assert place.list_image_ids() == []
    assert documents(place) is None
    assert temporary_files(place.path) == []


@pytest.mark.parametrize("after", [1, 5000, OLD.nbytes])
def test_comparison_that_is_cancelled_leaves_everything(place, after) -> None:
    take(place, SourceImage(OLD), exists=False)
    before = documents(place)
    with pytest.raises(CancelledError, match="bytes"):
        take(place, SourceImage(NEW), exists=True, on_chunk=stop_after(after))
    assert documents(place) == before
    np.testing.assert_array_equal(place.record("a").load_array(), OLD)


def stop_while_written() -> Any:
    told: list[int] = []

    def on_chunk(done: int, total: int) -> None:
        told.append(done)
        if told.count(done) == 2:
            raise CancelledError("while it is written, after it was compared")

    return on_chunk


def test_replacement_that_is_cancelled_leaves_the_old_pixels(local, temporary_files) -> None:
    take(local, SourceImage(OLD), exists=False)
    with pytest.raises(CancelledError, match="while it is written"):
        take(local, SourceImage(NEW, json={"note": 1}), exists=True, on_chunk=stop_while_written())
    np.testing.assert_array_equal(local.record("a").load_array(), OLD)
    assert local.record("a").list_analysis_keys() == []
    assert temporary_files(local.path) == []
    take(local, SourceImage(NEW), exists=True)
    np.testing.assert_array_equal(local.record("a").load_array(), NEW)


def test_replacement_that_is_cancelled_is_made_by_the_next_run(place, monkeypatch) -> None:
    # An object store has lost the old pixels by then.
    monkeypatch.setattr("kymflow_zarr.store.object.BYTES_AT_ONCE", 1000)
    take(place, SourceImage(OLD), exists=False)
    with pytest.raises(CancelledError, match="while it is written"):
        take(place, SourceImage(NEW), exists=True, on_chunk=stop_while_written())
    take(place, SourceImage(NEW), exists=True)
    np.testing.assert_array_equal(place.record("a").load_array(), NEW)


def test_pixels_that_fail_halfway_leave_the_old_ones(local, temporary_files) -> None:
    class Failing(Counting):
        def __getitem__(self, key: Any) -> np.ndarray:
            if self.read > OLD.nbytes:
                raise OSError(5, "Input/output error")
            return super().__getitem__(key)

    take(local, SourceImage(OLD), exists=False)
    with pytest.raises(SourceError, match="the pixels cannot be read: OSError: .*Input/output error"):
        take(local, SourceImage(Failing(NEW)), exists=True)
    np.testing.assert_array_equal(local.record("a").load_array(), OLD)
    assert temporary_files(local.path) == []


def test_parts_are_checked_before_anything_is_read(local) -> None:
    given = Counting(OLD)
    theirs, axes = encode_image(SourceImage(given, arrays={"map": OLD}, json={"note": 1}), 3)
    assert list(theirs) == [DATA, "analysis_arrays/map", "analysis/note.json"]
    assert axes.names == ["y", "x"]
    with pytest.raises(SourceError, match="axes must name each of the 2 dimensions once"):
        encode_image(SourceImage(given, axes=["y"]), 3)
    with pytest.raises(SourceError, match="pixels must be numbers or booleans"):
        encode_image(SourceImage(Counting(np.zeros((2, 2), "M8[ns]"))), 3)
    assert given.read == 0
