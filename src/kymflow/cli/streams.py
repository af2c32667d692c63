"""Where the command line prints to: consoles, files, and pipes whose reader may leave early."""

from __future__ import annotations

import errno
import io
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from kymflow.cli import silence
from kymflow.cli.interruption import interrupted
from kymflow.cli.visible import visible

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


class _Shown(io.TextIOWrapper):
    """A stream of the command line: whatever is printed, and by whom, steers no terminal.

    Names, values and the texts of plugins and their errors come from elsewhere. Pipes get the same: their
    last reader is a terminal, too.
    """

    def write(self, text: str, /) -> int:
        silence.note(text)
        super().write(visible(text))
        return len(text)

    def close(self) -> None:
        """Stay open: a plugin that closes it would silence the command."""
        self.flush()


class _Painted:
    """A stream of the command line for who makes control sequences itself, such as a progress bar."""

    def __init__(self, stream: _Shown) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        silence.note(text)
        return io.TextIOWrapper.write(self._stream, text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def painted(stream: TextIO) -> TextIO:
    """Return a stream as it is for control sequences, and for data; what else is in it must be visible."""
    return cast("TextIO", _Painted(stream)) if isinstance(stream, _Shown) else stream


@contextmanager
def watched_streams() -> Iterator[None]:
    """Print in such a way that a reader who has seen enough ends the program quietly."""
    # The colours in which newer versions of Python print a traceback would be shown as text.
    os.environ["PYTHON_COLORS"] = "0"
    for name in ("stdout", "stderr"):
        setattr(sys, name, shown(getattr(sys, name)))
    try:
        yield
    finally:
        if nobody_reads.is_set() and not interrupted.is_set():
            sys.exit(NOBODY_READS)


def shown(stream: TextIO) -> TextIO:
    """Return a standard stream as one of the command line."""
    if not isinstance(stream, io.TextIOWrapper) or isinstance(stream, _Shown):
        # None, where there is no console, or what a test has put there.
        return stream
    return _Shown(
        # The console of Windows is no file.
        stream.buffer if os.name == "nt" and stream.isatty() else _buffer(stream),
        encoding=stream.encoding,
        # A console that lacks a letter shows its number.
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _buffer(stream: io.TextIOWrapper) -> Any:
    raw = _Watched(stream.fileno(), "w", closefd=False)
    return raw if stream.write_through else io.BufferedWriter(raw)
