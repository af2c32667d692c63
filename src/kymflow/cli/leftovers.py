"""Threads and processes that a plugin leaves running: a command that is over names them and ends."""

from __future__ import annotations

import os
import sys
import threading

from kymflow.cli import silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

# So long what is about to end by itself may take, as an executor's threads do when Python ends.
_GRACE_S = 2.0
_OWN = ("kymflow", "kymflow_zarr", "kymflow_view")
_STARTERS = ("threading", "concurrent")


def end_without_leftovers(code: object) -> None:
    """See to it that the program ends, with a code, whatever a plugin has left running.

    Tables and ledgers are written; Python would wait for such a thread without a word, maybe for ever, and
    the next run that is due with it.
    """
    if _threads() or _processes():
        number = code if isinstance(code, int) else int(code is not None)
        threading.Thread(target=_end, args=(number,), name="kymflow end", daemon=True).start()


def _end(code: int) -> None:
    threading.Event().wait(_GRACE_S)
    processes = _processes()
    left = [*_threads(), *(f"process {one.name!r}" for one in processes)]
    if not left:
        return
    silence.write(f"kymflow: done, and not waiting for {', '.join(left)}, which a plugin left running")
    for process in processes:
        process.kill()
    os._exit(code)


def _threads() -> list[str]:
    """Name the threads that Python would wait for; kymflow's own are about to end."""
    frames = sys._current_frames()
    found = []
    for thread in threading.enumerate():
        if thread.daemon or thread is threading.main_thread():
            continue
        modules, frame = [], frames.get(thread.ident or 0)
        while frame is not None:
            modules.append(str(frame.f_globals.get("__name__", "")))
            frame = frame.f_back
        tops = [module.partition(".")[0] for module in modules]
        if not set(tops) & set(_OWN):
            code = [one for one, top in zip(modules, tops, strict=True) if top not in _STARTERS]
            found.append(f"thread {thread.name!r}" + (f" of {code[-1]}" if code else ""))
    return found


def _processes() -> list[BaseProcess]:
    if "multiprocessing" not in sys.modules:
        return []
    import multiprocessing

    return [child for child in multiprocessing.active_children() if not child.daemon]
