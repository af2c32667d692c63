"""A remote store whose listings are made in parts, side by side, and also tell of many single keys."""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence

from kymflow_zarr.layout import is_key
from kymflow_zarr.store.base import Fingerprint, Listing, R, Store

# On these, a listing is sorted and can begin after any key; only in directory buckets it is not sorted.
_ORDERED = ("memory:", "s3:")
_UNORDERED_BUCKET = "--x-s3"
# An id that add_image made. These are random: the first digits tell how far down a listing one is.
_UUID4 = re.compile(r"([0-9a-f]{3})[0-9a-f]{5}-[0-9a-f]{4}-4")
_MAX_PARTS = 64


class ListedStore(Store):
    """Keys behind requests: one request for a page of a listing, or for a single key.

    Parameters
    ----------
    url : str
        Where it is; it tells whether listings are sorted.
    """

    # Keys on a page.
    _page = 1000
    # One page takes as long as requests for so many single keys, all at once.
    _worth_a_page = 64
    # At most so many keys are looked up along one listing.
    _stretch = 500

    def __init__(self, url: str) -> None:
        self.url = url
        bucket = url.partition("://")[2].partition("/")[0]
        self._lists_in_order = url.startswith(_ORDERED) and not bucket.endswith(_UNORDERED_BUCKET)

    @abstractmethod
    def _pages(self, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        """Yield the pages of a listing below `prefix` that begins after a key; none of them is empty."""

    @abstractmethod
    def _check(self, key: str) -> str:
        """Return `key`, or raise InvalidNameError if it is none."""

    # Many single keys

    def stat_many(self, keys: Sequence[str]) -> Sequence[Fingerprint | None]:
        found = self._look_in_listings(keys)
        left = [key for key in keys if key not in found]
        found.update(zip(left, self.each(self.stat, left), strict=True))
        return [found[key] for key in keys]

    def absent(self, keys: Sequence[str], listing: Listing | None = None) -> Collection[str]:
        if listing is not None:
            return {key for key in keys if key not in listing.places}
        return {key for key, found in self._look_in_listings(keys).items() if found is None}

    def _look_in_listings(self, keys: Sequence[str]) -> dict[str, Fingerprint | None]:
        """Look keys up along listings; those that would cost more so than one by one are left out."""
        found: dict[str, Fingerprint | None] = {}
        if self._lists_in_order and len(keys) >= self._worth_a_page:
            for some in self.each(self._look_along, self._stretches(keys)):
                found.update(some)
        return found

    def _stretches(self, keys: Sequence[str]) -> Sequence[Sequence[str]]:
        """Cut keys into stretches that every server lists in the same order; short ones are left out."""
        # The listing of a stretch begins after its first key less one letter: that must be a key, too.
        ordered = sorted({key for key in map(self._check, keys) if is_key(key[:-1])})
        stretches: list[list[str]] = []
        for key in ordered:
            last = stretches[-1] if stretches else []
            if 0 < len(last) < self._stretch and _by_folder(last[-1]) < _by_folder(key):
                last.append(key)
            else:
                stretches.append([key])
        return [stretch for stretch in stretches if len(stretch) >= self._worth_a_page]

    def _look_along(self, keys: Sequence[str]) -> dict[str, Fingerprint | None]:
        """Look up a stretch of keys along one listing, for as long as its pages tell of enough of them."""
        wanted = set(keys)
        there: dict[str, Fingerprint] = {}
        n_told = 0
        for number, page in enumerate(self._pages("", after=keys[0][:-1]), 1):
            there.update((one.key, one) for one in page if one.key in wanted)
            last = page[-1].key
            # Keys that come before the last one of a page, in either order of servers, are told of.
            in_both = min(bisect_right(keys, last), bisect_right(keys, _by_folder(last), key=_by_folder))
            n_told = max(n_told, in_both)
            if n_told == len(keys) or n_told < number * self._worth_a_page:
                break
        else:
            # The listing has ended: the other keys are absent.
            n_told = len(keys)
        return {**dict.fromkeys(keys[:n_told]), **there}

    # Whole listings

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        for page in self._pages(prefix):
            yield from page

    @property
    def lists_all_for_names(self) -> bool:
        return True

    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        start = len(prefix) + 1
        wanted = set(having)

        # From the keys: a server that is asked for folders may go on naming empty ones.
        def names_in(page: Sequence[Fingerprint]) -> set[str]:
            parted = (one.key[start:].partition("/") for one in page)
            return {name for name, slash, rest in parted if slash and (rest in wanted or not wanted)}

        return sorted(set().union(*self._each_page(prefix, names_in)))

    def list_records(self, prefix: str, mark: str, folder: str) -> Listing:
        seen_ns = self.now_ns()
        start = len(prefix) + 1

        def records_in(page: Sequence[Fingerprint]) -> tuple[list[str], list[tuple[str, Fingerprint]]]:
            names, below = [], []
            for one in page:
                name, _, rest = one.key[start:].partition("/")
                if rest == mark:
                    names.append(name)
                elif rest.startswith(folder + "/"):
                    below.append((name, one))
            return names, below

        pages = self._each_page(prefix, records_in)
        names = {name for marked, _ in pages for name in marked}
        kept = [one for _, below in pages for name, one in below if name in names]
        return Listing(
            sorted(names),
            [one.key for one in kept],
            [one.size for one in kept],
            [one.mtime_ns for one in kept],
            [one.etag for one in kept],
            seen_ns,
        )

    def _each_page(self, prefix: str, use: Callable[[Sequence[Fingerprint]], R]) -> Sequence[R]:
        """Return what `use` gives for each page of a listing; after a full page, the rest comes in parts."""
        pages = self._pages(prefix)
        if not self._lists_in_order:
            return [use(page) for page in pages]
        first = next(pages, ())
        used = [use(first)]
        if len(first) == self._page:
            begin = first[-1].key
            ends = [f"{prefix}/{bound}" for bound in _bounds(begin[len(prefix) + 1 :])]
            parts = list(zip([begin, *ends], [*ends, None], strict=True))
            for some in self.each(lambda part: self._each_page_between(prefix, *part, use), parts):
                used += some
        return used

    def _each_page_between(
        self, prefix: str, begin: str, end: str | None, use: Callable[[Sequence[Fingerprint]], R]
    ) -> Sequence[R]:
        """Return what `use` gives for each page after `begin`, as far as `end`."""
        used = []
        for page in self._pages(prefix, begin):
            if end is not None and page[-1].key > end:
                used.append(use([one for one in page if one.key <= end]))
                break
            used.append(use(page))
        return used


def _bounds(name: str) -> Sequence[str]:
    """Return where to part a listing whose first page ends in this record; nowhere if its id is not random.

    Random ids are spread evenly, so that every page covers about as many of them as the first one. Parts
    are a quarter smaller, so that few of them take a second page.

    Some servers sort whole keys, others folder by folder, where "a/x" comes before "a-1/x". In either order
    the same keys come before a bound. No name contains a "|", so that a bound is never a folder: some
    servers leave out the content of a folder after which a listing begins.
    """
    found = _UUID4.match(name)
    if found is None:
        return []
    place = int(found[1], 16)
    step = max(place * 3 // 4, 16**3 // _MAX_PARTS)
    return [f"{bound:03x}|" for bound in range(place + step, 16**3, step)]


def _by_folder(key: str) -> list[str]:
    return key.split("/")
