"""The lock of a file among all processes that write it, on this machine or on a shared disk."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class LockHeldError(Exception):
    """Another process held the lock all that time; the message says which."""


@contextmanager
def file_lock(path: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a file; its folder is made.

    Raises
    ------
    LockHeldError
        It was not free within `timeout_s` seconds.
    OSError
        The disk refused.
    """
    import filelock

    lock_path = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.lock")
    owner_path = lock_path + ".owner"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    lock = filelock.FileLock(lock_path, timeout=timeout_s)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise LockHeldError(_owner(owner_path)) from error
    try:
        with suppress(OSError), open(owner_path, "w", encoding="utf-8") as file:
            json.dump({"host": socket.gethostname(), "pid": os.getpid(), "since": time.ctime()}, file)
        yield
    finally:
        with suppress(OSError):
            os.unlink(owner_path)
        lock.release()


def _owner(owner_path: str) -> str:
    try:
        with open(owner_path, encoding="utf-8") as file:
            owner = json.load(file)
        return f"process {owner['pid']} on {owner['host']} (since {owner['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
