"""An author's own code, run so that whatever it does can be told: raise, exit, or never come back."""

from __future__ import annotations

import linecache
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from kymflow.testing.conformance.children.frames import is_author_s, top_package


class NoAnswer(Exception):
    """A call that did not come back in time."""


def call_within(timeout_s: float, call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Run `call` in a thread of its own and wait for it.

    Parameters
    ----------
    timeout_s : float
        How long to wait, s. A thread cannot be ended from outside: one that does not come back
        goes on in the background until it does, or the program ends.
    call : callable
        What to run.

    Returns
    -------
    value : object
        What it returned; None if it raised.
    error : BaseException or None
        What it raised, SystemExit and KeyboardInterrupt included; :class:`NoAnswer` if it did not come back.
    """
    answer: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        try:
            answer.append((call(), None))
        except BaseException as error:  # noqa: BLE001
            answer.append((None, error))

    thread = threading.Thread(target=run, name="kymflow-check", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if answer:
        return answer[0]
    return None, NoAnswer(f"it had not come back after {timeout_s:g} s")


def describe(error: BaseException) -> str:
    """Return an error's class and text in one line, also where its text cannot be made."""
    try:
        text = " ".join(str(error).split())
    except Exception as cause:  # noqa: BLE001
        # The author's own exception class may fail as well.
        text = f"(its text cannot be made: {type(cause).__name__})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def describe_at(error: BaseException, module: str) -> str:
    """Describe an error, and name the innermost line of the author's package, to which `module` belongs."""
    package = top_package(module)
    own = [
        (frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if is_author_s(frame, package)
    ]
    if not own:
        return describe(error)
    frame, line = own[-1]
    source = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
    where = f"{_file_of(frame, package)}, line {line}" + (f": `{source}`" if source else "")
    return f"{describe(error)}, raised in {where}"


def _file_of(frame: FrameType, package: str) -> str:
    """Return a frame's file, from the folder of the package on."""
    path = Path(frame.f_code.co_filename)
    for folder in path.parents:
        if folder.name == package:
            return path.relative_to(folder.parent).as_posix()
    return path.name
