"""Workers of a process pool whose parent is gone: they end, as nobody will ever give them work again."""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
from multiprocessing.connection import wait

# A worker that was forked later keeps open what would tell of the parent's end; so its number is looked at.
_ASK_EVERY_S = 1.0


def end_with_parent() -> None:
    """Let this process end as soon as the one that has started it is gone, however that came.

    A worker of a pool waits for its next task for ever if nobody can tell it to stop; and what it is at, it
    could give to nobody. It is a thread that waits: signals are left to the program.
    """
    _watch_parent(os.getpid())


# By process, as a forked one has what its parent has noted.
@functools.cache
def _watch_parent(pid: int) -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def end() -> None:
        started_by = os.getppid()
        while not wait([parent.sentinel], _ASK_EVERY_S) and os.getppid() == started_by:
            pass
        # Without clearing up: other threads may be anywhere, as they are when it is killed.
        os._exit(1)

    threading.Thread(target=end, name="kymflow end with parent", daemon=True).start()
