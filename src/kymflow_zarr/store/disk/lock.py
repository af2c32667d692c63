"""The lock of a file among all processes that write it, on this machine or on a shared disk."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kymflow_zarr.store.disk import clock, files, links

# File systems without locks say so in one of these ways.
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})
_HELD = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES})
_PAUSE_S = 0.05
# No commit takes so long; who does loses the marker, notices, and starts again.
_MARKER_AGE_S = 600.0
# What we write about an owner is shorter.
_MOST_BYTES = 10_000


class LockHeldError(Exception):
    """Another process held the lock all that time; the message says which, and what to do."""


class _NoLocksError(Exception):
    """The file system has no locks."""


@dataclass(frozen=True)
class HeldLock:
    """A lock that this process holds, as long as nobody takes its file away.

    Attributes
    ----------
    path : str
        Its file.
    identity : tuple of int
        Device and number of the file that was locked.
    """

    path: str
    identity: tuple[int, int]

    @property
    def still_holds(self) -> bool:
        """Whether others meet this very lock: its file was neither deleted nor replaced meanwhile."""
        try:
            info = os.lstat(self.path)
        except OSError:
            return False
        return (info.st_dev, info.st_ino) == self.identity


@contextmanager
def file_lock(path: str, timeout_s: float) -> Iterator[HeldLock]:
    """Hold the lock of a file; its folder is made.

    Raises
    ------
    LockHeldError
        It was not free within `timeout_s` seconds.
    OSError
        The disk refused.
    """
    lock_path = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.lock")
    files.make_folder(os.path.dirname(path))
    deadline = time.monotonic() + timeout_s
    take = _locked_by_library if os.name == "nt" else _locked
    try:
        with take(lock_path, deadline) as held, _owned(lock_path + ".owner"):
            yield held
            return
    except _NoLocksError:
        pass
    with _marked(lock_path + ".held", deadline) as held:
        yield held


@contextmanager
def _locked(path: str, deadline: float) -> Iterator[HeldLock]:
    """Lock a file by the system's own means, which ends with the process, however that ends."""
    import fcntl

    while True:
        if links.is_link(path):
            raise files.IrregularFileError("its lock file is a link; delete it")
        descriptor, info = files.open_regular(path, os.O_RDWR | os.O_CREAT)
        held = HeldLock(path, (info.st_dev, info.st_ino))
        try:
            while held.still_holds:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno in _NO_LOCKS:
                        raise _NoLocksError from error
                    if error.errno not in _HELD:
                        raise
                    _wait(path, path + ".owner", deadline)
                    continue
                # The file may have gone between the look and the lock.
                if held.still_holds:
                    yield held
                    return
        finally:
            # Not only closed: a child that was forked meanwhile has it open, too.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            # Nothing was written to it that could be lost.
            with suppress(OSError):
                os.close(descriptor)
        _wait(path, path + ".owner", deadline)


@contextmanager
def _locked_by_library(path: str, deadline: float) -> Iterator[HeldLock]:
    """Lock a file on Windows, where nobody can delete one that is open."""
    import filelock

    try:
        with filelock.FileLock(path, timeout=max(0.0, deadline - time.monotonic())):
            info = os.lstat(path)
            yield HeldLock(path, (info.st_dev, info.st_ino))
    except filelock.Timeout as error:
        raise LockHeldError(_who(path, path + ".owner")) from error


@contextmanager
def _marked(path: str, deadline: float) -> Iterator[HeldLock]:
    """Lock without locks: by a file that only one process can make, and that it deletes in the end."""
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            break
        except FileExistsError:
            if not _drop_stale_marker(path):
                _wait(path, path, deadline)
    # Open as long as it is held: the number of a file that is deleted meanwhile is not given to another one.
    with os.fdopen(descriptor, "wb") as file:
        info = os.fstat(descriptor)
        held = HeldLock(path, (info.st_dev, info.st_ino))
        try:
            file.write(_me(path))
            file.flush()
            yield held
        finally:
            if held.still_holds:
                with suppress(OSError):
                    os.unlink(path)


def _drop_stale_marker(path: str) -> bool:
    """Delete a marker whose process is gone, that came with a copy, or that is too old; tell if it was so."""
    try:
        before = os.lstat(path)
    except OSError:
        return True
    owner = _read_owner(path)
    stale = False
    if owner.get("host") == socket.gethostname():
        stale = owner.get("path") != path or not _is_alive(owner.get("pid"))
    if not stale:
        now_ns = clock.look(os.path.dirname(path))
        stale = now_ns is not None and now_ns - before.st_mtime_ns > _MARKER_AGE_S * 1e9
    if not stale:
        return False
    aside = os.path.join(os.path.dirname(path), files.temporary_name())
    with suppress(OSError):
        os.rename(path, aside)
        if not os.path.samestat(os.lstat(aside), before):
            # Another process was faster, and this is its new one.
            with suppress(OSError):
                os.link(aside, path)
        os.unlink(aside)
    return True


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _wait(path: str, owner_path: str, deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise LockHeldError(_who(path, owner_path))
    time.sleep(_PAUSE_S)


def _who(path: str, owner_path: str) -> str:
    owner = _read_owner(owner_path)
    who = "another process"
    if {"pid", "host", "since"} <= owner.keys():
        who = f"process {owner['pid']} on {owner['host']} (since {owner['since']})"
    return f"{who} is writing it. Try again when it is done; if it runs no more, delete {path!r}."


def _me(path: str) -> bytes:
    me = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.ctime(), "path": path}
    return json.dumps(me).encode()


def _read_owner(path: str) -> Mapping[str, Any]:
    """Return what an owner or marker file says; nothing of one that is damaged, or no file."""
    try:
        descriptor, _ = files.open_regular(path)
        with open(descriptor, "rb") as file:
            owner = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return owner if isinstance(owner, dict) else {}


@contextmanager
def _owned(path: str) -> Iterator[None]:
    """Say meanwhile who holds a lock; a file that cannot be written says nothing."""
    temporary = os.path.join(os.path.dirname(path), files.temporary_name())
    with suppress(OSError):
        files.write_new(temporary, _me(path), flush=False)
        files.replace(temporary, path)
    try:
        yield
    finally:
        for left in (temporary, path):
            with suppress(OSError):
                os.unlink(left)
