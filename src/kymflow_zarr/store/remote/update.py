"""A change to one object as one step among all writers: by a put on condition that it is as it was read."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from kymflow_zarr.errors import KymflowError, LockTimeoutError
from kymflow_zarr.store.base import Change, OutdatedError
from kymflow_zarr.store.remote.faults import fault_of
from kymflow_zarr.store.remote.requests import Requests

# The name of what a put leaves in the metadata of its object.
PUT_ID = "kymflow-put"


class ConditionalPut:
    """Reads an object, lets a change say what it becomes, and puts that if nobody else was first.

    A put whose answer is lost may have been carried out, and may still be. What is there then tells, by an
    id that each put leaves in the object's metadata: two writers may make the same bytes. Until somebody
    else has written the object, the same bytes are put again on the same condition, which can come true
    only once. So no change is made twice, and none of our own looks like somebody else's. The one
    exception is a writer that has built on such a put before we looked: what it left does not tell, and
    the change is made anew on top of it.

    Parameters
    ----------
    requests : Requests
    read : callable
        Reads a key, as ``ObjectStore``: its bytes, and what the server tells of it.
    key : str
    change : callable
        As :meth:`kymflow_zarr.store.base.Store.update`.
    timeout_s : float
        How long to wait for other writers.
    """

    def __init__(
        self,
        requests: Requests,
        read: Callable[[str], tuple[bytes, Any]],
        key: str,
        change: Change,
        timeout_s: float,
    ) -> None:
        self._requests = requests
        self._read = read
        self._key = key
        self._change = change
        self._timeout_s = timeout_s
        self._deadline_s = time.monotonic() + timeout_s
        self._races = 0
        self._last_race: BaseException | None = None
        # What is being put, and the entity tag (None: no object) that is the condition.
        self._mine: bytes | None = None
        self._tag: str | None = None
        self._id = ""
        self._attempts = requests.attempts()
        self._may_be_there = False

    def run(self) -> tuple[bytes, Any] | None:
        """Return the bytes that were written and what the server told of them; None if nothing was."""
        while True:
            present, meta = self._look()
            if present is not None and self._is_own(meta):
                return present, meta
            if self._last_race is not None and time.monotonic() > self._deadline_s:
                raise self._timeout() from self._last_race
            tag = None if meta is None else meta["e_tag"]
            if self._mine is None or tag != self._tag:
                try:
                    self._mine = self._change(present)
                except OutdatedError as error:
                    self._lose(error)
                    continue
                if self._mine is None:
                    return None
                self._tag, self._id, self._may_be_there = tag, uuid.uuid4().hex, False
                self._attempts = self._requests.attempts()
            # It may be large.
            present = None
            written = self._put(self._mine)
            if written is not None:
                return self._mine, written

    def _is_own(self, meta: Any) -> bool:
        """Tell whether this put itself made the object, though its answer was lost."""
        return bool(self._id) and meta is not None and meta[PUT_ID] == self._id

    def _look(self) -> tuple[bytes | None, Any]:
        try:
            return self._read(self._key)
        except FileNotFoundError:
            return None, None
        except KymflowError as error:
            if self._may_be_there:
                error.message += " It may have been written all the same; to write it again does no harm."
            raise

    def _put(self, data: bytes) -> Any:
        """Put the bytes; None if that has to be tried again."""
        mode: Any = "create" if self._tag is None else {"e_tag": self._tag}
        try:
            client = self._requests.client(len(data))
            written = obstore.put(client, self._key, data, mode=mode, attributes={PUT_ID: self._id})
        except (AlreadyExistsError, PreconditionError) as error:
            self._lose(error)
            return None
        except (BaseError, OSError) as error:
            return self._wait_after(error)
        self._requests.note_answer()
        return written

    def _lose(self, error: BaseException) -> None:
        """Wait a little after another writer was first."""
        self._races += 1
        self._last_race = error
        time.sleep(random.uniform(0, min(0.02 * 2 ** min(self._races, 6), 1.0)))

    def _timeout(self) -> LockTimeoutError:
        return LockTimeoutError(
            f"waited {self._timeout_s:g} s for {self._key!r} in {self._requests.url}: other writers were "
            f"first {self._races} times. Try again when they are done.",
            dataset=self._requests.url,
        )

    def _wait_after(self, error: BaseError | OSError) -> Any:
        """Wait before the next attempt; after the last one, tell whether one of them was carried out."""
        fault = fault_of(error)
        self._may_be_there |= fault.passes and not fault.no_connection
        pause_s = self._attempts.pause_after(fault)
        if pause_s is not None:
            time.sleep(pause_s)
            return None
        refusal = self._requests.refusal(fault, self._attempts, "write", self._key)
        if self._may_be_there:
            _, meta = self._look()
            if self._is_own(meta):
                return meta
        raise refusal from error
