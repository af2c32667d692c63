"""A user's mistake prints one line, never a traceback; warnings print one, too."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, ParamSpec, TextIO

import typer

from kymflow.cli.interruption import interrupted
from kymflow.cli.lines import in_lines
from kymflow.cli.output import json_alone
from kymflow.cli.streams import NOBODY_READS, nobody_reads

# The event that commands give to long runs as `cancel`.
__all__ = ["FAILED", "USAGE", "fail", "interrupted", "one_line_failures", "say"]

P = ParamSpec("P")

FAILED = 1
USAGE = 2


def say(message: str) -> None:
    """Print a line for the user, not for the next program in a pipe."""
    print(in_lines(message, sys.stderr), file=sys.stderr)


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Print why, and end with `code`."""
    say(f"kymflow: {' '.join(message.split())}")
    raise typer.Exit(code)


def one_line_failures(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that expected errors end it with one line and exit code 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _flushing(), warnings.catch_warnings(), json_alone(bool(kwargs.get("json"))):
                warnings.showwarning = _show_warning
                interrupted.begin()
                try:
                    command(*args, **kwargs)
                finally:
                    interrupted.end()
            interrupted.check()
        except KeyboardInterrupt:
            _end_interrupted()
        except Exception as error:
            if interrupted.is_set():
                # A library may have made anything of it.
                if not (isinstance(error, typer.Exit) and interrupted.is_settled_by(error.exit_code)):
                    _end_interrupted()
                raise
            from kymflow_zarr.errors import CancelledError, KymflowError

            if isinstance(error, CancelledError):
                _end_interrupted()
            if isinstance(error, KymflowError | OSError):
                from kymflow.cli.advice import at_shell

                fail(at_shell(error))
            raise

    return wrapped


@contextmanager
def _flushing() -> Iterator[None]:
    try:
        yield
    finally:
        # Here a reader who has left, or a full disk, can still be told of.
        print(end="", flush=True)


def _end_interrupted() -> NoReturn:
    if nobody_reads.is_set():
        raise typer.Exit(NOBODY_READS)
    if interrupted.tell():
        # The terminal may be gone, and so may who reads.
        with suppress(OSError, KeyboardInterrupt):
            say(f"kymflow: {interrupted.message()}")
    raise typer.Exit(interrupted.code)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"kymflow: warning: {' '.join(str(message).split())}")
