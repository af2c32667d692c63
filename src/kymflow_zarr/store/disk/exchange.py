"""Two files or folders that change places in one step, where the system and its file system can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2
# What is said by systems, file systems and containers that do not know of it.
_UNKNOWN_THERE = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


def exchange(one: str, other: str) -> bool:
    """Let two paths change places, at once for everybody; return False where that cannot be had.

    Raises
    ------
    FileNotFoundError
        One of them is not there.
    OSError
        The disk refused.
    """
    call = _system_call()
    if call is None:
        return False
    if call(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNKNOWN_THERE:
        return False
    raise OSError(code, os.strerror(code), one, None, other)


@cache
def _system_call() -> Callable[[bytes, bytes], int] | None:
    if os.name == "nt":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    try:
        if sys.platform == "darwin":
            swap = library.renamex_np
            swap.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
            return lambda one, other: int(swap(one, other, _RENAME_SWAP))
        rename = library.renameat2
    except AttributeError:
        return None
    rename.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return lambda one, other: int(rename(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE))
