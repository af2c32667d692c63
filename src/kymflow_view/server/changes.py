"""What has changed, told to every page that is open: server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from kymflow import KymflowError

logger = logging.getLogger(__name__)

# A comment now and then: writing is how a connection that is gone is found out.
HEARTBEAT_S = 15.0
# A page that does not read is sent away; it comes again, and is told how things stand then.
_MAX_WAITING = 1000


class Changes:
    """Hands events to the streams that are open, and looks for changes of tables while there are any.

    Parameters
    ----------
    find_versions : callable
        Returns the version of each table by name; called in a thread of its own.
    every_s : float
        How often it is asked.
    """

    def __init__(self, find_versions: Callable[[], Mapping[str, str | None]], every_s: float) -> None:
        self._find_versions = find_versions
        self._every_s = every_s
        self._lock = threading.Lock()
        self._listeners: list[_Listener] = []
        self._last: dict[str, str] = {}
        self._looking = False
        self._closed = threading.Event()

    def publish(self, kind: str, data: Any, *, keep: bool = False) -> None:
        """Tell every open page; from any thread.

        Parameters
        ----------
        kind : str
            The kind of event.
        data : object
            What is told, as JSON has it.
        keep : bool
            Whether pages that come later are told, too, until there is another event of this kind.
        """
        text = f"event: {kind}\ndata: {json.dumps(data, allow_nan=False)}\n\n"
        with self._lock:
            if keep:
                self._last[kind] = text
            # A loop ends after its streams have: while one is listed, its loop runs.
            for listener in self._listeners:
                listener.hand(text)

    def close(self) -> None:
        """End all streams: the server stops only once they have ended."""
        self._closed.set()
        with self._lock:
            for listener in self._listeners:
                listener.hand(None)

    async def stream(self) -> AsyncIterator[str]:
        """Yield events, how things stand first, until the page or the server goes."""
        listener = _Listener()
        with self._lock:
            self._listeners.append(listener)
            for text in self._last.values():
                listener.hand(text)
            if not self._looking:
                self._looking = True
                threading.Thread(target=self._look, name="kymflow changes", daemon=True).start()
        try:
            # After how long a browser comes again; and the first bytes, which tell it that it is connected.
            yield "retry: 1000\n\n"
            while not self._closed.is_set():
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        waiting = await listener.queue.get()
                except TimeoutError:
                    waiting = ": still here\n\n"
                if waiting is None:
                    return
                yield waiting
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def _look(self) -> None:
        """Tell of versions as they change, until nobody listens."""
        known: Mapping[str, str | None] | None = None
        problem = ""
        while True:
            try:
                versions = self._find_versions()
            except Exception as error:  # noqa: BLE001 (whatever it is: pages would never hear of a change again)
                # A disk that is unplugged, a server that does not answer: told once, and when it is over.
                if (text := _told(error)) != problem:
                    self.publish("problem", {"error": text}, keep=True)
                problem = text
            else:
                if problem:
                    self.publish("problem", {"error": None}, keep=True)
                if versions != known:
                    self.publish("tables", versions, keep=True)
                known, problem = versions, ""
            self._closed.wait(self._every_s)
            with self._lock:
                if self._closed.is_set() or not self._listeners:
                    # Whoever listens next is told how things are then.
                    for kind in ("tables", "problem"):
                        self._last.pop(kind, None)
                    self._looking = False
                    return


def _told(error: Exception) -> str:
    if isinstance(error, KymflowError | OSError):
        return " ".join(str(error).split())
    logger.error("looking for changes of tables failed", exc_info=error)
    return f"looking for changes failed ({type(error).__name__}); the terminal in which it runs says more"


class _Listener:
    """One stream: the loop that it runs in, and what waits to be sent; None ends it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()

    def hand(self, text: str | None) -> None:
        is_full = self.queue.qsize() >= _MAX_WAITING
        self._loop.call_soon_threadsafe(self.queue.put_nowait, None if is_full else text)
