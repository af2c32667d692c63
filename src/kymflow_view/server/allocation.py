"""Memory of large arrays, given back to the system as soon as they are freed."""

from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h.
_M_MMAP_THRESHOLD = -3
LARGE_BYTES = 2**20


def give_back_large_arrays() -> bool:
    """Have glibc map each array from a megabyte on by itself, and unmap it when it is freed; tell if it does.

    By default, the first large array that is freed raises that bound, up to 32 MB. The columns of a table
    of millions of rows are then pieces of one heap, which shrinks only from its end.
    """
    if sys.platform != "linux":
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        # Another C library.
        return False
    return bool(set_option(_M_MMAP_THRESHOLD, LARGE_BYTES))
