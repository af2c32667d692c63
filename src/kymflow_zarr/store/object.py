"""A store behind a URL (s3://, memory://), on obstore, with conditional puts in place of locks."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, PreconditionError
from obstore.store import MemoryStore, from_url

from kymflow_zarr.errors import (
    DatasetError,
    InvalidNameError,
    LockTimeoutError,
    StoreError,
    StorePermissionError,
)
from kymflow_zarr.layout import is_key
from kymflow_zarr.store.base import LOCK_TIMEOUT_S, Change, Fingerprint, OutdatedError, R, T
from kymflow_zarr.store.listed import ListedStore

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

REQUESTS_AT_ONCE = 64
BYTES_AT_ONCE = 64 * 2**20
# Everybody in this process who opens the same memory:// URL gets the same store.
_memory: dict[str, MemoryStore] = {}
_used = False
_forked = False


def _note_fork() -> None:
    global _forked
    _forked = _used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


class ObjectStore(ListedStore):
    """Keys are objects below a URL."""

    # While the last requests of one chunk are answered, those of the next keep the network busy.
    chunks_ahead = 2

    def __init__(self, url: str) -> None:
        super().__init__(url.rstrip("/"))
        self._store: Any
        global _used
        if _forked:
            # A fork copies no threads: the first request would wait forever for those of obstore.
            raise DatasetError(
                f"{url} cannot be opened in a process forked from one that has used URLs. Start processes "
                "by multiprocessing's method 'forkserver' or 'spawn'.",
                dataset=url,
            )
        _used = True
        if not self.url.startswith("memory:") and any(sign in self.url for sign in "#?"):
            raise DatasetError(
                f"{url!r} cannot be a dataset: '#' and '?' end the path of a URL, the rest would be lost. "
                "Choose another name, or write them as %23 and %3F.",
                dataset=url,
            )
        if self.url.startswith("memory:"):
            self._store = _memory.setdefault(self.url, MemoryStore())
            return
        try:
            self._store = from_url(self.url)
        except (BaseError, ValueError) as error:
            raise DatasetError(f"cannot open {url!r}: {_first_line(error)}", dataset=url) from error

    def __reduce__(self) -> tuple[type[ObjectStore], tuple[str]]:
        return (ObjectStore, (self.url,))

    def _refusal(self, error: BaseException, doing: str, key: str) -> StoreError:
        denied = isinstance(error, PermissionDeniedError | PermissionError)
        kind = StorePermissionError if denied else StoreError
        return kind(f"cannot {doing} {key!r} in {self.url}: {_first_line(error)}", dataset=self.url)

    def _check(self, key: str) -> str:
        if not is_key(key):
            raise InvalidNameError(f"{key!r} is no key of a dataset", dataset=self.url)
        return key

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        data, meta = self._get(key)
        return data, _fingerprint(key, meta)

    def _get(self, key: str) -> tuple[bytes, Any]:
        try:
            answer = obstore.get(self._store, self._check(key))
            return bytes(answer.bytes()), answer.meta
        except FileNotFoundError:
            raise FileNotFoundError(f"no {key!r} in {self.url}") from None
        except (BaseError, OSError) as error:
            raise self._refusal(error, "read", key) from error

    def each(self, ask: Callable[[T], R], items: Sequence[T]) -> Sequence[R]:
        if len(items) < 2:
            return [ask(item) for item in items]
        # Threads are enough: each call waits for the network.
        with ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(items))) as threads:
            return list(threads.map(ask, items))

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        try:
            result = obstore.put(self._store, self._check(key), data)
        except (BaseError, OSError) as error:
            raise self._refusal(error, "write", key) from error
        return Fingerprint(key, len(data), time.time_ns(), _bare_tag(result["e_tag"]))

    def stat(self, key: str) -> Fingerprint | None:
        try:
            return _fingerprint(key, obstore.head(self._store, self._check(key)))
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise self._refusal(error, "look at", key) from error

    def _pages(self, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        below = self._check(prefix) + "/" if prefix else None
        try:
            for batch in obstore.list(self._store, below, offset=after, chunk_size=self._page):
                yield [_fingerprint(str(meta["path"]), meta) for meta in batch]
        except (BaseError, OSError) as error:
            raise self._refusal(error, "list", prefix) from error

    def delete(self, key: str) -> bool:
        # The answer to a deletion does not tell whether there was anything.
        there = self.exists(key)
        self.discard(key)
        return there

    def discard(self, key: str) -> None:
        try:
            obstore.delete(self._store, self._check(key))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise self._refusal(error, "delete", key) from error

    def replace(self, key: str, data: bytes | None, sha256: str) -> None:
        outdated = False

        def change(present: bytes | None) -> bytes | None:
            nonlocal outdated
            outdated = sha256 != ("" if present is None else hashlib.sha256(present).hexdigest())
            return None if outdated else data

        if data is None:
            # No server is asked to delete on a condition.
            answer = self._read_or_none(key)
            change(None if answer is None else answer[0])
            if not outdated:
                self.discard(key)
        else:
            self.update(key, change)
        if outdated:
            raise OutdatedError

    def delete_tree(self, prefix: str, *, first: Sequence[str] = ()) -> None:
        for name in first:
            self.discard(f"{prefix}/{name}")
        keys = [found.key for found in self.list(self._check(prefix))]
        try:
            for start in range(0, len(keys), self._page):
                obstore.delete(self._store, keys[start : start + self._page])
        except FileNotFoundError:
            # Somebody else is deleting the same tree.
            for key in keys:
                self.discard(key)
        except (BaseError, OSError) as error:
            raise self._refusal(error, "delete", prefix) from error

    def put_tree(
        self,
        prefix: str,
        blobs: Iterable[tuple[str, bytes]],
        *,
        last: str,
        before_swap: Callable[[], None] | None = None,
    ) -> None:
        keep: set[str] = set()
        document = b""
        for batch in _batches(blobs):
            if not keep:
                if before_swap is not None:
                    before_swap()
                # Not before there is something to replace it by.
                self.discard(f"{prefix}/{last}")
            document = dict(batch).get(last, document)
            others = [blob for blob in batch if blob[0] != last]
            self.each(lambda blob: self.put(f"{prefix}/{blob[0]}", blob[1]), others)
            keep.update(f"{prefix}/{name}" for name, _ in batch)
        self.put(f"{prefix}/{last}", document)
        self.each(self.discard, [found.key for found in self.list(prefix) if found.key not in keep])

    @property
    def keeps_others_out(self) -> bool:
        return False

    def update(self, key: str, change: Change, *, timeout_s: float = LOCK_TIMEOUT_S) -> Fingerprint | None:
        deadline = time.monotonic() + timeout_s
        races = 0
        while True:
            present: bytes | None
            mode: Any
            try:
                present, meta = self._get(key)
                mode = {"e_tag": meta["e_tag"]}
            except FileNotFoundError:
                present, mode = None, "create"
            try:
                changed = change(present)
                if changed is None:
                    return None
                result = obstore.put(self._store, key, changed, mode=mode)
                return Fingerprint(key, len(changed), time.time_ns(), _bare_tag(result["e_tag"]))
            except (AlreadyExistsError, PreconditionError, OutdatedError) as error:
                races += 1
                if time.monotonic() > deadline:
                    raise LockTimeoutError(
                        f"waited {timeout_s:g} s for {key!r} in {self.url}: other writers were "
                        f"first {races} times. Try again when they are done.",
                        dataset=self.url,
                    ) from error
                time.sleep(random.uniform(0, min(0.02 * 2 ** min(races, 6), 1.0)))
            except (BaseError, OSError) as error:
                raise self._refusal(error, "write", key) from error

    def leftovers(self) -> Sequence[Fingerprint]:
        # A put is atomic: it leaves nothing when it is interrupted.
        return []

    def is_empty(self) -> bool:
        return next(iter(self.list()), None) is None

    def zarr_store(self) -> ZarrStore:
        from zarr.storage import ObjectStore as ZarrObjectStore

        return ZarrObjectStore(self._store, read_only=True)


def _batches(blobs: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Yield what is put at the same time: few enough blobs to be held in memory."""
    batch = []
    size = 0
    for name, data in blobs:
        batch.append((name, data))
        size += len(data)
        if size >= BYTES_AT_ONCE or len(batch) >= REQUESTS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _fingerprint(key: str, meta: Any) -> Fingerprint:
    return Fingerprint(key, int(meta["size"]), _nanoseconds(meta["last_modified"]), _bare_tag(meta["e_tag"]))


def _bare_tag(etag: str | None) -> str | None:
    """Return an entity tag without its quotes: some servers leave them out in listings."""
    return etag[1:-1] if etag and etag[0] == etag[-1] == '"' else etag


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
