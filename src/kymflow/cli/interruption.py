"""Ctrl-C, SIGTERM and SIGHUP: each ends a command with a line and a code, at any moment of its life.

While a command starts and when it is over, there is nothing to clear up, and a thread ends the program at
once. In between, the signal is an exception in the main thread, as Ctrl-C always is; a run that asks again
and again whether it is cancelled is left to stop where nothing is half done. The thread sees to it that the
end comes, even if a library has lost the exception, or waits for a network and cannot be told.
"""

from __future__ import annotations

import atexit
import math
import os
import select
import signal
import socket
import sys
import threading
import time

# Nothing heavier may be imported here: until `listen`, Ctrl-C is Python's own, and prints a traceback.
from kymflow.cli import silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
# A run that has asked so lately whether it is cancelled will ask again.
_ASKS_AGAIN_S = 1.0
# So long a command may take to end before it is told again, and then before it is ended from here; after a
# second Ctrl-C, it is ended in this time.
_PATIENCE_S = 3.0
_MOMENT_S = 0.1


class Terminated(KeyboardInterrupt):
    """What SIGTERM and SIGHUP raise: for all code in between, it is Ctrl-C."""


class Interruption(threading.Event):
    """Set as soon as the command is to end; given to long runs as their `cancel`."""

    def __init__(self) -> None:
        super().__init__()
        self.code = 128 + signal.SIGINT
        self._signum = 0
        self._running = False
        self._told = False
        self._insists = False
        self._lost = False
        self._asked_s = -math.inf
        self._telling = threading.Lock()
        self._waker: socket.socket | None = None

    def is_set(self) -> bool:
        """Tell whether the command is to end; who asks in the main thread is left to end it."""
        if threading.current_thread() is threading.main_thread():
            self._asked_s = time.monotonic()
        return self._signum != 0

    def message(self) -> str:
        """Return what is said in the end."""
        by = "" if self._signum in (0, signal.SIGINT) else f" by {signal.Signals(self._signum).name}"
        return f"interrupted{by}. What was finished is kept; run the same command again to go on."

    def listen(self) -> None:
        """Heed the signals from now on; for the program that is this command line, and for no library."""
        if self._waker is not None or threading.current_thread() is not threading.main_thread():
            return
        silence.begin()
        reading, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for signum in known_signals():
            # Who has made us ignore it, as nohup does, knows why.
            if signal.getsignal(signum) in (signal.default_int_handler, signal.SIG_DFL):
                signal.signal(signum, self._note)
        threading.Thread(target=self._watch, args=(reading,), name="kymflow watch", daemon=True).start()
        sys.unraisablehook = self._tell_unraisable
        threading.excepthook = self._tell_of_thread
        # Registered first, it is called last: from then on, Python would end without a word.
        atexit.register(self._stop_listening, signal.SIG_IGN)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: self._stop_listening(signal.SIG_DFL))

    def begin(self) -> None:
        """From now on, signals are exceptions.

        Raises
        ------
        KeyboardInterrupt
            There was one already.
        """
        self._told = False
        self._running = True
        self.check()

    def end(self) -> None:
        """From now on, they are not."""
        self._running = False

    def check(self) -> None:
        """Raise what a signal raises, if there was one: a library may have lost it.

        Raises
        ------
        KeyboardInterrupt
            There was one.
        """
        if self._signum:
            raise KeyboardInterrupt if self._signum == signal.SIGINT else Terminated

    def tell(self) -> bool:
        """Tell whether the message is still to be said, and that the one who asks says it."""
        self._running = False
        with self._telling:
            told, self._told = self._told, True
        return not told

    def is_settled_by(self, code: int) -> bool:
        """Tell whether Ctrl-C was the way to end the command, which says so by its exit code 0."""
        if code or self._signum != signal.SIGINT:
            return False
        self.tell()
        self.code = 0
        return True

    def _note(self, signum: int, frame: FrameType | None) -> None:
        first = not self._signum
        if first:
            self._signum, self.code = signum, 128 + signum
            if time.monotonic() - self._asked_s < _ASKS_AGAIN_S:
                return
        if self._running and (first or self._insists):
            self._insists = False
            self.check()

    def _watch(self, reading: socket.socket) -> None:
        insist_s = leave_s = math.inf
        own_ways: set[int] = set()
        while True:
            for signum in _read(reading, min(insist_s, leave_s, silence.due_s())):
                # The server of the viewer has its own way to end, and raises it once more when it has.
                if signal.getsignal(signum) != self._note:
                    own_ways.add(signum)
                if signum in own_ways:
                    continue
                if not self._running and not self._told:
                    self._signum, self.code = signum, 128 + signum
                    self._leave()
                now_s = time.monotonic()
                if insist_s == math.inf:
                    insist_s = now_s + _PATIENCE_S
                    self.set()
                else:
                    leave_s = min(leave_s, now_s + _PATIENCE_S)
            now_s = time.monotonic()
            if now_s >= leave_s:
                self._leave()
            if self._lost:
                # Python has still to come out of where it was lost.
                time.sleep(_MOMENT_S)
            if now_s >= insist_s or self._lost:
                self._lost, insist_s, leave_s = False, now_s + _PATIENCE_S, now_s + _PATIENCE_S
                self._insist()
            silence.look()

    def _insist(self) -> None:
        if not self._running:
            return
        self._insists = True
        main = threading.main_thread().ident
        if hasattr(signal, "pthread_kill") and main is not None:
            signal.pthread_kill(main, self._signum)
        else:
            signal.raise_signal(self._signum)

    def _leave(self) -> None:
        """End the program at once, with the processes that it has started."""
        if self.tell():
            silence.write(f"kymflow: {self.message()}")
        if "multiprocessing" in sys.modules:
            import multiprocessing

            for child in multiprocessing.active_children():
                child.kill()
        os._exit(self.code)

    def _tell_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        if not (self._signum and isinstance(unraisable.exc_value, KeyboardInterrupt)):
            sys.__unraisablehook__(unraisable)
        elif self._waker is not None:
            # It was raised where nobody could hear it, as Python clears something up.
            self._lost = True
            self._waker.send(b"\0")

    def _tell_of_thread(self, failed: threading.ExceptHookArgs) -> None:
        # A pool whose worker ends while its work is cancelled fails on that, in Python 3.11.
        if not (self._signum and type(failed.thread).__module__ == "concurrent.futures.process"):
            threading.__excepthook__(failed)

    def _stop_listening(self, handler: signal.Handlers) -> None:
        signal.set_wakeup_fd(-1)
        for signum in known_signals():
            if signal.getsignal(signum) == self._note:
                default = signum == signal.SIGINT and handler is signal.SIG_DFL
                signal.signal(signum, signal.default_int_handler if default else handler)


interrupted = Interruption()


def known_signals() -> list[signal.Signals]:
    """Return the signals that end a command, of those that this system has."""
    return [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]


def _read(reading: socket.socket, until_s: float) -> Iterable[int]:
    """Return which signals have come, as soon as there is one, or at a time."""
    timeout_s = None if until_s == math.inf else max(0.0, until_s - time.monotonic())
    if not select.select([reading], [], [], timeout_s)[0]:
        return ()
    return filter(None, reading.recv(64))
