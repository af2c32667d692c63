"""A gate at which another process waits, until a test opens it: a FIFO, so nobody looks again and again."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path


class Gate:
    """A closed gate.

    Parameters
    ----------
    path : Path
        Where its FIFO goes; whoever opens that for reading waits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def wait_for_one(self, timeout_s: float = 60) -> None:
        """Return when somebody waits at the gate; all who do go on then."""
        deadline = time.monotonic() + timeout_s
        while not self._let_through(self.path):
            assert time.monotonic() < deadline, f"nobody came to {self.path} within {timeout_s} s"
            time.sleep(0.01)

    def open(self) -> None:
        """Let through all who wait, and all who come."""
        gone = self.path.with_suffix(".gone")
        os.replace(self.path, gone)
        self._let_through(gone)

    def _let_through(self, path: Path) -> bool:
        """Let through all who wait; return whether anybody did."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return False
        return True
