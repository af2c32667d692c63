"""What is kept in memory for the next request: the last few, up to a size; each made once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The values that were asked for last.

    Any thread may ask. While one makes a value, others who ask for it wait, and those who ask for another
    do not.

    Parameters
    ----------
    max_bytes : int
        The oldest are dropped until the others are no larger together; the newest stays in any case.
    size : callable
        Tells how large a value is.
    """

    def __init__(self, max_bytes: int, size: Callable[[V], int]) -> None:
        self._max_bytes = max_bytes
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()
        self._making: dict[K, threading.Lock] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key; made if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    self._drop_oldest()
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def keep(self, worth: Callable[[K], bool]) -> None:
        """Drop every value whose key is not worth keeping."""
        with self._lock:
            for key in [key for key in self._values if not worth(key)]:
                del self._values[key]

    def _drop_oldest(self) -> None:
        total = sum(map(self._size, self._values.values()))
        while total > self._max_bytes and len(self._values) > 1:
            _, dropped = self._values.popitem(last=False)
            total -= self._size(dropped)

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        with self._lock:
            return sum(map(self._size, self._values.values()))
