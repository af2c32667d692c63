"""Whose code is running: the author's, kymflow's, Python's import, or a library's."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from types import FrameType

_STDLIB = os.path.normcase(sysconfig.get_path("stdlib")) + os.sep
_SITE = tuple(os.path.normcase(sysconfig.get_path(name)) + os.sep for name in ("purelib", "platlib") if name)
_KYMFLOW = ("kymflow", "kymflow_zarr")
_HERE = __name__.rpartition(".")[0] + "."


def top_package(module: str) -> str:
    """Return the first part of a module's name."""
    return module.partition(".")[0]


def is_author_s(frame: FrameType, package: str) -> bool:
    """Tell whether a frame is code of the author's package."""
    return top_package(frame.f_globals.get("__name__") or "") == package


def caller(package: str, *, through_kymflow: bool = False) -> FrameType | None:
    """Return the frame of the author that called what runs now, if nothing else lies between.

    The import system is something else, and so is kymflow unless it is asked through: what they do,
    they do on their own account.
    """
    for frame in _frames():
        if is_author_s(frame, package):
            return frame
        name = frame.f_globals.get("__name__") or ""
        if name.startswith(("importlib.", "_frozen_importlib")):
            return None
        if not through_kymflow and top_package(name) in _KYMFLOW and not name.startswith(_HERE):
            return None
    return None


def first_library() -> str:
    """Return the package of the innermost frame that is not of Python's own library, or ""."""
    for frame in _frames():
        name = frame.f_globals.get("__name__") or ""
        if not name.startswith(_HERE) and not is_of_python(frame):
            return top_package(name)
    return ""


def frames_of_python() -> Iterator[FrameType]:
    """Yield the innermost frames, as long as they are of the standard library."""
    for frame in _frames():
        if is_of_python(frame):
            yield frame
        elif not (frame.f_globals.get("__name__") or "").startswith(_HERE):
            return


def is_of_python(frame: FrameType) -> bool:
    """Tell whether a frame is code of the standard library."""
    file = os.path.normcase(frame.f_code.co_filename)
    return file.startswith("<frozen") or (file.startswith(_STDLIB) and not file.startswith(_SITE))


def _frames() -> list[FrameType]:
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames
