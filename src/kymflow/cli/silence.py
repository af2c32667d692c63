"""A line on standard error where a command has had nothing to tell for long: what it waits for."""

from __future__ import annotations

import math
import os
import select
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# So long a command may be silent; then twice as long, and so on.
AFTER_S = 10.0
_STDERR = 2

# Whose code the main thread is in, by the start of the module's name; the innermost counts.
_WAITS = {
    "kymflow_zarr.store.local": "the disk",
    "kymflow_zarr.store.disk": "the disk",
    "kymflow_zarr.store.object": "the object store",
    "obstore": "the object store",
    "filelock": "a lock that another program holds",
    "kymflow_zarr.sources.threads": "files that are being read",
    "kymflow.core.zarr.extraction.on_executor": "the workers that extract rows",
    "distributed": "the Dask cluster",
    "urllib": "the network",
}
# Who waits for a person or for a browser waits in silence.
_AT_REST = ("asyncio", "typer._click.termui", "click.termui")
# What it calls is a plugin's.
_CALLS_PLUGINS = "kymflow.core.zarr.extraction.task"

_told_s = math.inf
_patience_s = AFTER_S
_within_line = False


def begin() -> None:
    """Listen from now on."""
    note("\n")


def note(text: str = "") -> None:
    """Note that something was printed, or else that something was done."""
    global _told_s, _patience_s, _within_line
    _told_s, _patience_s = time.monotonic(), AFTER_S
    if text:
        _within_line = not text.endswith("\n")


def due_s() -> float:
    """Return when it will have been silent for too long."""
    return _told_s + _patience_s


def look() -> None:
    """Say what the command waits for, if it has been silent for too long."""
    global _told_s, _patience_s
    now_s = time.monotonic()
    if now_s < due_s():
        return
    what = _awaited(sys._current_frames().get(threading.main_thread().ident or 0))
    if what is not None:
        write(f"kymflow: nothing to tell for {_patience_s:.0f} s: {what}. Ctrl-C ends it.")
    _told_s, _patience_s = now_s, 2 * _patience_s


def write(line: str) -> None:
    """Write a line to standard error, even if others are in the middle of printing, or cannot go on."""
    # Who waits here until somebody reads could not end the program.
    if os.name == "posix" and not select.select([], [_STDERR], [], 0)[1]:
        return
    starts = "\n" if _within_line and os.isatty(_STDERR) else ""
    try:
        os.write(_STDERR, f"{starts}{line}\n".encode())
    except OSError:
        # The terminal is gone.
        return


def _awaited(frame: FrameType | None) -> str | None:
    """Return what a thread waits for; None if it is to be left in peace."""
    inner = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_AT_REST):
            return None
        for start, what in _WAITS.items():
            if module.startswith(start):
                return f"waiting for {what}"
        if module == _CALLS_PLUGINS and inner and inner != module:
            return f"waiting for {inner}, which extracts rows"
        inner, frame = module, frame.f_back
    return "still at work"
