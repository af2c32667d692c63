"""Reading ahead: the next chunks are read while one is decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch(read: Callable[[T], R], items: Sequence[T], ahead: int) -> Iterator[R]:
    """Yield what `read` gives for each item, in order.

    Parameters
    ----------
    read : callable
        Reads one item.
    items : sequence
        What to read.
    ahead : int
        How many items are read, in threads, before they are wanted. With none, each is read when it
        is wanted, in this thread.
    """
    if not ahead:
        yield from map(read, items)
        return
    left = iter(items)
    with ThreadPoolExecutor(ahead) as threads:
        coming = deque(threads.submit(read, item) for item in islice(left, ahead))
        try:
            while coming:
                found = coming.popleft().result()
                coming.extend(threads.submit(read, item) for item in islice(left, 1))
                yield found
                # What was read need not be kept while the next is waited for.
                del found
        finally:
            for future in coming:
                future.cancel()
