"""Single files: their temporary names, written whole, replaced, read to the end."""

from __future__ import annotations

import errno
import os
import stat as stat_module
import time
import uuid

from kymflow_zarr.store.disk import links

TEMPORARY_SUFFIX = ".kymflow-tmp"
_PIECE = 64 * 2**20
# What not every system has.
_BINARY = getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
# A reader that has the file open blocks a replace on Windows for as long as it reads.
REPLACE_ATTEMPTS = 50
_REPLACE_PAUSE_S = 0.02


def temporary_name() -> str:
    """Return a name that nobody else uses, and by which leftovers are known."""
    return f".{uuid.uuid4().hex[:16]}{TEMPORARY_SUFFIX}"


class IrregularFileError(OSError):
    """What is there is no regular file, and was not opened; the text says what it is, and what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.EINVAL, what)


def open_regular(path: str, flags: int = os.O_RDONLY, mode: int = 0o666) -> tuple[int, os.stat_result]:
    """Open a regular file, which may be behind a link; whatever else is there is not waited for.

    Raises
    ------
    IrregularFileError
        It is a folder, a named pipe, a device, a link that leads nowhere, ...
    FileNotFoundError, OSError
        Nothing is there; the system refuses.
    """
    flags |= _BINARY
    try:
        # Without following links, which costs nothing, one that leads nowhere is told from no file.
        descriptor = os.open(path, flags | _NO_FOLLOW | _NO_WAIT, mode)
    except OSError as error:
        if _NO_FOLLOW and isinstance(error, FileNotFoundError):
            raise
        descriptor = _open_after(error, path, flags)
    try:
        info = os.fstat(descriptor)
        if not stat_module.S_ISREG(info.st_mode):
            raise IrregularFileError(_what_is(info.st_mode))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, info


def _open_after(error: OSError, path: str, flags: int) -> int:
    """Open what could not be opened at once, or say what it is."""
    try:
        info = os.lstat(path)
        if stat_module.S_ISLNK(info.st_mode):
            info = os.stat(path)
    except FileNotFoundError:
        if not os.path.lexists(path):
            raise error from None
        raise IrregularFileError(
            f"it is a link to {os.readlink(path)!r}, where nothing is; bring that back, or delete the link"
        ) from None
    except OSError:
        raise error from None
    if not stat_module.S_ISREG(info.st_mode):
        raise IrregularFileError(_what_is(info.st_mode))
    if error.errno == errno.EAGAIN:
        # Another machine, which has it open, is asked to let go of it first.
        return os.open(path, flags)
    if error.errno in (errno.ELOOP, errno.EMLINK):
        return os.open(path, flags | _NO_WAIT)
    raise error


_KINDS = (
    (stat_module.S_ISDIR, "a folder"),
    (stat_module.S_ISFIFO, "a named pipe"),
    (stat_module.S_ISSOCK, "a socket"),
    (lambda mode: stat_module.S_ISCHR(mode) or stat_module.S_ISBLK(mode), "a device"),
)


def _what_is(mode: int) -> str:
    what = next((what for is_one, what in _KINDS if is_one(mode)), "something else")
    return f"it is {what} and no regular file; move it away"


def is_odd(path: str) -> bool:
    """Tell whether there is something other than a regular file at `path`; a link is what it leads to.

    A file that comes or goes just now is nothing odd.
    """
    try:
        return not stat_module.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return links.is_link(path)
    except OSError:
        return os.path.lexists(path)


def is_file(path: str) -> bool:
    """Tell whether a regular file is there, if behind a link."""
    try:
        return stat_module.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def is_absent(path: str) -> bool:
    """Tell whether nothing is there; what the system cannot look at is not absent."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
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


def make_folder(path: str) -> None:
    """Make a folder and those above it; it may be there already."""
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError:
        # One that the system cannot look at is taken for a file: the error is that of looking.
        if not stat_module.S_ISDIR(os.stat(path).st_mode):
            raise


def write_new(path: str, data: bytes, *, flush: bool) -> os.stat_result:
    """Write a file that nobody else knows of yet, making its folders."""
    try:
        file = open(path, "xb")  # noqa: SIM115
    except FileNotFoundError:
        make_folder(os.path.dirname(path))
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
