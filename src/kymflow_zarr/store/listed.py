"""A store that answers by listings: a request tells of a thousand keys, and many run side by side."""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence

from kymflow_zarr.layout import is_key
from kymflow_zarr.store.base import Fingerprint, Listing, R, Store

# Where listings come in a known order, and can begin after any key; only directory buckets have no order.
_ORDERED = ("memory:", "s3:")
_UNORDERED_BUCKET = "--x-s3"
# An id that add_image made: these are spread evenly, and the first digits tell how far down a listing it is.
_UUID4 = re.compile(r"([0-9a-f]{3})[0-9a-f]{5}-[0-9a-f]{4}-4")
_MAX_PARTS = 64


class ListedStore(Store):
    """Keys of which a page of a listing tells a thousand, where each by itself would take a request.

    Parameters
    ----------
    url : str
        Where it is; it tells whether listings come in order.
    """

    # So many keys come with one request.
    _page = 1000
    # To ask for so many keys one by one, all at once, takes as long as one page.
    _worth_a_page = 64
    # So many keys are looked up in one listing, page after page; others are looked up beside it.
    _stretch = 500

    def __init__(self, url: str) -> None:
        self.url = url
        bucket = url.partition("://")[2].partition("/")[0]
        self._lists_in_order = url.startswith(_ORDERED) and not bucket.endswith(_UNORDERED_BUCKET)

    @abstractmethod
    def _pages(self, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        """Yield what is below `prefix`, a request's worth at a time; only what comes after `after`."""

    @abstractmethod
    def _check(self, key: str) -> str:
        """Return a key, if it is one."""

    # Many keys

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
        """Look up as many of these keys as cost less so than one by one; the others are left out."""
        found: dict[str, Fingerprint | None] = {}
        if self._lists_in_order and len(keys) >= self._worth_a_page:
            for some in self.each(self._look_along, self._stretches(keys)):
                found.update(some)
        return found

    def _stretches(self, keys: Sequence[str]) -> Sequence[Sequence[str]]:
        """Cut keys into sorted stretches that every server lists in this order; short ones are left out."""
        # A listing begins after the first key without its last letter, if that can be a key.
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
        """Look up a stretch of keys in one listing, as long as its pages tell of enough of them."""
        wanted = set(keys)
        there: dict[str, Fingerprint] = {}
        n_told = 0
        for number, page in enumerate(self._pages("", after=keys[0][:-1]), 1):
            there.update((one.key, one) for one in page if one.key in wanted)
            last = page[-1].key
            # What comes before the last key of a page in both orders has been told of.
            in_both = min(bisect_right(keys, last), bisect_right(keys, _by_folder(last), key=_by_folder))
            n_told = max(n_told, in_both)
            if n_told == len(keys) or n_told < number * self._worth_a_page:
                break
        else:
            # The listing has ended: the rest is not there.
            n_told = len(keys)
        return {**dict.fromkeys(keys[:n_told]), **there}

    # Everything

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        for page in self._pages(prefix):
            yield from page

    @property
    def lists_all_for_names(self) -> bool:
        return True

    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        start = len(prefix) + 1
        wanted = set(having)

        # From the keys alone: asked for folders, a server may go on naming those in which nothing is left.
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
        """Return what `use` gives for each page of a listing; what follows a full page is listed in parts."""
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
        """Do that with what comes after one key, up to another one."""
        used = []
        for page in self._pages(prefix, begin):
            if end is not None and page[-1].key > end:
                used.append(use([one for one in page if one.key <= end]))
                break
            used.append(use(page))
        return used


def _bounds(name: str) -> Sequence[str]:
    """Return where to part what follows a page that ends at a name; none where names are not spread evenly.

    Each of the other pages will come about as far as this first one did. Parts are a quarter shorter, so
    that few of them take a second page.

    Servers differ in their order: some sort whole keys, others go through them folder by folder, where
    "a/x" comes before "a-1/x". In both, the same names come before a bound. It is no name itself, as none
    holds a "|": a listing that begins after a folder leaves out, on some servers, all that is in it.
    """
    found = _UUID4.match(name)
    if found is None:
        return []
    place = int(found[1], 16)
    step = max(place * 3 // 4, 16**3 // _MAX_PARTS)
    return [f"{bound:03x}|" for bound in range(place + step, 16**3, step)]


def _by_folder(key: str) -> list[str]:
    return key.split("/")
