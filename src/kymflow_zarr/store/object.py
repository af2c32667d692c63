"""A store behind a URL (s3://, memory://), on obstore, with conditional puts in place of locks."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import MemoryStore

from kymflow_zarr import limits
from kymflow_zarr.errors import DatasetError, InvalidNameError, StoreError
from kymflow_zarr.layout import IMAGES, is_key
from kymflow_zarr.store.base import LOCK_TIMEOUT_S, Change, Fingerprint, OutdatedError, R, T
from kymflow_zarr.store.listed import ListedStore
from kymflow_zarr.store.remote.faults import NO_S3, REPEATED_PAGE
from kymflow_zarr.store.remote.requests import Requests
from kymflow_zarr.store.remote.update import PUT_ID, ConditionalPut

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
        memory = _memory.setdefault(self.url, MemoryStore()) if self.url.startswith("memory:") else None
        self.requests = Requests(self.url, memory)

    def __reduce__(self) -> tuple[type[ObjectStore], tuple[str]]:
        return (ObjectStore, (self.url,))

    def _check(self, key: str) -> str:
        if not is_key(key):
            raise InvalidNameError(f"{key!r} is no key of a dataset", dataset=self.url)
        return key

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        data, meta = self._get(key)
        return data, _fingerprint(key, meta)

    def _get(self, key: str) -> tuple[bytes, Any]:
        self._check(key)

        def get(client: Any) -> tuple[bytes, Any]:
            answer = obstore.get(client, key)
            self._require_tag(answer.meta, "read", key)
            # Nothing but the head has come yet.
            self._refuse_large(key, answer.meta["size"])
            return bytes(answer.bytes()), {**answer.meta, PUT_ID: answer.attributes.get(PUT_ID)}

        try:
            return self.requests.ask("read", key, get)
        except FileNotFoundError:
            raise FileNotFoundError(f"no {key!r} in {self.url}") from None

    def _refuse_large(self, key: str, n_bytes: int) -> None:
        # Tables have no limit.
        if not key.startswith(f"{IMAGES}/"):
            return
        try:
            limits.check_bytes(n_bytes, "it takes")
        except limits.TooLargeError as error:
            raise StoreError(f"cannot read {key!r} in {self.url}: {error}", dataset=self.url) from error

    def each(self, ask: Callable[[T], R], items: Sequence[T]) -> Sequence[R]:
        if len(items) < 2:
            return [ask(item) for item in items]
        # Threads are enough: each call waits for the network.
        with ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(items))) as threads:
            return list(threads.map(ask, items))

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        self._check(key)
        result = self.requests.ask(
            "write", key, lambda client: obstore.put(client, key, data), n_sent=len(data), may_lack=False
        )
        return Fingerprint(key, len(data), time.time_ns(), _bare_tag(result["e_tag"]))

    def stat(self, key: str) -> Fingerprint | None:
        self._check(key)
        try:
            found = self.requests.ask("look at", key, lambda client: obstore.head(client, key))
        except FileNotFoundError:
            return None
        self._require_tag(found, "look at", key)
        return _fingerprint(key, found)

    def _pages(self, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        below = self._check(prefix) + "/" if prefix else None
        if not self._lists_in_order:
            # It cannot go on after a key: a listing that breaks off begins anew.
            whole = self.requests.ask(
                "list", prefix, lambda client: [*self._batches(client, below, after)], may_lack=False
            )
            if not whole:
                self._require_absent_key(prefix)
            yield from whole
            return
        batches: Iterator[Sequence[Fingerprint]] | None = None

        def next_page(client: Any) -> Sequence[Fingerprint] | None:
            nonlocal batches
            if batches is None:
                batches = self._batches(client, below, after)
            try:
                return next(batches, None)
            except BaseException:
                batches = None
                raise

        n_last = 0
        while (page := self.requests.ask("list", prefix, next_page, may_lack=False)) is not None:
            yield page
            after, n_last = page[-1].key, len(page)
        if n_last in (0, self._page):
            self._require_absent_key(prefix)

    def _require_tag(self, meta: Any, doing: str, key: str) -> None:
        """Raise StoreUnavailableError where an answer is somebody else's page: S3 gives each object a tag."""
        if self.url.startswith("s3:") and not meta["e_tag"]:
            raise self.requests.refusal(NO_S3, self.requests.attempts(), doing, key)

    def _require_absent_key(self, prefix: str) -> None:
        """Raise StoreUnavailableError where the end of a listing may be a page of somebody else.

        Any XML that names no keys reads as an empty listing, the page where one logs in to a guest's network,
        too. But whoever answers with such a page has one for every key.
        """
        if self.url.startswith("s3:"):
            key = f"{prefix}/{uuid.uuid4().hex}" if prefix else uuid.uuid4().hex
            with suppress(FileNotFoundError):
                self.requests.ask("list", prefix, lambda client: obstore.head(client, key))
                raise self.requests.refusal(NO_S3, self.requests.attempts(), "list", prefix)

    def _batches(self, client: Any, below: str | None, after: str | None) -> Iterator[Sequence[Fingerprint]]:
        firsts = set()
        for batch in obstore.list(client, below, offset=after, chunk_size=self._page):
            page = [_fingerprint(str(meta["path"]), meta) for meta in batch]
            # A server that does not go on from page to page would be listened to for ever.
            if page[0].key in firsts:
                raise self.requests.refusal(
                    REPEATED_PAGE, self.requests.attempts(), "list", (below or "").rstrip("/")
                )
            firsts.add(page[0].key)
            yield page

    def delete(self, key: str) -> bool:
        # The answer to a deletion does not tell whether there was anything.
        there = self.exists(key)
        self.discard(key)
        return there

    def discard(self, key: str) -> None:
        self._check(key)
        with suppress(FileNotFoundError):
            self.requests.ask("delete", key, lambda client: obstore.delete(client, key))

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
        for start in range(0, len(keys), self._page):
            some = keys[start : start + self._page]
            try:
                self.requests.ask("delete", prefix, partial(_delete_all, keys=some))
            except FileNotFoundError:
                # Somebody else is deleting the same tree.
                for key in some:
                    self.discard(key)

    def put_tree(
        self,
        prefix: str,
        blobs: Iterable[tuple[str, bytes]],
        *,
        last: str,
        before_swap: Callable[[], None] | None = None,
    ) -> None:
        stale: set[str] | None = None
        document = b""
        for batch in _in_batches(blobs):
            if stale is None:
                # Not before there is something to replace it by.
                if before_swap is not None:
                    before_swap()
                stale = {found.key for found in self.list(prefix)}
            # Each time: another writer of the same tree may have come to its end.
            self.discard(f"{prefix}/{last}")
            document = dict(batch).get(last, document)
            others = [blob for blob in batch if blob[0] != last]
            with self.requests.sending(sum(len(data) for _, data in others)):
                self.each(lambda blob: self.put(f"{prefix}/{blob[0]}", blob[1]), others)
            stale -= {f"{prefix}/{name}" for name, _ in batch}
        # Before the tree counts again: a chunk of zeros is not put, and an old one would be in its place.
        self.each(self.discard, sorted(stale or ()))
        self.put(f"{prefix}/{last}", document)

    @property
    def keeps_others_out(self) -> bool:
        return False

    def update(self, key: str, change: Change, *, timeout_s: float = LOCK_TIMEOUT_S) -> Fingerprint | None:
        written = ConditionalPut(self.requests, self._get, self._check(key), change, timeout_s).run()
        if written is None:
            return None
        data, told = written
        return Fingerprint(key, len(data), time.time_ns(), _bare_tag(told["e_tag"]))

    def leftovers(self) -> Sequence[Fingerprint]:
        # A put is atomic: it leaves nothing when it is interrupted.
        return []

    def is_empty(self) -> bool:
        return next(iter(self.list()), None) is None

    def zarr_store(self) -> ZarrStore:
        from kymflow_zarr.store.remote.pixels import PixelStore

        return PixelStore(self.requests)


def _delete_all(client: Any, keys: Sequence[str]) -> None:
    obstore.delete(client, keys)


def _in_batches(blobs: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
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
