"""Small images in memory: those that were looked at last, within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from kymflow_view.pictures.levels import Grid, blocks_of
from kymflow_view.pictures.reduce import Columns


class HeldImage:
    """All lines of a plane, and of each piece its levels once they have been asked for.

    Attributes
    ----------
    values : ndarray
        Lines x pixels, as stored.
    """

    def __init__(self, values: npt.NDArray[Any], grid: Grid) -> None:
        self.values, self._grid = values, grid
        self._levels: dict[int, dict[int, Columns]] = {}

    @property
    def nbytes(self) -> int:
        """How much memory it takes at most: its lines, and a fifth for levels."""
        return self.values.nbytes + self.values.nbytes // 5

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return lines `start` to `stop`."""
        return self.values[start:stop]

    def blocks(self, piece: int, block: int) -> Columns:
        """Return the blocks of one piece, of so many lines each."""
        if piece not in self._levels:
            # Two threads may both make them: they are the same.
            self._levels[piece] = blocks_of(self._grid, piece, self.read(*self._grid.bounds(piece)))
        return self._levels[piece][block]


class Memory:
    """Images by what they are, the most recent ones, within so many bytes.

    Parameters
    ----------
    most_bytes : int
        Of all of them together; an image that is larger by itself is not kept.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[str, HeldImage] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._reading: dict[str, threading.Lock] = {}

    @property
    def nbytes(self) -> int:
        """How many bytes it holds."""
        return self._bytes

    def get(self, key: str, read: Callable[[], HeldImage]) -> HeldImage:
        """Return an image; it is read if it is not held, by one thread only however many ask for it."""
        with self._lock:
            if (image := self._found(key)) is not None:
                return image
            reading = self._reading.setdefault(key, threading.Lock())
        with reading:
            with self._lock:
                if (image := self._found(key)) is not None:
                    return image
            try:
                image = read()
                with self._lock:
                    self._keep(key, image)
            finally:
                with self._lock:
                    self._reading.pop(key, None)
            return image

    def _found(self, key: str) -> HeldImage | None:
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def _keep(self, key: str, image: HeldImage) -> None:
        if image.nbytes > self._most_bytes or key in self._held:
            return
        self._held[key] = image
        self._bytes += image.nbytes
        while self._bytes > self._most_bytes:
            self._bytes -= self._held.popitem(last=False)[1].nbytes
