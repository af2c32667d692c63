"""Pictures of a dataset's images: pixels of a range of lines by columns, and histograms."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from kymflow import KymflowError
from kymflow_view.pictures import histogram
from kymflow_view.pictures.building import Builder
from kymflow_view.pictures.cache_folder import CacheFolder
from kymflow_view.pictures.drawing import block_for, draw
from kymflow_view.pictures.level_file import DamagedLevelsError, LevelFile
from kymflow_view.pictures.levels import Grid
from kymflow_view.pictures.memory import HeldImage, Memory
from kymflow_view.pictures.plane import PictureError, Plane, ReplacedError, open_plane
from kymflow_view.pictures.reduce import Columns

if TYPE_CHECKING:
    from kymflow import KymDataset

Made = TypeVar("Made")

# How often a picture is begun anew because pixels, or their levels, are replaced while it is made.
_ATTEMPTS = 5
# Pictures that are made at the same time: each may hold a whole image that is not large.
_AT_ONCE = 2
# Columns x pixels of one picture; there are fewer columns than was asked for where it would be more.
_MOST_VALUES = 4 * 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds of what pictures may take.

    Attributes
    ----------
    large_bytes : int
        Images of more are not read as a whole: levels are made of them in the background, and kept.
    memory_bytes : int
        Of all images that are held in memory.
    disk_bytes : int
        Of all levels in the user's cache folder.
    patience_s : float
        How long a first picture of a large image waits for pieces of it.
    """

    large_bytes: int = 64 * 2**20
    memory_bytes: int = 128 * 2**20
    disk_bytes: int = 2 * 2**30
    patience_s: float = 0.3


@dataclass(frozen=True)
class PixelColumns:
    """A range of lines as columns.

    Attributes
    ----------
    planes : tuple of str
        ``("raw",)`` where each line is a column by itself, otherwise ``("mean", "min", "max")``.
    values : ndarray
        Planes x columns x pixels; uint16, or float32 where that cannot hold the image.
    start, stop : int
        The lines.
    complete : bool
        Whether all of the lines are in it; if not, there will be a better picture.
    """

    planes: tuple[str, ...]
    values: npt.NDArray[Any]
    start: int
    stop: int
    complete: bool


