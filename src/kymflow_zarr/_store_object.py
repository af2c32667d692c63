"""A store behind a URL (s3://, memory://), on obstore, with conditional puts in place of locks."""

from __future__ import annotations

import logging
import os
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from kymflow_zarr.store import LOCK_TIMEOUT_S, Change, Fingerprint, OutdatedError, R, Store, Survey, T

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

logger = logging.getLogger(__name__)

REQUESTS_AT_ONCE = 64
# So many keys come with one request for a listing, or go with one for a deletion.
_PAGE = 1000
# To ask for so many keys at once takes as long as one page of a listing.
_WORTH_A_PAGE = REQUESTS_AT_ONCE
# So many keys are looked up in one listing, page after page; others are looked up beside it.
_STRETCH = 2000
# Their listings come in the order of the keys, and begin where one likes; but those of directory buckets.
_ORDERED = ("memory:", "s3:")
_UNORDERED_BUCKET = "--x-s3"
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
        if not self.url.startswith("memory:") and any(sign in self.url for sign in "#?"):
            raise DatasetError(
                f"{url!r} cannot be a dataset: '#' and '?' end the path of a URL, the rest would be lost. "
                "Choose another name, or write them as %23 and %3F.",
                dataset=url,
            )
        bucket = self.url.partition("://")[2].partition("/")[0]
        self._lists_in_order = self.url.startswith(_ORDERED) and not bucket.endswith(_UNORDERED_BUCKET)
        # Other servers may go through them folder by folder, where "a-1/x" comes after "a/x".
        self._sorts_whole_keys = self.url.startswith("memory:") or not any(
            name.upper().startswith("AWS_ENDPOINT") for name in os.environ
        )
        # Where the pages of a listing ended: the next time, all of them can be asked for at once.
        self._page_ends: dict[str, Sequence[str]] = {}
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
        try:
            answer = obstore.get(self._store, self._check(key))
            data = bytes(answer.bytes())
        except FileNotFoundError:
            raise FileNotFoundError(f"no {key!r} in {self.url}") from None
        except (BaseError, OSError) as error:
            raise self._refusal(error, "read", key) from error
        return data, _fingerprint(key, answer.meta)

    def each(self, ask: Callable[[T], R], items: Sequence[T]) -> Sequence[R]:
        if len(items) < 2:
            return [ask(item) for item in items]
        # Each waits for the network, not for this process.
        with ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(items))) as threads:
            return list(threads.map(ask, items))

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

    def stat_many(self, keys: Sequence[str]) -> Sequence[Fingerprint | None]:
        found = self._look_in_listings(keys)
        left = [key for key in keys if key not in found]
        found.update(zip(left, self.each(self.stat, left), strict=True))
        return [found[key] for key in keys]

    def absent(self, keys: Sequence[str], survey: Survey | None = None) -> Collection[str]:
        if survey is not None:
            return {key for key in keys if key not in survey.there}
        return {key for key, found in self._look_in_listings(keys).items() if found is None}

    def _look_in_listings(self, keys: Sequence[str]) -> dict[str, Fingerprint | None]:
        """Look up as many of these keys as cost less so than one by one; the others are left out."""
        found: dict[str, Fingerprint | None] = {}
        if not self._lists_in_order or len(keys) < _WORTH_A_PAGE:
            return found
        ordered = sorted({self._check(key) for key in keys})
        for some in self.each(self._look_along, self._stretches([*filter(_is_listable, ordered)])):
            found.update(some)
        for folder, ends in [*self._page_ends.items()]:
            left = {key for key in ordered if key.startswith(folder + "/") and key not in found}
            if len(left) > (len(ends) + 1) * _WORTH_A_PAGE:
                # Where servers do not agree on the order, a whole listing tells all the same.
                found.update(dict.fromkeys(left))
                found.update((one.key, one) for one in self._list_whole(folder, left.__contains__))
        return found

    def _stretches(self, keys: Sequence[str]) -> Sequence[Sequence[str]]:
        """Cut sorted keys into stretches that every server lists in this order; short ones are left out.

        Where it is known how the keys lie on pages, a stretch is a page.
        """
        places = [_by_folder(key) for key in keys]
        cuts = {bisect_right(keys, end) for ends in [*self._page_ends.values()] for end in ends}
        stretches = []
        begin = 0
        for end in range(1, len(keys) + 1):
            goes_on = end < len(keys) and (self._sorts_whole_keys or places[end - 1] < places[end])
            if not goes_on or end in cuts or end - begin == _STRETCH:
                stretches.append(keys[begin:end])
                begin = end
        return [stretch for stretch in stretches if len(stretch) >= _WORTH_A_PAGE]

    def _look_along(self, keys: Sequence[str]) -> dict[str, Fingerprint | None]:
        """Look up sorted keys in one listing, page by page, as long as a page tells of enough of them."""
        folder = keys[0].partition("/")[0]
        prefix = folder if all(key.startswith(folder + "/") for key in (keys[0], keys[-1])) else ""
        wanted = set(keys)
        there: dict[str, Fingerprint] = {}
        n_told = 0
        for number, page in enumerate(self._pages(prefix, after=_just_before(keys[0])), 1):
            there.update((one.key, one) for one in page if one.key in wanted)
            n_told = max(n_told, self._how_many_up_to(page[-1].key, keys))
            if n_told == len(keys) or n_told < number * _WORTH_A_PAGE:
                break
        else:
            # The listing has ended: the rest is not there.
            n_told = len(keys)
        return {**{key: there.get(key) for key in keys[:n_told]}, **there}

    def _how_many_up_to(self, last: str, keys: Sequence[str]) -> int:
        """Return of how many sorted keys a listing has told when it has come to its key `last`."""
        n_told = bisect_right(keys, last)
        if self._sorts_whole_keys:
            return n_told
        return min(n_told, bisect_right(keys, _by_folder(last), key=_by_folder))

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        for page in self._pages(prefix):
            yield from page

    def _list_whole(self, prefix: str, wanted: Callable[[str], bool]) -> Iterator[Fingerprint]:
        """Yield what is wanted of a listing, made from several places at once if it was made before."""
        ends = self._page_ends.get(prefix, []) if self._lists_in_order else []
        stretches = list(zip([None, *ends], [*ends, None], strict=True))
        listed = self.each(lambda stretch: self._list_between(prefix, *stretch, wanted), stretches)
        self._page_ends[prefix] = _ends_of_pages([page for _, pages in listed for page in pages])
        # Stretches may overlap where something is new.
        return iter({one.key: one for found, _ in listed for one in found}.values())

    def _list_between(
        self, prefix: str, after: str | None, end: str | None, wanted: Callable[[str], bool]
    ) -> tuple[Sequence[Fingerprint], Sequence[tuple[int, str]]]:
        """List what comes after one key, page by page, at least until another one.

        Returns
        -------
        found : list of Fingerprint
            What is wanted of it.
        pages : list of (int, str)
            How many keys each page had, and where it ended; none, if it went on beyond `end`.
        """
        found: list[Fingerprint] = []
        pages: list[tuple[int, str]] = []
        for page in self._pages(prefix, after):
            found += [one for one in page if wanted(one.key)]
            last = page[-1].key
            if end is None or not self._how_many_up_to(last, [end]):
                pages.append((len(page), last))
                continue
            pages.append((len(page) if last == end else 0, end))
            break
        return found, pages

    def _pages(self, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        """Yield what is below `prefix`, a request's worth at a time; only keys that sort after `after`."""
        below = self._check(prefix) + "/" if prefix else None
        try:
            for batch in obstore.list(self._store, below, offset=after, chunk_size=_PAGE):
                yield [_fingerprint(str(meta["path"]), meta) for meta in batch]
        except (BaseError, OSError) as error:
            raise self._refusal(error, "list", prefix) from error

    @property
    def lists_all_for_names(self) -> bool:
        return True

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
        found = self._list_whole(prefix, lambda key: key[start:].partition("/")[2] in wanted)
        return sorted({one.key[start:].partition("/")[0] for one in found})

    def survey(self, prefix: str, mark: str, folder: str) -> Survey:
        seen_ns = self.now_ns()
        start = len(prefix) + 1
        names, below = set(), []

        # One flat listing, a page of 1,000 keys a request, is all that it takes.
        def wanted(key: str) -> bool:
            rest = key[start:].partition("/")[2]
            return rest == mark or rest.startswith(folder + "/")

        for found in self._list_whole(prefix, wanted):
            name, _, rest = found.key[start:].partition("/")
            if rest == mark:
                names.add(name)
            else:
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
        # The answer to a deletion does not tell.
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

    def delete_tree(self, prefix: str) -> None:
        keys = [found.key for found in self.list(self._check(prefix))]
        try:
            for start in range(0, len(keys), _PAGE):
                obstore.delete(self._store, keys[start : start + _PAGE])
        except FileNotFoundError:
            # Somebody else deletes the same tree.
            for key in keys:
                self.discard(key)
        except (BaseError, OSError) as error:
            raise self._refusal(error, "delete", prefix) from error

    def put_tree(self, prefix: str, blobs: Mapping[str, bytes], *, last: str) -> None:
        self.discard(f"{prefix}/{last}")
        self.each(lambda name: self.put(f"{prefix}/{name}", blobs[name]), [*(blobs.keys() - {last})])
        self.put(f"{prefix}/{last}", blobs[last])
        keep = {f"{prefix}/{name}" for name in blobs}
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


def _ends_of_pages(pages: Sequence[tuple[int, str]]) -> Sequence[str]:
    """Return where pages end, of which short ones are put together; the last one has no end."""
    ends = []
    n_keys = 0
    last = None
    for n, end in pages:
        if last is not None and n_keys + n > _PAGE:
            ends.append(last)
            n_keys = 0
        n_keys += n
        last = end
    return ends


def _by_folder(key: str) -> list[str]:
    return key.split("/")


def _is_listable(key: str) -> bool:
    """Tell whether a listing can begin just before a key."""
    before = _just_before(key)
    return before != key and before.rpartition("/")[2] not in (".", "..")


def _just_before(key: str) -> str:
    """Return what comes before a key in every order, and is none of its folders.

    A listing that begins after a folder leaves out, on some servers, all that is in it.
    """
    folder, slash, name = key.rpartition("/")
    return folder + slash + (name[:-1] or "!")


def _fingerprint(key: str, meta: Any) -> Fingerprint:
    return Fingerprint(key, int(meta["size"]), _nanoseconds(meta["last_modified"]), meta["e_tag"])


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
