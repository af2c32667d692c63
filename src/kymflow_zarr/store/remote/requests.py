"""Requests to an object store: repeated while that may help, and their failures in words for people."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from obstore.exceptions import BaseError

from kymflow_zarr.errors import KymflowError, StoreError, StorePermissionError, StoreUnavailableError
from kymflow_zarr.store.remote.clients import make_client
from kymflow_zarr.store.remote.faults import Fault, fault_of, is_missing_bucket
from kymflow_zarr.store.remote.patience import BYTES_PER_S, Attempts, Patience

T = TypeVar("T")
_READING = ("read", "look at", "list")


class Requests:
    """Asks the server of one URL.

    A request fails once, or for as long as the patience lasts; after that, each operation makes a single
    one until one of them is answered: where a server is gone, nobody waits for it again and again.

    Parameters
    ----------
    url : str
    memory : Any
        A store of obstore in memory; None for a URL of a server.

    Raises
    ------
    DatasetError, StorePermissionError
        As :func:`~kymflow_zarr.store.remote.clients.make_client`.
    """

    def __init__(self, url: str, memory: Any = None) -> None:
        self.url = url
        self.patience = Patience() if memory is not None else Patience.from_environment()
        self._memory = memory
        # By how much longer they wait than the first one.
        self._clients: dict[int, Any] = {}
        self._in_vain = False
        self._sent_together = 0
        self.client()

    def client(self, n_sent: int = 0) -> Any:
        """Return a client of obstore that waits long enough for so many bytes to be sent."""
        if self._memory is not None:
            return self._memory
        # The time to send counts as time without an answer. A few clients are enough: 1, 2, 4 s longer ...
        longer_s = 2 ** (max(n_sent, self._sent_together) // BYTES_PER_S).bit_length() - 1
        if longer_s not in self._clients:
            self._clients[longer_s] = make_client(
                self.url,
                answer_s=self.patience.answer_s + longer_s,
                connect_s=self.patience.connect_s,
            )
        return self._clients[longer_s]

    @contextmanager
    def sending(self, n_bytes: int) -> Iterator[None]:
        """Let each request wait until so many bytes are sent: that of others at the same time."""
        self._sent_together += n_bytes
        try:
            yield
        finally:
            self._sent_together -= n_bytes

    def attempts(self) -> Attempts:
        """Begin an operation."""
        return Attempts(self.patience, once=self._in_vain)

    def note_answer(self) -> None:
        """Note that the server answers."""
        self._in_vain = False

    def ask(
        self, doing: str, key: str, call: Callable[[Any], T], *, n_sent: int = 0, may_lack: bool = True
    ) -> T:
        """Make a request that may be made twice, until it is answered.

        Parameters
        ----------
        doing, key : str
            What it does with which key, for people.
        call : callable
            Makes the request through a client.
        n_sent : int
            How many bytes are sent meanwhile.
        may_lack : bool
            Whether "there is no such key" is an answer.

        Raises
        ------
        FileNotFoundError
            There is no such key.
        StoreError, StorePermissionError, StoreUnavailableError
            The server refuses, or does not answer.
        """
        attempts = self.attempts()
        while True:
            try:
                client = self.client(n_sent)
                answer = _in_a_thread(call, client) if self._can_be_left(doing) else call(client)
            except (BaseError, OSError) as error:
                time.sleep(self._pause(error, attempts, doing, key, may_lack))
            else:
                self.note_answer()
                return answer

    def _can_be_left(self, doing: str) -> bool:
        """Tell whether Ctrl-C need not wait for a request: it writes nothing that might come about later."""
        is_main = threading.current_thread() is threading.main_thread()
        return is_main and self._memory is None and doing in _READING

    def __reduce__(self) -> tuple[type[Requests], tuple[str]]:
        return (Requests, (self.url,))

    async def ask_async(self, doing: str, key: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make a request that gives None where there is no such key, as :meth:`ask`."""
        attempts = self.attempts()
        while True:
            try:
                answer = await call()
            except (BaseError, OSError) as error:
                await asyncio.sleep(self._pause(error, attempts, doing, key, may_lack=True))
            else:
                self.note_answer()
                return answer

    def _pause(
        self, error: BaseError | OSError, attempts: Attempts, doing: str, key: str, may_lack: bool
    ) -> float:
        """Return how long to wait before the next request; raise what is the answer, or the last failure."""
        if isinstance(error, KymflowError):
            raise error
        if isinstance(error, FileNotFoundError) and may_lack and not is_missing_bucket(error):
            self.note_answer()
            raise error
        fault = fault_of(error)
        pause_s = attempts.pause_after(fault)
        if pause_s is None:
            raise self.refusal(fault, attempts, doing, key) from error
        return pause_s

    def refusal(self, fault: Fault, attempts: Attempts, doing: str, key: str) -> KymflowError:
        """Return the error of an operation that failed for good."""
        self._in_vain = fault.passes
        kind = (
            StorePermissionError if fault.denied else StoreUnavailableError if fault.no_answer else StoreError
        )
        tried = f" (asked {attempts.made} times in {attempts.elapsed_s:.0f} s)" if attempts.made > 1 else ""
        what = f"{key!r} in {self.url}" if key else self.url
        message = f"cannot {doing} {what}: {fault.what}{tried}. {fault.advice}".rstrip()
        return kind(message, dataset=self.url)


def _in_a_thread(call: Callable[[Any], T], client: Any) -> T:
    """Return what a call gives, made in a thread that may be left: within obstore, Ctrl-C is not heard."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(call(client))
        # All of it is raised where the answer is waited for.
        except BaseException as error:  # noqa: BLE001
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer.result()
