"""How long a server is asked before an operation fails, and the pauses between its requests."""

from __future__ import annotations

import math
import os
import random
import time
from dataclasses import dataclass

from kymflow_zarr.errors import DatasetError
from kymflow_zarr.store.remote.faults import Fault

VARIABLE = "KYMFLOW_STORE_TIMEOUT_S"
# A line that sends less than this (2 Mbit/s) counts as one that has stopped.
BYTES_PER_S = 256 * 1024
# A slow answer is given up once more than this before the operation is.
REQUESTS = 3
# Where nobody listens at all, waiting helps little: it may be a server that is just starting.
CONNECTIONS = 3
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Patience:
    """How long an operation on an object store may take before it fails.

    Attributes
    ----------
    total_s : float
        For so long failed requests are repeated. One that gets no answer at all is given up after a third
        of it, and may be the last one: an operation ends after 4/3 of this at the latest, plus a second
        for each `BYTES_PER_S` that it sends.
    """

    total_s: float = 60.0

    @classmethod
    def from_environment(cls) -> Patience:
        """Return the patience that ``KYMFLOW_STORE_TIMEOUT_S`` asks for."""
        said = os.environ.get(VARIABLE, "").strip()
        if not said:
            return cls()
        try:
            total_s = float(said)
        except ValueError:
            total_s = math.nan
        if not 0 < total_s < math.inf:
            raise DatasetError(f"{VARIABLE} must be a number of seconds above 0, got {said!r}")
        return cls(total_s)

    @property
    def answer_s(self) -> float:
        """So long without a single byte of an answer, and a request is given up."""
        return self.total_s / REQUESTS

    @property
    def connect_s(self) -> float:
        """So long without a connection, and a request is given up."""
        return min(5.0, self.answer_s)


class Attempts:
    """The requests of one operation.

    Parameters
    ----------
    patience : Patience
    once : bool
        Whether there is only one: the operations before this one were repeated in vain.
    """

    def __init__(self, patience: Patience, *, once: bool = False) -> None:
        self._patience = patience
        self._once = once
        self._began_s = time.monotonic()
        self.made = 1

    @property
    def elapsed_s(self) -> float:
        """How long the operation has taken so far."""
        return time.monotonic() - self._began_s

    def pause_after(self, fault: Fault) -> float | None:
        """Return after how many seconds to ask again; None if there is no use in it, or it is too late."""
        if not fault.passes or self._once or (fault.no_connection and self.made >= CONNECTIONS):
            return None
        longest = min(
            FIRST_PAUSE_S * 2 ** min(self.made - 1, 10), LONGEST_PAUSE_S, self._patience.total_s / 10
        )
        # At random, so that writers that failed together do not come back together.
        pause_s = random.uniform(longest / 2, longest)
        if self.made > 1 and self.elapsed_s + pause_s > self._patience.total_s:
            return None
        self.made += 1
        return pause_s
