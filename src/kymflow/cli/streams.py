"""Where the command line prints to: consoles, files, and pipes whose reader may leave early."""

from __future__ import annotations

import errno
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# What shells say of a program that SIGPIPE has ended.
NOBODY_READS = 141

# Set when a reader has left.
nobody_reads = threading.Event()

# Windows calls it an invalid argument.
_GONE = (errno.EPIPE, errno.EINVAL)


class _Watched(io.FileIO):
    """A file that is printed to; if nobody reads it any more, the command is stopped as by Ctrl-C.

    Click and Rich would each end it in their own way if they saw the broken pipe, and a plugin that
    prints would be blamed for it. Sockets break, too: to leave SIGPIPE to the system is no way out.
    """

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            # What is still in buffers goes nowhere, even when Python flushes them at its very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if error.errno not in _GONE:
                raise
            nobody_reads.set()
            raise KeyboardInterrupt from None


@contextmanager
def watched_streams() -> Iterator[None]:
    """Print in such a way that a reader who has seen enough ends the program quietly."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            # A console that lacks a letter shows its number.
            stream.reconfigure(errors="backslashreplace")
            if not stream.isatty():
                setattr(sys, name, _watched(stream))
    try:
        yield
    finally:
        if nobody_reads.is_set():
            sys.exit(NOBODY_READS)


def _watched(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    raw = _Watched(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
