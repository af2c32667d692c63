"""An author's own code, run so that whatever it does can be told: raise, exit, or never come back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


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
