"""Levels in a file: the blocks of each piece as a member of a zip file, whose checksums tell damage."""

from __future__ import annotations

import json
import threading
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from kymflow_view.pictures.levels import BLOCKS, MOST_PIXELS, Grid
from kymflow_view.pictures.reduce import Columns, column_edges

# Whoever changes what is in such a file changes this number.
_FORMAT = 1
_ABOUT = "about.json"


class DamagedLevelsError(Exception):
    """A file that holds no levels, or not those of these pixels, or damaged ones."""


class LevelFile:
    """The blocks of an image; written piece by piece, in any order, and read meanwhile, by any thread.

    Get one from :meth:`create` or :meth:`open`.
    """

    def __init__(self, path: Path, key: str, grid: Grid, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._grid, self._archive = grid, archive
        self._about = json.dumps([_FORMAT, key, grid.lines, grid.pixels, grid.piece, str(grid.dtype)])
        self._row = _row_dtype(grid)
        self._members = set(archive.namelist())
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, key: str, grid: Grid) -> LevelFile:
        """Begin a new file.

        Raises
        ------
        OSError
            It cannot be written.
        """
        return cls(path, key, grid, zipfile.ZipFile(path, "x"))

    @classmethod
    def open(cls, path: Path, key: str, grid: Grid) -> LevelFile:
        """Open a finished file.

        Raises
        ------
        FileNotFoundError
            There is none.
        DamagedLevelsError
            It is damaged, or not of these pixels.
        """
        try:
            file = cls(path, key, grid, zipfile.ZipFile(path))
        except FileNotFoundError:
            raise
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            raise DamagedLevelsError(f"{path}: {error}") from error
        try:
            if file._read(_ABOUT, len(file._about)) != file._about.encode():
                raise DamagedLevelsError(f"{path}: levels of other pixels")
        except DamagedLevelsError:
            file.close()
            raise
        return file

    def add(self, piece: int, levels: dict[int, Columns]) -> None:
        """Write the blocks of one piece.

        Raises
        ------
        OSError
            The disk is full, or fails.
        DamagedLevelsError
            It is closed.
        """
        for block, columns in levels.items():
            rows = np.empty(len(columns.low), self._row)
            for name in self._row.names or ():
                rows[name] = getattr(columns, name)
            self._write(_member(piece, block), rows.tobytes())

    def blocks(self, piece: int, block: int) -> Columns | None:
        """Return the blocks of one piece, of so many lines each; None if they have not been written.

        Raises
        ------
        DamagedLevelsError
            They are damaged.
        """
        if (member := _member(piece, block)) not in self._members:
            return None
        edges = self._grid.block_edges(piece, block)
        data = self._read(member, (len(edges) - 1) * self._row.itemsize)
        rows = np.frombuffer(data, self._row)
        count = rows["count"] if "count" in (self._row.names or ()) else _counts(edges, self._grid)
        return Columns(rows["low"], rows["high"], rows["total"], count)

    def finish(self) -> None:
        """Write the end, without which it is no file of levels, and close it.

        Raises
        ------
        OSError
            The disk is full, or fails.
        """
        self._write(_ABOUT, self._about.encode())
        self.close()

    def close(self) -> None:
        """Close it, finished or not."""
        with self._lock:
            self._archive.close()

    def _write(self, member: str, data: bytes) -> None:
        with self._lock:
            try:
                self._archive.writestr(member, data)
            except ValueError as error:
                # It was closed, by who gave it up.
                raise DamagedLevelsError(f"{self.path}: {member}: {error}") from error
            self._members.add(member)

    def _read(self, member: str, size: int) -> bytes:
        try:
            with self._lock:
                # What claims another size is not read.
                if self._archive.getinfo(member).file_size != size:
                    raise DamagedLevelsError(f"{self.path}: {member} has not {size} bytes")
                return self._archive.read(member)
        except (
            OSError,
            ValueError,
            KeyError,
            EOFError,
            RuntimeError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise DamagedLevelsError(f"{self.path}: {member}: {error}") from error


def _member(piece: int, block: int) -> str:
    return f"{block}/{piece}"


def _row_dtype(grid: Grid) -> np.dtype[Any]:
    """Return how one block is stored; how many values it has is stored only where some can be NaN."""
    if grid.dtype.kind == "f":
        kinds = {"low": "<f4", "high": "<f4", "total": "<f8", "count": "<u4"}
    else:
        most = max(BLOCKS) * -(-grid.pixels // grid.width) * np.iinfo(np.uint16).max
        kinds = {"low": "<u2", "high": "<u2", "total": "<u4" if most < 2**32 else "<u8"}
    return np.dtype([(name, kind, (grid.width,)) for name, kind in kinds.items()])


def _counts(edges: np.ndarray[Any, Any], grid: Grid) -> np.ndarray[Any, Any]:
    lines = np.diff(edges)[:, np.newaxis]
    return lines if grid.width == grid.pixels else lines * np.diff(column_edges(0, grid.pixels, MOST_PIXELS))
