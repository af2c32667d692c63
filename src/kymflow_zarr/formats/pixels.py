"""Pixel arrays: axes, chunks, and their encoding as Zarr documents and chunks."""

from __future__ import annotations

import hashlib
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from kymflow_zarr.errors import KymflowError, SourceError
from kymflow_zarr.formats.arrays import ARRAY_DOCUMENT, AXES_ATTR
from kymflow_zarr.formats.ngff import DIMENSIONS_ATTR
from kymflow_zarr.formats.zarr_import import require_zarr

if TYPE_CHECKING:
    import numpy.typing as npt
    import zarr

DEFAULT_AXES: dict[int, tuple[str, ...]] = {
    2: ("y", "x"),
    3: ("z", "y", "x"),
    4: ("z", "y", "x", "c"),
    5: ("t", "z", "y", "x", "c"),
}
CHUNK_BYTES = 8 * 2**20
# What is read, hashed and encoded at a time: enough for zarr to encode several chunks at once.
BLOCK_BYTES = 4 * CHUNK_BYTES
DIGEST_ATTR = "content_sha256"
# Stands in the document until all pixels have been read; nothing else is written so.
_NO_DIGEST_YET = f"{DIGEST_ATTR} is not known yet"
_WORTH_A_THREAD = 2**20

# Told between blocks how many bytes of pixels are done, and of how many; it may raise to end the work.
OnChunk = Callable[[int, int], None]


class Sliceable(Protocol):
    """Values that are read as they are sliced."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one value."""

    def __getitem__(self, key: Any) -> Any:
        """Return the values at a tuple of slices, one per dimension."""


class PixelSource(Sliceable, Protocol):
    """Pixels that are read piece by piece: an ndarray, a memory map, a zarr array, the pixels of a TIFF."""

    def __array__(self) -> npt.NDArray[Any]:
        """Return all values."""


def check_pixels(arr: object) -> PixelSource:
    """Return `arr` as pixels; what has `shape`, `dtype` and slices is not read yet.

    Raises
    ------
    ValueError
        It holds something else than numbers and booleans (objects, text, dates).
    """
    lazy = (
        not isinstance(arr, np.ndarray | np.generic)
        and isinstance(getattr(arr, "dtype", None), np.dtype)
        and hasattr(arr, "shape")
        and hasattr(arr, "__getitem__")
    )
    array = cast("PixelSource", arr) if lazy else np.asarray(arr)
    if array.dtype.kind not in "biufc":
        raise ValueError(f"pixels must be numbers or booleans, got dtype {array.dtype}")
    return array


def check_axes(ndim: int, axes: Sequence[str] | None) -> list[str]:
    """Return one name per dimension; by default y x, z y x, z y x c or t z y x c.

    Raises
    ------
    ValueError
        `ndim` is not 2 to 5, or `axes` does not fit it or names an axis twice.
    """
    if ndim not in DEFAULT_AXES:
        raise ValueError(f"an image has 2 to 5 dimensions, got {ndim}")
    if axes is None:
        return list(DEFAULT_AXES[ndim])
    names = [str(name) for name in axes]
    if len(names) != ndim or len(set(names)) != ndim or not all(names):
        raise ValueError(f"axes must name each of the {ndim} dimensions once, got {names}")
    return names


