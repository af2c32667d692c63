"""Chunks of images on a pool of processes, which is made anew where it breaks."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from kymflow.core.zarr.extraction.alone import Alone
from kymflow.core.zarr.extraction.executor_run import Call, Wait, answer_of
from kymflow.core.zarr.extraction.task import Extracted, Task


class PoolRun:
    """The chunks of one run on a pool.

    A pool whose worker ends is lost, with all that was under way. Workers take chunks in the order in which
    they were submitted, so the first ones without an answer, one per worker, were under way: each image of
    these is extracted alone, and the rest goes to a new pool. (If a crash was in another chunk, the new pool
    breaks as well, and that chunk's turn comes; with each pool, at least one chunk is settled.)

    Parameters
    ----------
    pool : ProcessPoolExecutor
        The user's; it may be broken already, and is not shut down.
    task, sent
        What to do, and the same as it is sent to a process.
    call : callable
        What a worker of the pool is to call with a chunk.
    chunks : sequence of sequence of str
        The images.
    wait : callable
        Waits for futures.
    """

    def __init__(
        self,
        pool: ProcessPoolExecutor,
        task: Task,
        sent: bytes,
        call: Call,
        chunks: Sequence[Sequence[str]],
        wait: Wait,
    ) -> None:
        self._pool, self._own = pool, False
        self._task, self._call, self._chunks, self._wait = task, call, chunks, wait
        self._workers, self._how = _settings(pool)
        self._alone = Alone(
            task,
            sent,
            self._how["mp_context"],
            self._how["initializer"],
            self._how["initargs"],
            self._workers,
        )
        self._futures: dict[int, Future[Extracted]] = {}

    def begin(self) -> None:
        """Submit all chunks."""
        self._submit(range(len(self._chunks)))

    def result(self, number: int) -> Extracted:
        """Wait for a chunk, whatever becomes of the pool meanwhile."""
        while True:
            self._wait([self._futures[number]], self._is_given_up)
            if not _is_lost(self._futures[number]):
                found = answer_of(self._task, self._futures[number].result)
                self._alone.has_answers |= bool(found[0])
                return found
            self._recover(range(number, len(self._chunks)))

    def close(self) -> None:
        """Begin nothing more, and end what this run has started."""
        for future in self._futures.values():
            future.cancel()
        self._alone.close()
        if self._own:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, numbers: Iterable[int]) -> None:
        """Give chunks to the pool, or to a new one if it is broken already."""
        for at, number in enumerate(numbers):
            ask = partial(self._pool_submit, self._chunks[number], renew=at == 0)
            self._futures[number] = answer_of(self._task, ask)

    def _pool_submit(self, chunk: Sequence[str], *, renew: bool) -> Future[Extracted]:
        try:
            return self._pool.submit(self._call, chunk)
        except BrokenProcessPool as error:
            if renew:
                self._renew()
                return self._pool.submit(self._call, chunk)
            lost: Future[Extracted] = Future()
            lost.set_exception(error)
            return lost

    def _recover(self, numbers: Iterable[int]) -> None:
        futures = self._futures
        # Of a pool that breaks, all futures are done within a moment.
        self._wait([futures[number] for number in numbers], self._is_given_up)
        # Where it was given up, its workers are left, and this program would wait for them at its end.
        for worker in list((getattr(self._pool, "_processes", None) or {}).values()):
            worker.kill()
        lost = [number for number in numbers if _is_lost(futures[number])]
        suspects, rest = lost[: self._workers], lost[self._workers :]
        for number in suspects:
            futures[number] = self._alone.submit(self._chunks[number])
        # Not beside a new pool: memory may be what is short.
        self._wait([futures[number] for number in suspects], lambda: False)
        self._submit(rest)

    def _is_given_up(self) -> bool:
        """Whether the pool answers no more, not even that it is broken.

        Its thread may end with an error while it tells that to all futures (Python 3.11, where another one
        is submitted or cancelled at that moment). No public name tells.
        """
        thread: threading.Thread | None = getattr(self._pool, "_executor_manager_thread", None)
        return thread is not None and not thread.is_alive()

    def _renew(self) -> None:
        if self._own:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool, self._own = ProcessPoolExecutor(self._workers, **self._how), True


def _is_lost(future: Future[Extracted]) -> bool:
    if not future.done():
        return True
    return not future.cancelled() and isinstance(future.exception(), BrokenProcessPool)


def _settings(pool: ProcessPoolExecutor) -> tuple[int, dict[str, Any]]:
    """Return how many workers a pool has, and what else it was made with.

    It tells nobody, so these are its private names; where they are others, a plain pool will do.
    """
    how = {
        "mp_context": getattr(pool, "_mp_context", None) or multiprocessing.get_context(),
        "initializer": getattr(pool, "_initializer", None),
        "initargs": getattr(pool, "_initargs", ()),
        "max_tasks_per_child": getattr(pool, "_max_tasks_per_child", None),
    }
    return getattr(pool, "_max_workers", 1), how
