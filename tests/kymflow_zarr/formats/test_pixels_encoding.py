"""Arrays encoded block by block: the same bytes as zarr writes, from pixels that are read piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from kymflow_zarr import CancelledError, SourceError, ZarrDataset
from kymflow_zarr.formats import pixels
from kymflow_zarr.formats.arrays import AXES_ATTR
from kymflow_zarr.formats.ngff import DIMENSIONS_ATTR
from kymflow_zarr.formats.pixels import DIGEST_ATTR, EncodedArray, check_chunks, content_digest

SHAPES: list[tuple[int, ...]] = [(0, 4), (3, 4), (100, 70), (5, 40, 30), (2, 3, 50, 40), (7,), (), (1, 9000)]


class Lazy:
    """Pixels that are read piece by piece, and what was asked for."""

    def __init__(self, array: np.ndarray, fail_at: int | None = None) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self.asked: list[int] = []
        self._array, self._fail_at = array, fail_at

    def __getitem__(self, key: Any) -> np.ndarray:
        if len(self.asked) == self._fail_at:
            raise RuntimeError("the disk is gone")
        found = self._array[key]
        self.asked.append(found.nbytes)
        return found

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise AssertionError("all of it was asked for at once")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "CHUNK_BYTES", 1024)
    monkeypatch.setattr(pixels, "BLOCK_BYTES", 4096)


def values(shape: tuple[int, ...], dtype: str, kind: str) -> np.ndarray:
    array = np.asarray(np.random.default_rng(0).integers(0, 200, shape)).astype(dtype)
    if kind == "zeros":
        array[...] = 0
    elif kind == "half of it zeros" and shape:
        array[: shape[0] // 2] = 0
    elif kind == "minus zeros":
        array[...] = -0.0
    return array


def as_read(array: np.ndarray, zarr_format: int) -> np.ndarray:
    """Zarr v3 keeps no byte order."""
    return array.astype(array.dtype.newbyteorder("=")) if zarr_format == 3 else array


def as_zarr_writes(
    array: np.ndarray, zarr_format: int, axes: list[str] | None, chunks: Any
) -> dict[str, bytes]:
    held: dict[str, Any] = {}
    attributes: dict[str, Any] = {DIGEST_ATTR: content_digest(as_read(array, zarr_format))}
    if axes is not None:
        attributes[AXES_ATTR] = axes
        if zarr_format == 2:
            attributes[DIMENSIONS_ATTR] = axes
    whole = zarr.create_array(
        MemoryStore(held),
        shape=array.shape,
        dtype=array.dtype,
        chunks=check_chunks(array.shape, array.dtype.itemsize, chunks),
        zarr_format=zarr_format,
        dimension_names=axes if zarr_format == 3 else None,
        attributes=attributes,
    )
    if array.size:
        whole[...] = array
    return {key: buffer.to_bytes() for key, buffer in held.items()}


@pytest.mark.slow
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("u2", "noise"), (">u2", "half of it zeros"), ("f4", "minus zeros"), ("?", "zeros"), ("c8", "noise")],
)
def test_bytes_are_those_that_zarr_writes(shape, dtype, kind, zarr_format) -> None:
    array = values(shape, dtype, kind)
    for axes in (None, [f"axis{number}" for number in range(len(shape))]):
        for chunks in (None, [max(1, length // 3) for length in shape]):
            encoded = EncodedArray(array, zarr_format, axes=axes, chunks=chunks)
            blobs = list(encoded.blobs())
            assert dict(blobs) == as_zarr_writes(array, zarr_format, axes, chunks)
            assert len(dict(blobs)) == len(blobs)
            assert blobs[-1][0] == encoded.last
            assert encoded.digest() == content_digest(as_read(array, zarr_format))


@pytest.mark.slow
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["?", "u1", "<u2", ">u2", ">i4", "f2", ">f4", "f8", "c8", ">c16"])
@pytest.mark.parametrize("kind", ["noise", "zeros", "half of it zeros", "minus zeros"])
def test_digest_is_that_of_what_is_read_back(new_url, dtype, kind, zarr_format) -> None:
    record = ZarrDataset(new_url("memory"), zarr_format=zarr_format).add_image(values((9, 70), dtype, kind))
    array = record.open_array()
    assert array.attrs[DIGEST_ATTR] == content_digest(array) == content_digest(record.load_array())
    assert record.load_array().tobytes() == as_read(values((9, 70), dtype, kind), zarr_format).tobytes()


def test_digest_of_the_other_byte_order_is_known_again() -> None:
    array = values((100, 70), "<u2", "noise")
    swapped = array.astype(">u2")
    assert content_digest(array) != content_digest(swapped)
    assert content_digest(array, like=content_digest(swapped)) == content_digest(swapped)
    assert content_digest(array, like="of others") == content_digest(array)


@pytest.mark.parametrize("shape", [(100, 70), (5, 40, 30), (2, 3, 50, 40), (1, 9000)], ids=str)
def test_pixels_are_read_once_in_pieces(shape) -> None:
    lazy = Lazy(values(shape, "u2", "noise"))
    encoded = EncodedArray(pixels.check_pixels(lazy), 3)
    assert lazy.asked == []
    blobs = dict(encoded.blobs())
    assert max(lazy.asked) <= 4096
    assert sum(lazy.asked) == lazy._array.nbytes
    assert blobs == as_zarr_writes(lazy._array, 3, None, None)
    asked = len(lazy.asked)
    assert encoded.digest() == content_digest(lazy._array)
    assert len(lazy.asked) == asked


def test_digest_reads_in_pieces_too() -> None:
    lazy = Lazy(values((100, 70), "u2", "noise"))
    assert EncodedArray(lazy, 3, chunks=(100, 3)).digest() == content_digest(lazy._array)
    assert max(lazy.asked) <= 4096


def test_digest_is_of_what_is_written() -> None:
    array = values((100, 70), "u2", "noise")
    encoded = EncodedArray(array, 3)
    before = encoded.digest()
    array += 1
    blobs = dict(encoded.blobs())
    assert encoded.digest() == content_digest(array) != before
    assert blobs == as_zarr_writes(array, 3, None, None)


@pytest.mark.parametrize("work", [lambda one, on: list(one.blobs(on)), EncodedArray.digest])
def test_progress_is_told_in_bytes_and_may_end_it(work) -> None:
    array = values((100, 70), "u2", "noise")
    told: list[tuple[int, int]] = []
    work(EncodedArray(array, 3), lambda done, total: told.append((done, total)))
    assert len(told) > 2
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert {total for _, total in told} == {array.nbytes}
    assert told[-1][0] == array.nbytes

    def stop(done: int, total: int) -> None:
        raise CancelledError("enough")

    with pytest.raises(CancelledError, match="enough"):
        work(EncodedArray(array, 3), stop)


def test_failing_pixels_are_the_sources_failure() -> None:
    encoded = EncodedArray(Lazy(values((100, 70), "u2", "noise"), fail_at=2), 3)
    with pytest.raises(SourceError, match="the pixels cannot be read: RuntimeError: the disk is gone"):
        list(encoded.blobs())


@pytest.mark.parametrize(
    ("wrong", "got"), [(np.zeros((2, 2), "u2"), r"uint16 of shape \(2, 2\)"), (np.zeros((3, 4)), "float64")]
)
def test_pieces_that_are_not_what_was_asked_for(wrong, got) -> None:
    lazy = Lazy(values((3, 4), "u2", "noise"))
    lazy._array = wrong
    with pytest.raises(SourceError, match=rf"expected uint16 of shape \(3, 4\), got {got}"):
        list(EncodedArray(lazy, 3).blobs())


def test_other_pixels_than_arrays(local) -> None:
    array = values((100, 70), "u2", "noise")
    for given in (Lazy(array), array.tolist(), np.asfortranarray(array), array[::-1][::-1]):
        np.testing.assert_array_equal(local.add_image(given).load_array(), array)
    record = local.add_image(array)
    np.testing.assert_array_equal(local.add_image(record.open_array()).load_array(), array)


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((30_000, 512), (8, 512)),
        ((3, 1000, 1000), (1, 4, 1000)),
        ((2, 900_000), (1, 5000)),
        ((100, 100), (7, 3)),
        ((4, 4), (50, 50)),
    ],
)
def test_blocks_are_whole_chunks_and_cover_all(shape, chunks) -> None:
    covered = 0
    for where in pixels._block_slices(shape, chunks, 2):
        lengths = [one.stop - one.start for one in where]
        covered += int(np.prod(lengths))
        assert np.prod(lengths) * 2 <= max(4096, np.prod(chunks) * 2)
        for one, length, chunk in zip(where, shape, chunks, strict=True):
            assert one.start % chunk == 0
            assert one.stop % chunk == 0 or one.stop == length
    assert covered == np.prod(shape)
