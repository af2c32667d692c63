"""Numbers of very long columns: in a file without a name, of which what is looked at is in memory."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from typing import IO, Any

import numpy as np
import numpy.typing as npt

# Longer columns are in files: those of millions of rows are most of a table, and a page shows few of them.
MAX_IN_MEMORY = 1_000_000


class OnDisk:
    """An array in a file, which is gone with it.

    Parameters
    ----------
    values : ndarray
        One-dimensional, not empty.

    Raises
    ------
    OSError
        There is no room for it.
    """

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self.dtype, self.nbytes = values.dtype, values.nbytes
        self._length = len(values)
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with this object)
        weakref.finalize(self, self._file.close)
        values.tofile(self._file)
        self._file.flush()

    def __len__(self) -> int:
        return self._length

    def mapped(self) -> npt.NDArray[Any]:
        """Return the values, read as they are looked at; the memory is given back with the array."""
        found = mmap.mmap(self._file.fileno(), self.nbytes, access=mmap.ACCESS_READ)
        return np.frombuffer(found, self.dtype)


def stored(values: npt.NDArray[Any]) -> npt.NDArray[Any] | OnDisk:
    """Return values where they are kept: many in a file, if there is room for it."""
    if len(values) <= MAX_IN_MEMORY or values.itemsize < 4:
        return values
    try:
        return OnDisk(values)
    except OSError:
        return values
