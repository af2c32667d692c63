"""A store behind a URL (s3://, memory://), on obstore, with conditional puts in place of locks."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
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
from kymflow_zarr.store import LOCK_TIMEOUT_S, Change, Fingerprint, OutdatedError, Store, Survey

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

logger = logging.getLogger(__name__)

REQUESTS_AT_ONCE = 64
# A memory:// URL means the same dataset to everybody in this process.
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


class ObjectStore(Store):
    """Keys are objects below a URL."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._store: Any
        global _used
        if _forked:
            # The library's threads did not come along: the first request would wait for them for ever.
            raise DatasetError(
                f"{url} cannot be opened in a process forked from one that has used URLs. Start processes "
                "by multiprocessing's method 'forkserver' or 'spawn'.",
                dataset=url,
            )
        _used = True
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
        if any(part in ("", ".", "..") for part in key.split("/")) or "\\" in key:
            raise InvalidNameError(f"{key!r} is no key of a dataset", dataset=self.url)
        return key

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        try:
            answer = obstore.get(self._store, self._check(key))
            data = bytes(answer.bytes())
        except FileNotFoundError:
            raise FileNotFoundError(f"no {key!r} in {self.url}") from None
        except (BaseError, OSError) as error:
            raise self._refusal(error, "read", key) from error
        return data, _fingerprint(key, answer.meta)

    def read_many(self, keys: Sequence[str]) -> list[tuple[bytes, Fingerprint] | None]:
        # Each waits for the network, not for this process.
        with ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(keys) or 1)) as threads:
            return list(threads.map(self._read_or_none, keys))

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        try:
            result = obstore.put(self._store, self._check(key), data)
        except (BaseError, OSError) as error:
            raise self._refusal(error, "write", key) from error
        return Fingerprint(key, len(data), time.time_ns(), result["e_tag"])

    def stat(self, key: str) -> Fingerprint | None:
        try:
            return _fingerprint(key, obstore.head(self._store, self._check(key)))
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise self._refusal(error, "look at", key) from error

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        below = self._check(prefix) + "/" if prefix else None
        try:
            for batch in obstore.list(self._store, below, chunk_size=1000):
                for meta in batch:
                    yield _fingerprint(str(meta["path"]), meta)
        except (BaseError, OSError) as error:
            raise self._refusal(error, "list", prefix) from error

    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        start = len(prefix) + 1
        if not having:
            try:
                answer = obstore.list_with_delimiter(self._store, self._check(prefix) + "/")
            except (BaseError, OSError) as error:
                raise self._refusal(error, "list", prefix) from error
            return sorted(path[start:].rstrip("/") for path in answer["common_prefixes"])
        # One flat listing costs fewer requests than a look into each folder.
        wanted = set(having)
        names = set()
        for found in self.list(prefix):
            name, _, rest = found.key[start:].partition("/")
            if rest in wanted:
                names.add(name)
        return sorted(names)

    def survey(self, prefix: str, mark: str, folder: str) -> Survey:
        seen_ns = self.now_ns()
        start = len(prefix) + 1
        names, below = set(), []
        # One flat listing, a page of 1,000 keys a request, is all that it takes.
        for found in self.list(prefix):
            name, _, rest = found.key[start:].partition("/")
            if rest == mark:
                names.add(name)
            elif rest.startswith(folder + "/"):
                below.append((name, found))
        kept = [found for name, found in below if name in names]
        return Survey(
            sorted(names),
            [found.key for found in kept],
            [found.size for found in kept],
            [found.mtime_ns for found in kept],
            [found.etag for found in kept],
            seen_ns,
        )

    def delete(self, key: str) -> bool:
        there = self.exists(key)
        try:
            obstore.delete(self._store, self._check(key))
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise self._refusal(error, "delete", key) from error
        return there

    def delete_tree(self, prefix: str) -> None:
        keys = [found.key for found in self.list(self._check(prefix))]
        try:
            for start in range(0, len(keys), 1000):
                obstore.delete(self._store, keys[start : start + 1000])
        except FileNotFoundError:
            # Somebody else deletes the same tree.
            for key in keys:
                self.delete(key)
        except (BaseError, OSError) as error:
            raise self._refusal(error, "delete", prefix) from error

    def put_tree(self, prefix: str, blobs: Mapping[str, bytes], *, last: str) -> None:
        self.delete(f"{prefix}/{last}")
        for name in [*(name for name in blobs if name != last), last]:
            self.put(f"{prefix}/{name}", blobs[name])
        keep = {f"{prefix}/{name}" for name in blobs}
        for found in list(self.list(prefix)):
            if found.key not in keep:
                self.delete(found.key)

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
                present, seen = self.read(key)
                mode = {"e_tag": seen.etag}
            except FileNotFoundError:
                present, mode = None, "create"
            try:
                changed = change(present)
                if changed is None:
                    return None
                result = obstore.put(self._store, key, changed, mode=mode)
                return Fingerprint(key, len(changed), time.time_ns(), result["e_tag"])
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
        # A put is there whole, or not at all.
        return []

    def is_empty(self) -> bool:
        return next(iter(self.list()), None) is None

    def zarr_store(self) -> ZarrStore:
        from zarr.storage import ObjectStore as ZarrObjectStore

        return ZarrObjectStore(self._store, read_only=True)


def _fingerprint(key: str, meta: Any) -> Fingerprint:
    return Fingerprint(key, int(meta["size"]), _nanoseconds(meta["last_modified"]), meta["e_tag"])


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
