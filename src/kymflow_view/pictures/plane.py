"""One channel of an image's pixels: lines x pixels, read a range of lines at a time."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kymflow import ArtifactError, KymflowError, PixelsReplacedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import zarr

    from kymflow import ZarrImageRecord

# About what is read at a time, unless the array has larger chunks.
PIECE_BYTES = 8 * 2**20
# kymflow notes the digest of the pixels among the attributes of their array, and renews it with them.
_DIGEST_ATTR = "content_sha256"


class PictureError(KymflowError, ValueError):
    """No picture can be made of these pixels, or not what was asked for."""


class ReplacedError(Exception):
    """The pixels were replaced while they were read; who wants them begins anew."""


@dataclass(frozen=True)
class Plane:
    """One channel of an image: time along the first axis, whatever the order in the array.

    Attributes
    ----------
    image_id : str
        The image.
    channel, channels : int
        Which of how many channels; all axes but those of time and space count as channels.
    lines, pixels : int
        Its shape.
    dtype : dtype
        As stored.
    piece : int
        How many lines are best read at once: whole chunks, about 8 MiB.
    identity : str
        Another one as soon as the pixels are others.
    lasting : bool
        Whether `identity` says what the pixels are, in any dataset, and not only that they are as before.
    """

    image_id: str
    channel: int
    channels: int
    lines: int
    pixels: int
    dtype: np.dtype[Any]
    piece: int
    identity: str
    lasting: bool
    _record: ZarrImageRecord = field(repr=False, compare=False)
    _array: zarr.Array[Any] = field(repr=False, compare=False)
    _axes: tuple[int, int] = field(repr=False, compare=False)

    @property
    def key(self) -> str:
        """Another one for other pixels, and for another channel of them."""
        return f"{self.identity} {self.channel}"

    @property
    def nbytes(self) -> int:
        """How many bytes it takes in memory, as stored."""
        return self.lines * self.pixels * self.dtype.itemsize

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return lines `start` to `stop`, as stored.

        Raises
        ------
        ReplacedError
            The pixels are others by now; these lines may be of both.
        ArtifactError
            The pixels are damaged.
        """
        try:
            values = np.asarray(self._array[self._where(start, stop)])
        except PixelsReplacedError as error:
            raise ReplacedError(self.image_id) from error
        except (ValueError, TypeError, KeyError, RuntimeError, OSError) as error:
            self.check_current()
            raise ArtifactError(
                f"lines {start} to {stop} of image {self.image_id!r} cannot be read: {error}. "
                "`kymflow check` tells what else is damaged.",
                image_id=self.image_id,
                artifact="data",
            ) from error
        self.check_current()
        return values if self._axes[0] < self._axes[1] else values.T

    def check_current(self) -> None:
        """Raise ReplacedError if the pixels are others by now."""
        try:
            current = open_plane(self._record, self.channel).key == self.key
        except KymflowError:
            # While they are replaced, there are none; or there is no such channel any more.
            current = False
        if not current:
            raise ReplacedError(self.image_id)

    def _where(self, start: int, stop: int) -> tuple[slice | int, ...]:
        others = [n for axis, n in enumerate(self._array.shape) if axis not in self._axes]
        where: list[slice | int] = [int(index) for index in np.unravel_index(self.channel, others)]
        parts = {self._axes[0]: slice(start, stop), self._axes[1]: slice(None)}
        for axis in sorted(parts):
            where.insert(axis, parts[axis])
        return tuple(where)


def open_plane(record: ZarrImageRecord, channel: int = 0) -> Plane:
    """Open one channel of an image; nothing is read yet.

    Raises
    ------
    RecordNotFoundError, ArtifactNotFoundError, ArtifactError
        There is no such image, or it has no pixels, or they are damaged.
    PictureError
        It has no such channel, or pixels that are no plain numbers.
    """
    array = record.open_array()
    shape, dtype = array.shape, array.dtype
    who = f"image {record.image_id!r}"
    if dtype.kind not in "buif":
        raise PictureError(
            f"{who} cannot be shown: expected pixels that are numbers or booleans, got dtype {dtype}",
            image_id=record.image_id,
        )
    if len(shape) < 2:
        raise PictureError(
            f"{who} cannot be shown: expected lines of pixels, got an array of shape {shape}",
            image_id=record.image_id,
        )
    axes = _time_and_space(record.get_axes(), len(shape))
    lines, pixels = shape[axes[0]], shape[axes[1]]
    channels = math.prod(shape) // (lines * pixels) if lines and pixels else 1
    if not 0 <= channel < channels:
        raise PictureError(
            f"{who} has no channel {channel}: expected 0 to {channels - 1}", image_id=record.image_id
        )
    chunk = array.chunks[axes[0]]
    fitting = PIECE_BYTES // max(1, chunk * pixels * dtype.itemsize)
    identity, lasting = _identity(record, array, axes)
    return Plane(
        image_id=record.image_id,
        channel=channel,
        channels=channels,
        lines=lines,
        pixels=pixels,
        dtype=dtype,
        piece=chunk * max(1, fitting),
        identity=identity,
        lasting=lasting,
        _record=record,
        _array=array,
        _axes=axes,
    )


def _time_and_space(names: Sequence[str] | None, ndim: int) -> tuple[int, int]:
    """Return which axis is time, and which is space: y and x, else the last two that are no channels."""
    if names is None or len(names) != ndim:
        # As kymflow takes arrays without stored names: y x, z y x, z y x c, t z y x c.
        last = ndim - 1 if ndim < 4 else ndim - 2
        return last - 1, last
    if "y" in names and "x" in names:
        return names.index("y"), names.index("x")
    others = [axis for axis, name in enumerate(names) if name != "c"]
    line_axis, pixel_axis = (others if len(others) > 1 else range(ndim))[-2:]
    return line_axis, pixel_axis


def _identity(record: ZarrImageRecord, array: zarr.Array[Any], axes: tuple[int, int]) -> tuple[str, bool]:
    digest = array.attrs.get(_DIGEST_ATTR)
    if isinstance(digest, str) and digest:
        return f"{digest} {axes}", True
    # An earlier kymflow noted none; every write renews the attributes.
    known = [record.image_id, record.get_attrs(), list(array.shape), str(array.dtype), list(array.chunks)]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest(), False
