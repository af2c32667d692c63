"""Sources taken in one after the other, or several side by side in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# How often those who wait for threads are asked whether they still want to, in seconds.
_ASK_AGAIN_S = 0.1


def each(
    take: Callable[[T], R], items: Sequence[T], executor: Executor | None, meanwhile: Callable[[], None]
) -> Generator[R, None, None]:
    """Yield what `take` makes of each item, as soon as it is there.

    Parameters
    ----------
    take : callable
        Called with an item; with an executor, in a thread. Decoding, hashing and compressing let go of
        Python's lock, so threads do; readers and open files could not go to another process.
    items : sequence
        What is to be taken.
    executor : concurrent.futures.Executor or None
        Its threads, or as many threads as it has workers of another kind; None for no threads.
    meanwhile : callable
        Called in this thread, before each item or several times a second; it may raise to end all.
    """
    if executor is None:
        for item in items:
            meanwhile()
            yield take(item)
        return
    with ExitStack() as stack:
        workers = int(getattr(executor, "_max_workers", os.cpu_count() or 1))
        if not isinstance(executor, ThreadPoolExecutor):
            executor = stack.enter_context(ThreadPoolExecutor(workers, "kymflow-ingest"))
        running: set[Future[R]] = set()
        try:
            for item in items:
                meanwhile()
                running.add(executor.submit(take, item))
                # No more are begun than are worked at, so that an end comes soon.
                while len(running) >= workers:
                    yield from _done(running, meanwhile)
            while running:
                yield from _done(running, meanwhile)
        finally:
            for future in running:
                future.cancel()
            wait(running)


def _done(running: set[Future[R]], meanwhile: Callable[[], None]) -> Iterator[R]:
    done, _ = wait(running, _ASK_AGAIN_S, FIRST_COMPLETED)
    for future in done:
        running.remove(future)
        yield future.result()
    meanwhile()
