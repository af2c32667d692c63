"""What lies in a folder, as the system lists it: files, folders, and what is neither."""

from __future__ import annotations

import os
import stat as stat_module
from collections.abc import Iterator
from contextlib import suppress

from kymflow_zarr.store.base import LINKED_SIZE, UNREADABLE_SIZE, Fingerprint
from kymflow_zarr.store.disk import links
from kymflow_zarr.store.disk.files import TEMPORARY_SUFFIX


def is_linked(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a link; on Windows there are some that do not pass for such."""
    return entry.is_symlink() or (os.name == "nt" and links.is_link(entry.path))


def look_at(entry: os.DirEntry[str]) -> tuple[int, int]:
    """Return size and modification time of a file; the size that says so, of what cannot be read."""
    try:
        info = entry.stat()
    except OSError:
        return UNREADABLE_SIZE, 0
    if stat_module.S_ISREG(info.st_mode):
        return info.st_size, info.st_mtime_ns
    return LINKED_SIZE if stat_module.S_ISDIR(info.st_mode) else UNREADABLE_SIZE, 0


def fingerprint(key: str, info: os.stat_result, *, settled: bool = True) -> Fingerprint:
    """Return what is told of a key whose file is this."""
    size = info.st_size if stat_module.S_ISREG(info.st_mode) else UNREADABLE_SIZE
    return Fingerprint(key, size, info.st_mtime_ns, None, settled)


def temporaries(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what has a temporary name below a folder, at any depth; links are not followed.

    Raises
    ------
    OSError
        A folder cannot be listed; the error names it.
    """
    stack = [root]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as scan:
                found = list(scan)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            error.filename = error.filename or folder
            raise
        for entry in found:
            if entry.name.endswith(TEMPORARY_SUFFIX):
                with suppress(FileNotFoundError):
                    yield entry.path, entry.stat(follow_symlinks=False)
            elif entry.is_dir(follow_symlinks=False):
                stack.append(entry.path)
