"""Linked folders below a dataset's own: nothing is read or written behind them."""

from __future__ import annotations

import os
import stat as stat_module

# Windows has links of folders that are no symbolic links. Its other reparse points (files in a cloud,
# say) are what they look like.
_REPARSE_TAGS = frozenset(
    getattr(stat_module, name)
    for name in ("IO_REPARSE_TAG_SYMLINK", "IO_REPARSE_TAG_MOUNT_POINT")
    if hasattr(stat_module, name)
)


def is_link(path: str) -> bool:
    """Tell whether there is a link at `path`, wherever it leads; what the system refuses to tell is none."""
    try:
        info = os.lstat(path)
    except OSError:
        # Whoever opens it meets that, too.
        return False
    if stat_module.S_ISLNK(info.st_mode):
        return True
    return bool(_REPARSE_TAGS) and getattr(info, "st_reparse_tag", 0) in _REPARSE_TAGS


def linked_folder(path: str, start: int) -> str | None:
    """Return the first folder on the way down to `path` that is a link, or None; `path` does not count.

    Folders that end before place `start` of `path` may be links: the dataset's own, and those above it.
    """
    end = path.find(os.sep, start)
    while end > 0:
        if is_link(path[:end]):
            return path[:end]
        end = path.find(os.sep, end + 1)
    return None


def linked_folder_of(descriptor: int, path: str, start: int) -> str | None:
    """Return the linked folder through which the file was reached that was opened at `path`, or None.

    As :func:`linked_folder`, but where the system tells where an open file lies, one look is enough.
    """
    try:
        if os.readlink(f"/proc/self/fd/{descriptor}") == path:
            return None
    except OSError:
        # Only Linux tells, and not of every file.
        pass
    return linked_folder(path, start)
