"""Levels of large images, made in the background: pieces from everywhere first, then all the others."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from kymflow import KymDataset, KymflowError
from kymflow_view.pictures.cache_folder import CacheFolder
from kymflow_view.pictures.level_file import DamagedLevelsError, LevelFile
from kymflow_view.pictures.levels import Grid, blocks_of
from kymflow_view.pictures.plane import PictureError, Plane, ReplacedError, open_plane
from kymflow_view.pictures.reduce import Columns

logger = logging.getLogger(__name__)

# How often it is told, while levels are made, that there is a better picture.
_TIMES_TOLD = 8
# Of so many images at once; each has a file.
_MOST_UNFINISHED = 8
# With so many pieces known, a first picture waits for no more.
_ENOUGH = 24


def spread(pieces: int) -> list[int]:
    """Return the numbers of pieces in an order whose beginnings are from everywhere.

    Examples
    --------
    >>> spread(8)
    [0, 4, 2, 6, 1, 5, 3, 7]
    """
    digits = max(1, (pieces - 1).bit_length())
    return sorted(range(pieces), key=lambda piece: f"{piece:0{digits}b}"[::-1])


class Building:
    """The levels of one image that are being made; any thread may make a piece of them.

    Attributes
    ----------
    plane, grid
        What they are of.
    file : LevelFile
        Where they are.
    error : Exception or None
        What has ended it.
    told : int
        How often it was told that there is a better picture.
    total : int
        How many pieces there are.
    """

    def __init__(self, plane: Plane, grid: Grid, file: LevelFile) -> None:
        self.plane, self.grid, self.file = plane, grid, file
        self.error: KymflowError | OSError | None = None
        self.told = 0
        self.total = -(-grid.lines // grid.piece)
        self._left = dict.fromkeys(spread(self.total))
        self._under_way = 0
        self._changed = threading.Condition()

    @property
    def done(self) -> int:
        """How many pieces are made."""
        with self._changed:
            return self.total - len(self._left) - self._under_way

    def blocks(self, piece: int, block: int) -> Columns | None:
        """Return blocks that are made already."""
        return self.file.blocks(piece, block)

    def make_one(self, plane: Plane, among: range) -> bool:
        """Make the next piece of `among`; return False if all of them are made, or under way elsewhere.

        Raises
        ------
        ReplacedError, ArtifactError, OSError
            It cannot be read, or not be written.
        """
        with self._changed:
            piece = next((piece for piece in self._left if piece in among), None)
            if piece is None:
                return False
            del self._left[piece]
            self._under_way += 1
        made = False
        try:
            self.file.add(piece, blocks_of(self.grid, piece, plane.read(*self.grid.bounds(piece))))
            made = True
        finally:
            with self._changed:
                self._under_way -= 1
                if not made:
                    self._left[piece] = None
                self._changed.notify_all()
        return True

    def sample(self, plane: Plane, among: range, patience_s: float) -> None:
        """Make pieces for a first picture, from everywhere, for so long; one in any case.

        Raises
        ------
        ArtifactError, OSError
            As :meth:`make_one`.
        """
        until = time.monotonic() + patience_s
        while self._known(among) < min(_ENOUGH, len(among)) and self.make_one(plane, among):
            if time.monotonic() >= until:
                return

    def _known(self, among: range) -> int:
        with self._changed:
            return len(among) - sum(piece in among for piece in self._left)

    def wait_for_others(self) -> None:
        """Wait until no other thread is making a piece."""
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way)


class Builder:
    """Makes levels in a thread of its own, of the image first that was asked for last.

    Parameters
    ----------
    open_dataset : callable
        Gives the thread that calls it a dataset.
    cache : CacheFolder
        Where the levels are kept.
    on_picture : callable
        Told the id of an image of which there is a better picture now, in the thread that makes it.
    """

    def __init__(
        self, open_dataset: Callable[[], KymDataset], cache: CacheFolder, on_picture: Callable[[str], None]
    ) -> None:
        self._open_dataset, self._cache, self._on_picture = open_dataset, cache, on_picture
        self._unfinished: dict[str, Building] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        self._lock = threading.Lock()

    def levels(self, plane: Plane, grid: Grid) -> LevelFile | Building:
        """Return the levels of an image: finished ones, to be closed, or ones that are being made.

        Raises
        ------
        PictureError, ArtifactError, OSError
            What has ended an attempt to make them; the next call is another attempt.
        """
        with self._lock:
            if self._closed:
                raise PictureError(f"no picture of image {plane.image_id!r}: the viewer is being closed")
            building = self._unfinished.pop(plane.key, None)
            if building is None:
                file = self._cache.open(plane, grid)
                if file is not None:
                    return file
                building = Building(plane, grid, self._cache.begin(plane, grid))
            elif building.error is not None:
                raise building.error
            self._unfinished[plane.key] = building
            if len(self._unfinished) > _MOST_UNFINISHED:
                self._drop(next(iter(self._unfinished.values())))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kymflow-view pictures", daemon=True)
                self._thread.start()
        return building

    def give_up(self, building: Building) -> None:
        """Forget levels that are damaged while they are made."""
        with self._lock:
            if self._unfinished.get(building.plane.key) is building:
                self._drop(building)

    def wait(self) -> None:
        """Wait until nothing is left to be made."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def close(self) -> None:
        """End the work, and remove what is unfinished."""
        with self._lock:
            self._closed = True
        self.wait()
        with self._lock:
            for building in list(self._unfinished.values()):
                self._drop(building)

    def _drop(self, building: Building) -> None:
        if self._unfinished.get(building.plane.key) is building:
            del self._unfinished[building.plane.key]
        building.file.close()
        self._cache.remove(building.file.path)

    def _next(self) -> Building | None:
        with self._lock:
            working = [each for each in self._unfinished.values() if each.error is None]
            if self._closed or not working:
                self._thread = None
                return None
            return working[-1]

    def _run(self) -> None:
        planes: dict[str, Plane] = {}
        while (building := self._next()) is not None:
            key = building.plane.key
            try:
                if key not in planes:
                    planes[key] = self._open(building)
                self._step(building, planes[key])
            except (KymflowError, OSError, DamagedLevelsError, ReplacedError) as error:
                planes.pop(key, None)
                self._end(building, error)

    def _open(self, building: Building) -> Plane:
        record = self._open_dataset().ds.record(building.plane.image_id)
        plane = open_plane(record, building.plane.channel)
        if plane.key != building.plane.key:
            raise ReplacedError(plane.image_id)
        return plane

    def _step(self, building: Building, plane: Plane) -> None:
        if not building.make_one(plane, range(building.total)):
            building.wait_for_others()
            if building.done == building.total:
                self._finish(building)
            return
        times = building.done * _TIMES_TOLD // building.total
        if building.told < times < _TIMES_TOLD:
            building.told = times
            self._on_picture(building.plane.image_id)

    def _finish(self, building: Building) -> None:
        # Of pixels that were replaced meanwhile, nothing is kept.
        self._open(building)
        with self._lock:
            self._cache.keep(building.file, building.plane)
            self._unfinished.pop(building.plane.key, None)
        self._on_picture(building.plane.image_id)

    def _end(self, building: Building, error: Exception) -> None:
        with self._lock:
            known = self._unfinished.get(building.plane.key) is building
            self._drop(building)
            # Of pixels that are others by now, and of levels that were given up, there is nothing to tell.
            if known and isinstance(error, KymflowError | OSError):
                logger.warning("no levels of image %r can be made: %s", building.plane.image_id, error)
                building.error = error
                self._unfinished[building.plane.key] = building
