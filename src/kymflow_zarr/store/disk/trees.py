"""Folders with all that is below them: written beside the old one, swapped in, put back, deleted."""

from __future__ import annotations

import errno
import os
import shutil
import stat as stat_module
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from kymflow_zarr.store.disk import exchange, files, links

# A temporary tree of this age belongs to no write that is under way.
_ABANDONED_AFTER_S = 600.0
# Another writer put its own tree there in between.
_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def _name_aside(target: str) -> str:
    """Return a temporary name that tells which tree was moved away."""
    marked = f"{files.temporary_name().removesuffix(files.TEMPORARY_SUFFIX)}.{_mark_of(target)}"
    return os.path.join(os.path.dirname(target), marked)


def _mark_of(target: str) -> str:
    return f"{os.path.basename(target)}.replaced{files.TEMPORARY_SUFFIX}"


def swap(staged: str, target: str) -> None:
    """Put a tree that is written in the place of another, or of nothing.

    Where the system can, both change places in one step, and the old one is then at `staged`. Elsewhere the
    old one is moved away before, under a name by which :func:`put_back` finds it if nothing came after.
    """
    for attempt in range(files.REPLACE_ATTEMPTS):
        try:
            if not exchange.exchange(staged, target):
                _swap_in_two_steps(staged, target)
            return
        except FileNotFoundError:
            if _moved(staged, target):
                return
        except OSError as error:
            if attempt + 1 == files.REPLACE_ATTEMPTS or error.errno not in _TAKEN:
                raise
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), target)


def _moved(staged: str, target: str) -> bool:
    """Move a tree to where nothing is; tell if somebody was first."""
    try:
        os.rename(staged, target)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _swap_in_two_steps(staged: str, target: str) -> None:
    old = _name_aside(target)
    with suppress(FileNotFoundError):
        os.rename(target, old)
    try:
        os.rename(staged, target)
    except OSError:
        with suppress(OSError):
            os.rename(old, target)
        raise
    finally:
        # Never the last one there is; what cannot be removed is swept by a check.
        if os.path.isdir(target):
            with suppress(OSError):
                remove_tree(old)


def is_between_steps(target: str) -> bool:
    """Tell whether a tree was moved away, and nothing has come in its place yet."""
    return not os.path.lexists(target) and any(True for _ in _left_of(target, lambda name: False))


def put_back(target: str, last: str) -> bool:
    """Put a tree back that was moved away, if nothing came in its place; tell if there was one.

    Earlier versions gave all temporary trees like names. One of those counts if it is whole, that is, holds
    `last`, and too old to belong to a write that is under way.
    """
    if os.path.lexists(target):
        return False
    before_s = time.time() - _ABANDONED_AFTER_S

    def is_abandoned(path: str) -> bool:
        return os.path.getmtime(path) < before_s

    left = [path for path in _left_of(target, is_abandoned) if files.is_file(os.path.join(path, last))]
    for path in sorted(left, key=lambda path: os.path.getmtime(os.path.join(path, last)), reverse=True):
        with suppress(OSError):
            os.rename(path, target)
            return True
    return False


def _left_of(target: str, counts: Callable[[str], bool]) -> Sequence[str]:
    folder = os.path.dirname(target)
    found = []
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    for name in names:
        path = os.path.join(folder, name)
        if not name.endswith(files.TEMPORARY_SUFFIX) or links.is_link(path) or not os.path.isdir(path):
            # Nobody moves a link away; put back, it would lead out of the dataset.
            continue
        with suppress(OSError):
            if name.endswith(f".{_mark_of(target)}") or counts(path):
                found.append(path)
    return found


def delete(path: str) -> None:
    """Delete a tree: it goes out of sight in one step where that can be had, and then file by file.

    Raises
    ------
    OSError
        The disk refused, or there is none.
    """
    aside = os.path.join(os.path.dirname(path), files.temporary_name())
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        raise
    except OSError:
        # Somebody reads it on Windows, or its folder may not be written.
        aside = path
    remove_tree(aside)


def remove_tree(path: str) -> None:
    """Delete a folder with all that is below it, or whatever else is there; links are never followed."""
    # On Windows, a junction is a folder for `lstat`, and `rmtree` refuses it.
    if stat_module.S_ISDIR(os.lstat(path).st_mode):
        try:
            shutil.rmtree(path)
        except OSError as error:
            # Where closing a folder fails, some versions of `rmtree` close it once more: that is no cause.
            first = error.__context__
            if error.errno == errno.EBADF and isinstance(first, OSError):
                raise first from None
            raise
    else:
        # A named pipe is not to be opened: `rmtree` would wait for somebody to write into it.
        os.unlink(path)
