"""The user's folder of levels of large images, bounded in size; never part of a dataset."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
import uuid
from pathlib import Path

import platformdirs

from kymflow_view.pictures.level_file import DamagedLevelsError, LevelFile
from kymflow_view.pictures.levels import Grid
from kymflow_view.pictures.plane import Plane

_LEVELS, _UNFINISHED = ".levels", ".unfinished"
# What a process that was killed has begun, and nobody will finish.
_LEFT_AFTER_S = 24 * 3600.0


class CacheFolder:
    """Files of levels by what is in the image, or, where that is not known, for this process alone.

    Parameters
    ----------
    folder : Path, optional
        By default the one that the system has for caches of this user.
    most_bytes : int
        Of all files together. The ones that were used least recently go.

    Attributes
    ----------
    folder : Path
        Where they are.
    """

    def __init__(self, folder: Path | None, most_bytes: int) -> None:
        self.folder = folder or platformdirs.user_cache_path("kymflow-view", appauthor=False)
        self._most_bytes = most_bytes
        self._own: Path | None = None
        self._lock = threading.Lock()

    def open(self, plane: Plane, grid: Grid) -> LevelFile | None:
        """Open the levels of an image; None if there are none, or damaged ones, which are removed."""
        path = self._path(plane)
        try:
            file = LevelFile.open(path, plane.key, grid)
        except FileNotFoundError:
            return None
        except DamagedLevelsError:
            self.remove(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return file

    def begin(self, plane: Plane, grid: Grid) -> LevelFile:
        """Begin the levels of an image, beside where they will be.

        Raises
        ------
        OSError
            Nothing can be written there.
        """
        path = self._path(plane)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.stem}.{uuid.uuid4().hex}{_UNFINISHED}")
        return LevelFile.create(unfinished, plane.key, grid)

    def keep(self, file: LevelFile, plane: Plane) -> None:
        """Finish levels, and put them where they are found; they are there as a whole, or not at all.

        Raises
        ------
        OSError
            The disk is full, or fails.
        """
        path = self._path(plane)
        file.finish()
        try:
            # Not flushed to the disk: what a power failure leaves of it is found to be damaged.
            os.replace(file.path, path)
        except PermissionError:
            # On Windows, while somebody reads the same levels, which another process has made meanwhile.
            self.remove(file.path)
            if not path.is_file():
                raise
        self._prune(path)

    def remove(self, path: Path) -> None:
        """Remove a file; on Windows it stays while somebody reads it."""
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove what was for this process alone."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    def _path(self, plane: Plane) -> Path:
        folder = self.folder if plane.lasting else self._own_folder()
        return folder / f"{hashlib.sha256(plane.key.encode()).hexdigest()}{_LEVELS}"

    def _own_folder(self) -> Path:
        with self._lock:
            if self._own is None:
                self._own = Path(tempfile.mkdtemp(prefix="kymflow-view-"))
            return self._own

    def _prune(self, newest: Path) -> None:
        others = []
        for path in newest.parent.iterdir():
            with contextlib.suppress(OSError):
                if path != newest:
                    others.append((path.stat().st_mtime, path.stat().st_size, path))
        left = self._most_bytes - newest.stat().st_size
        for used, size, path in sorted(others, reverse=True):
            if path.suffix == _LEVELS:
                left -= size
            if (path.suffix == _LEVELS and left < 0) or (
                path.suffix == _UNFINISHED and used < time.time() - _LEFT_AFTER_S
            ):
                self.remove(path)
