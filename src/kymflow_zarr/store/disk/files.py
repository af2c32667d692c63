"""Single files: their temporary names, written whole, replaced, read to the end."""

from __future__ import annotations

import os
import stat as stat_module
import time
import uuid

TEMPORARY_SUFFIX = ".kymflow-tmp"
_PIECE = 64 * 2**20
# A reader that has the file open blocks a replace on Windows for as long as it reads.
REPLACE_ATTEMPTS = 50
_REPLACE_PAUSE_S = 0.02


def temporary_name() -> str:
    """Return a name that nobody else uses, and by which leftovers are known."""
    return f".{uuid.uuid4().hex[:16]}{TEMPORARY_SUFFIX}"


def is_file(path: str) -> bool:
    """Tell whether a regular file is there, if behind a link."""
    try:
        return stat_module.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def read_whole(descriptor: int, size: int) -> bytes:
    """Read an open file of about this size to its end."""
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return data
    # It is longer than one call can read, or somebody writes to it just now.
    pieces = [data]
    while pieces[-1]:
        pieces.append(os.read(descriptor, _PIECE))
    return b"".join(pieces)


def write_new(path: str, data: bytes, *, flush: bool) -> os.stat_result:
    """Write a file that nobody else knows of yet, making its folders."""
    try:
        file = open(path, "xb")  # noqa: SIM115
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = open(path, "xb")  # noqa: SIM115
    with file:
        file.write(data)
        file.flush()
        if flush:
            os.fsync(file.fileno())
        return os.fstat(file.fileno())


def replace(temporary: str, path: str) -> None:
    """Put a file in the place of another; tried again while a reader blocks it."""
    for attempt in range(REPLACE_ATTEMPTS):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            if os.name != "nt" or attempt + 1 == REPLACE_ATTEMPTS:
                raise
            time.sleep(_REPLACE_PAUSE_S)


def flush_folder(folder: str) -> None:
    """Make the names in a folder survive a power cut, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