def choose_chunks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return chunks of about 8 MiB that keep the last axes whole, first axes cut.

    Parameters
    ----------
    shape : sequence of int
        Of the array.
    itemsize : int
        Bytes of one value.
    """
    chunks = []
    room = max(1, CHUNK_BYTES // itemsize)
    for length in reversed(shape):
        chunk = max(1, min(length, room))
        chunks.append(chunk)
        room = max(1, room // chunk)
    return tuple(reversed(chunks))


def check_chunks(shape: Sequence[int], itemsize: int, chunks: Sequence[int] | None) -> tuple[int, ...]:
    """Return `chunks`, or chosen ones.

    Raises
    ------
    ValueError
        They do not fit the dimensions or are not positive.
    """
    if chunks is None:
        return choose_chunks(shape, itemsize)
    try:
        given = tuple(operator.index(chunk) for chunk in chunks)
    except TypeError:
        given = ()
    if len(given) != len(shape) or min(given, default=1) < 1:
        raise ValueError(f"chunks must be {len(shape)} positive whole lengths, got {tuple(chunks)}")
    return given


class EncodedArray:
    """An array as it will lie in the store, read and encoded block by block when it is asked for.

    Parameters
    ----------
    pixels : array_like
        Numbers or booleans, any shape; see :func:`check_pixels`.
    zarr_format : int
        2 or 3.
    axes : sequence of str, optional
        A name per dimension, kept among the array's attributes beside the digest of its content.
    chunks : sequence of int, optional
        About 8 MiB each unless given.

    Attributes
    ----------
    last : str
        The key without which there is no array; it comes last.

    Raises
    ------
    ValueError
        Zarr cannot hold it.
    """

    def __init__(
        self,
        pixels: PixelSource,
        zarr_format: int,
        *,
        axes: Sequence[str] | None = None,
        chunks: Sequence[int] | None = None,
    ) -> None:
        self.last = ARRAY_DOCUMENT[zarr_format]
        self._pixels = pixels
        self._shape = tuple(pixels.shape)
        self._given_dtype = pixels.dtype
        # Zarr v3 keeps no byte order: the digest is that of the values as they are read back.
        self._dtype = pixels.dtype.newbyteorder("=") if zarr_format == 3 else pixels.dtype
        # Blocks of chunks that were chosen here follow each other in memory, as the digest wants them.
        self._in_order = chunks is None
        self._chunks = check_chunks(self._shape, self._dtype.itemsize, chunks)
        self._axes = None if axes is None else list(axes)
        self._zarr_format = zarr_format
        self._digest = ""
        self._held: dict[str, Any] = {}
        self._array_of_full_chunks = self._create(write_empty_chunks=True)
        self._documents = dict(self._take_held())

    def _create(self, *, write_empty_chunks: bool) -> zarr.Array[Any]:
        require_zarr()
        import zarr as zarr_library
        from zarr.storage import MemoryStore

        attrs: dict[str, Any] = {DIGEST_ATTR: _NO_DIGEST_YET}
        if self._axes is not None:
            attrs[AXES_ATTR] = self._axes
            if self._zarr_format == 2:
                attrs[DIMENSIONS_ATTR] = self._axes
        return zarr_library.create_array(
            MemoryStore(self._held),
            shape=self._shape,
            dtype=self._dtype,
            chunks=self._chunks,
            zarr_format=cast("Any", self._zarr_format),
            dimension_names=self._axes if self._zarr_format == 3 else None,
            attributes=attrs,
            config={"write_empty_chunks": write_empty_chunks},
            overwrite=not write_empty_chunks,
        )

    @cached_property
    def _array(self) -> zarr.Array[Any]:
        array = self._create(write_empty_chunks=False)
        self._held.clear()
        return array

    def _take_held(self) -> Iterator[tuple[str, bytes]]:
        while self._held:
            key, buffer = self._held.popitem()
            yield key, buffer.to_bytes()

    def digest(self, on_chunk: OnChunk | None = None) -> str:
        """Return the SHA-256 of dtype, shape and values; all of it is read unless it was before.

        Raises
        ------
        SourceError
            The pixels cannot be read.
        """
        if not self._digest:
            sha = _new_digest(self._dtype, self._shape)
            for _, values in self._blocks(choose_chunks(self._shape, self._dtype.itemsize), on_chunk):
                sha.update(_bytes_of(values))
            self._digest = sha.hexdigest()
        return self._digest

    def blobs(self, on_chunk: OnChunk | None = None) -> Iterator[tuple[str, bytes]]:
        """Yield keys, relative to the array, with their bytes; the documents come last.

        Raises
        ------
        SourceError
            The pixels cannot be read.
        """
        if not self._in_order:
            self.digest()
        # Also where it is known: of what is written, even if the pixels have changed since.
        sha = _new_digest(self._dtype, self._shape) if self._in_order else None
        # A thread is started at its first block; a small image is not worth one.
        with ThreadPoolExecutor(1) as hashing:
            for where, values in self._blocks(self._chunks, on_chunk):
                hashed = None
                if sha is not None and values.nbytes < _WORTH_A_THREAD:
                    sha.update(_bytes_of(values))
                elif sha is not None:
                    # Both let go of the GIL.
                    hashed = hashing.submit(sha.update, _bytes_of(values))
                self._encode(where, values)
                yield from self._take_held()
                if hashed is not None:
                    hashed.result()
        if sha is not None:
            self._digest = sha.hexdigest()
        digest = self._digest.encode()
        documents = {
            name: document.replace(_NO_DIGEST_YET.encode(), digest)
            for name, document in self._documents.items()
        }
        last = documents.pop(self.last)
        yield from documents.items()
        yield self.last, last

    def _encode(self, where: tuple[slice, ...], values: npt.NDArray[Any]) -> None:
        # zarr leaves out chunks of zeros, and takes a quarter of the time to find out. In most chunks, the
        # first values tell. Of complex numbers, zarr takes negative zeros for zeros.
        full = self._dtype.kind == "c" or all(
            values[chunk].any() for chunk in _slices(values.shape, self._chunks)
        )
        (self._array_of_full_chunks if full else self._array)[where] = values

    def _blocks(
        self, chunks: Sequence[int], on_chunk: OnChunk | None
    ) -> Iterator[tuple[tuple[slice, ...], npt.NDArray[Any]]]:
        """Yield where each block of whole chunks is, and its values."""
        total = math.prod(self._shape) * self._dtype.itemsize
        done = 0
        for where in _block_slices(self._shape, chunks, self._dtype.itemsize):
            values = self._read(where)
            yield where, values
            done += values.nbytes
            if on_chunk is not None:
                on_chunk(done, total)

    def _read(self, where: tuple[slice, ...]) -> npt.NDArray[Any]:
        try:
            values = np.asarray(self._pixels[where or ...])
        except KymflowError:
            raise
        # Somebody else's array, which may fail in any way.
        except Exception as error:
            raise SourceError(f"the pixels cannot be read: {type(error).__name__}: {error}") from error
        expected = tuple(one.stop - one.start for one in where)
        if values.shape != expected or values.dtype != self._given_dtype:
            raise SourceError(
                f"the pixels cannot be read: expected {self._given_dtype} of shape {expected}, "
                f"got {values.dtype} of shape {values.shape}"
            )
        return values.astype(self._dtype, copy=False)


def _block_slices(shape: Sequence[int], chunks: Sequence[int], itemsize: int) -> Iterator[tuple[slice, ...]]:
    """Yield slices of blocks of whole chunks, of about `BLOCK_BYTES`, in the order of the values."""
    room = max(1, BLOCK_BYTES // itemsize)
    lengths = []
    left = max(1, room // math.prod(chunks))
    for length, chunk in zip(reversed(shape), reversed(chunks), strict=True):
        count = min(left, -(-length // chunk))
        lengths.append(max(1, count) * chunk)
        # An axis that is cut ends the block: those before it stay at one chunk.
        left = left // count if count and count * chunk >= length else 1
    return _slices(shape, lengths[::-1])


def _slices(shape: Sequence[int], steps: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    ranges = (
        [slice(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(shape, steps, strict=True)
    )
    return itertools.product(*ranges)


def content_digest(array: Sliceable, like: str = "", on_chunk: OnChunk | None = None) -> str:
    """Return the SHA-256 of an array's dtype, shape and values, which are read block by block.

    Parameters
    ----------
    array : array_like
        A numpy array, or what is read as it is sliced.
    like : str, optional
        The digest that is expected. It is returned also where the values have it in the other byte order,
        in which earlier versions took the digest of some arrays.
    on_chunk : callable, optional
        Told between blocks how far it is; what it raises ends the reading.
    """
    shape, dtype = tuple(array.shape), array.dtype
    orders = [dtype, dtype.newbyteorder("S")] if like and dtype.newbyteorder("S") != dtype else [dtype]
    total = math.prod(shape) * dtype.itemsize
    found = ""
    for order in orders:
        sha = _new_digest(order, shape)
        done = 0
        for where in _block_slices(shape, choose_chunks(shape, dtype.itemsize), dtype.itemsize):
            values = np.asarray(array[where or ...])
            sha.update(_bytes_of(values.astype(order, copy=False)))
            done += values.nbytes
            if on_chunk is not None:
                on_chunk(done, total)
        found = found or sha.hexdigest()
        if sha.hexdigest() == like:
            return like
    return found


def _new_digest(dtype: np.dtype[Any], shape: tuple[int, ...]) -> hashlib._Hash:
    return hashlib.sha256(f"{dtype.str}{shape}".encode())


def _bytes_of(arr: npt.NDArray[Any]) -> memoryview | bytes:
    return np.ascontiguousarray(arr).view(np.uint8).data if arr.size else b""
