"""What lies in a folder, as the system lists it: files, folders, and what is neither."""

from __future__ import annotations

import os
import stat as stat_module

from kymflow_zarr.store.base import LINKED_SIZE, UNREADABLE_SIZE, Fingerprint
from kymflow_zarr.store.disk import links


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