class Pictures:
    """Makes pictures of the images of one dataset, in any thread; small ones are held in memory.

    Parameters
    ----------
    open_dataset : callable
        Gives the thread that calls it a dataset.
    cache_folder : Path, optional
        For levels of large images; by default the user's folder for caches.
    limits : Limits, optional
        Bounds of what that may take.
    on_picture : callable, optional
        Told the id of an image of which there is a better picture now, in a thread of its own.
    """

    def __init__(
        self,
        open_dataset: Callable[[], KymDataset],
        *,
        cache_folder: Path | None = None,
        limits: Limits | None = None,
        on_picture: Callable[[str], None] = lambda image_id: None,
    ) -> None:
        self._open_dataset = open_dataset
        self._limits = limits or Limits()
        self._memory = Memory(self._limits.memory_bytes)
        self._cache = CacheFolder(cache_folder, self._limits.disk_bytes)
        self._at_work = threading.BoundedSemaphore(_AT_ONCE)
        self._builder = Builder(open_dataset, self._cache, on_picture)

    def pixels(
        self, image_id: str, start: int = 0, stop: int | None = None, *, columns: int, channel: int = 0
    ) -> PixelColumns:
        """Return lines `start` to `stop` as so many columns at most; each line is in exactly one.

        Parameters
        ----------
        image_id : str
            The image.
        start, stop : int
            The lines, as in a slice; by default all. A range that ends beyond the image is cut.
        columns : int
            At most. There is no more than one for each line.
        channel : int
            Which channel.

        Raises
        ------
        PictureError
            No picture can be made of these pixels, or not what was asked for.
        RecordNotFoundError, ArtifactNotFoundError, ArtifactError
            There is no such image, or it has no pixels, or they are damaged.
        """
        return self._of_one_content(image_id, channel, lambda plane: self._draw(plane, start, stop, columns))

    def histogram(
        self, image_id: str, start: int = 0, stop: int | None = None, *, channel: int = 0
    ) -> histogram.Histogram:
        """Return how often each value occurs among raw pixels of a range of lines; errors as of pixels."""

        def count(plane: Plane) -> histogram.Histogram:
            begin, end = _bounds(plane, start, stop)
            read = plane.read if self._is_large(plane) else self._held(plane).read
            return histogram.count(Grid.of(plane), read, plane.dtype, begin, end)

        return self._of_one_content(image_id, channel, count)

    def wait(self) -> None:
        """Wait until the levels of all large images that were asked for are made."""
        self._builder.wait()

    def close(self) -> None:
        """End what is done in the background; what is unfinished is removed."""
        self._builder.close()
        self._cache.close()

    def _is_large(self, plane: Plane) -> bool:
        return plane.nbytes > self._limits.large_bytes

    def _of_one_content(self, image_id: str, channel: int, make: Callable[[Plane], Made]) -> Made:
        """Return what is made of an image's pixels, all of one content; begun anew if they are replaced."""
        record = self._open_dataset().ds.record(image_id)
        for _ in range(_ATTEMPTS):
            plane = open_plane(record, channel)
            try:
                with self._at_work:
                    return make(plane)
            except (DamagedLevelsError, ReplacedError):
                continue
        raise PictureError(
            f"no picture of image {image_id!r}: its pixels, or the levels of them, were replaced again and "
            "again while it was made. Try again later.",
            image_id=image_id,
        )

    def _held(self, plane: Plane) -> HeldImage:
        def read() -> HeldImage:
            return HeldImage(plane.read(0, plane.lines), Grid.of(plane))

        # Whether pixels without a digest are the same as before is not certain.
        return self._memory.get(plane.key, read) if plane.lasting else read()

    def _draw(self, plane: Plane, start: int, stop: int | None, columns: int) -> PixelColumns:
        begin, end = _bounds(plane, start, stop)
        grid = Grid.of(plane)
        columns = min(columns, max(1, _MOST_VALUES // grid.width), end - begin)
        held = None if self._is_large(plane) else self._held(plane)
        read = plane.read if held is None else held.read
        if columns == end - begin and grid.width == grid.pixels:
            return PixelColumns(("raw",), grid.shown(read(begin, end))[np.newaxis], begin, end, True)
        if held is not None:
            drawn, complete = draw(grid, read, held.blocks, begin, end, columns)
        elif block_for(begin, end, columns) == 1:
            drawn, complete = draw(grid, read, lambda piece, block: None, begin, end, columns)
        else:
            drawn, complete = self._draw_large(plane, grid, begin, end, columns)
        return PixelColumns(("mean", "min", "max"), _stacked(drawn, grid), begin, end, complete)

    def _draw_large(
        self, plane: Plane, grid: Grid, start: int, stop: int, columns: int
    ) -> tuple[Columns, bool]:
        try:
            levels = self._builder.levels(plane, grid)
            if isinstance(levels, LevelFile):
                return self._draw_kept(plane, grid, levels, start, stop, columns)
            levels.sample(plane, grid.pieces(start, stop), self._limits.patience_s)
            try:
                return draw(grid, plane.read, levels.blocks, start, stop, columns)
            except DamagedLevelsError:
                # Unless they are finished by now, and to be opened where they are kept.
                self._builder.give_up(levels)
                raise
        except OSError as error:
            if isinstance(error, KymflowError):
                raise
            raise PictureError(
                f"image {plane.image_id!r} is large, and levels of it cannot be written to "
                f"{self._cache.folder}: {error}. Make room there, or let it be written to.",
                image_id=plane.image_id,
            ) from error

    def _draw_kept(
        self, plane: Plane, grid: Grid, levels: LevelFile, start: int, stop: int, columns: int
    ) -> tuple[Columns, bool]:
        try:
            with closing(levels):
                return draw(grid, plane.read, levels.blocks, start, stop, columns)
        except DamagedLevelsError:
            self._cache.remove(levels.path)
            raise


def _bounds(plane: Plane, start: int, stop: int | None) -> tuple[int, int]:
    end = plane.lines if stop is None else min(stop, plane.lines)
    if not 0 <= start < end or not plane.pixels:
        raise PictureError(
            f"image {plane.image_id!r} has {plane.lines} lines of {plane.pixels} pixels: no picture of lines "
            f"{start} to {plane.lines if stop is None else stop}",
            image_id=plane.image_id,
        )
    return start, end


def _stacked(columns: Columns, grid: Grid) -> npt.NDArray[Any]:
    mean = columns.mean if grid.dtype.kind == "f" else np.rint(columns.mean)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.stack([mean.astype(grid.dtype), columns.low, columns.high])
