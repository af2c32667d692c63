"""A store that is looked at through its listings: of many keys at once, from several places at once."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, MutableMapping, MutableSequence, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from kymflow_zarr.layout import is_key
from kymflow_zarr.store.base import Fingerprint, Store, Survey

# Their listings come in the order of the keys, and begin where one likes; but those of directory buckets.
_ORDERED = ("memory:", "s3:")
_UNORDERED_BUCKET = "--x-s3"


class ListedStore(Store):
    """Keys of which a page of a listing tells a thousand, where each by itself would take a request.

    Parameters
    ----------
    url : str
        Where it is; it tells in which order listings come.
    """

    # So many keys come with one request.
    _page = 1000
    # To ask for so many keys one by one, all at once, takes as long as one page.
    _worth_a_page = 64
    # So many keys are looked up in one listing, page after page; others are looked up beside it.
    _stretch = 2000
    # A whole listing that was never made before is made from at most so many places at once.
    _parts = 64

    def __init__(self, url: str) -> None:
        self.url = url
        bucket = url.partition("://")[2].partition("/")[0]
        self._lists_in_order = url.startswith(_ORDERED) and not bucket.endswith(_UNORDERED_BUCKET)
        # Other servers may go through them folder by folder, where "a-1/x" comes after "a/x".
        self._sorts_whole_keys = url.startswith("memory:") or not any(
            name.upper().startswith("AWS_ENDPOINT") for name in os.environ
        )
        # Where the pages of a listing ended: the next time, all of them can be asked for at once.
        self._page_ends: dict[str, Sequence[str]] = {}

    @abstractmethod
    def _pages(self, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        """Yield what is below `prefix`, a request's worth at a time; only what comes after `after`."""

    @abstractmethod
    def _check(self, key: str) -> str:
        """Return a key, if it is one."""

    def stat_many(self, keys: Sequence[str]) -> Sequence[Fingerprint | None]:
        found = self._look_in_listings(keys)
        left = [key for key in keys if key not in found]
        found.update(zip(left, self.each(self.stat, left), strict=True))
        return [found[key] for key in keys]

    def absent(self, keys: Sequence[str], survey: Survey | None = None) -> Collection[str]:
        if survey is not None:
            return {key for key in keys if key not in survey.places}
        return {key for key, found in self._look_in_listings(keys).items() if found is None}

    def _look_in_listings(self, keys: Sequence[str]) -> dict[str, Fingerprint | None]:
        """Look up as many of these keys as cost less so than one by one; the others are left out."""
        found: dict[str, Fingerprint | None] = {}
        if not self._lists_in_order or len(keys) < self._worth_a_page:
            return found
        ordered = sorted({self._check(key) for key in keys})
        for some in self.each(self._look_along, self._stretches([*filter(_is_listable, ordered)])):
            found.update(some)
        for folder, ends in [*self._page_ends.items()]:
            left = {key for key in ordered if key.startswith(folder + "/") and key not in found}
            if len(left) > (len(ends) + 1) * self._worth_a_page:
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
            if not goes_on or end in cuts or end - begin == self._stretch:
                stretches.append(keys[begin:end])
                begin = end
        return [stretch for stretch in stretches if len(stretch) >= self._worth_a_page]

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
            if n_told == len(keys) or n_told < number * self._worth_a_page:
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

    def _list_whole(
        self, prefix: str, wanted: Callable[[str], bool], likely: Callable[[], Sequence[str]] | None = None
    ) -> Iterator[Fingerprint]:
        """Yield what is wanted of a listing, made from several places at once as far as these are known.

        They are, if it was made before; else `likely` may give keys that are probably there.
        """
        if not self._lists_in_order:
            return (one for one in self.list(prefix) if wanted(one.key))
        found: dict[str, Fingerprint] = {}
        pages: list[tuple[int, str]] = []
        begin, ends = None, self._page_ends.get(prefix)
        if ends is None:
            begin, ends = self._begin_listing(prefix, wanted, likely, found, pages)
        if ends is not None:
            stretches = list(zip([begin, *ends], [*ends, None], strict=True))
            listed = self.each(lambda stretch: self._list_between(prefix, wanted, *stretch), stretches)
            for some, more in listed:
                # Stretches may overlap where something is new.
                found.update((one.key, one) for one in some)
                pages += more
        self._page_ends[prefix] = _ends_of_pages(pages, self._page)
        return iter(found.values())

    def _begin_listing(
        self,
        prefix: str,
        wanted: Callable[[str], bool],
        likely: Callable[[], Sequence[str]] | None,
        found: MutableMapping[str, Fingerprint],
        pages: MutableSequence[tuple[int, str]],
    ) -> tuple[str | None, Sequence[str] | None]:
        """List page after page, until it is known where others begin; add to `found` and to `pages`.

        Returns
        -------
        begin : str or None
            The last key that was listed.
        ends : sequence of str or None
            Where to part what is left; None if nothing is left.
        """
        # Keys are asked for only if there is more than a page, and beside the next pages.
        with ThreadPoolExecutor(1) as thread:
            told: Future[Sequence[str]] | None = None
            for page in self._pages(prefix):
                found.update((one.key, one) for one in page if wanted(one.key))
                begin = page[-1].key
                pages.append((len(page), begin))
                if len(page) < self._page:
                    break
                if told is None:
                    told = thread.submit(likely) if likely is not None else None
                elif told.done():
                    return begin, self._parted(sorted(told.result()), begin, len(pages))
        return None, None

    def _parted(self, likely: Sequence[str], begin: str, n_pages: int) -> Sequence[str]:
        """Part what lies after the first pages of a listing, at some of the keys that are probably there."""
        n_told = bisect_right(likely, begin)
        left = likely[n_told:]
        # As many as a page had so far, and a little less, are probably told of in one.
        n_parts = min(self._parts, math.ceil(len(left) * n_pages / max(1, 0.95 * n_told)))
        parts = [left[len(left) * part // n_parts] for part in range(1, n_parts)]
        return [key for key in parts if is_key(key)]

    def _list_between(
        self, prefix: str, wanted: Callable[[str], bool], after: str | None, end: str | None
    ) -> tuple[Sequence[Fingerprint], Sequence[tuple[int, str]]]:
        """List what comes after one key, page by page, at least until another one.

        Returns
        -------
        found : list of Fingerprint
            What is wanted of it.
        pages : list of (int, str)
            How many keys each page had, as far as `end`, and where it ended.
        """
        found: list[Fingerprint] = []
        pages: list[tuple[int, str]] = []
        for page in self._pages(prefix, after):
            found += [one for one in page if wanted(one.key)]
            last = page[-1].key
            if end is not None and self._how_many_up_to(last, [end]):
                pages.append((sum(one.key <= end for one in page), end))
                break
            pages.append((len(page), last))
        return found, pages

    @property
    def lists_all_for_names(self) -> bool:
        return True

    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        start = len(prefix) + 1
        wanted = set(having)
        names = set()

        def note(key: str) -> bool:
            name, slash, rest = key[start:].partition("/")
            if slash and (rest in wanted or not having):
                names.add(name)
            return False

        # One flat listing costs fewer requests than a look into each folder; and where it is asked for
        # folders, a server may go on naming those in which nothing is left.
        for _ in self._list_whole(prefix, note):
            pass
        return sorted(names)

    def survey(
        self, prefix: str, mark: str, folder: str, likely: Callable[[], Sequence[str]] | None = None
    ) -> Survey:
        seen_ns = self.now_ns()
        start = len(prefix) + 1
        names, below = set(), []

        # One flat listing, a page of 1,000 keys a request, is all that it takes.
        def wanted(key: str) -> bool:
            rest = key[start:].partition("/")[2]
            return rest == mark or rest.startswith(folder + "/")

        def marks() -> Sequence[str]:
            return [f"{prefix}/{name}/{mark}" for name in likely()] if likely is not None else []

        for found in self._list_whole(prefix, wanted, marks if likely is not None else None):
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


def _ends_of_pages(pages: Sequence[tuple[int, str]], size: int) -> Sequence[str]:
    """Return where pages end, of which short ones are put together; the last one has no end."""
    ends = []
    n_keys = 0
    last = None
    for n, end in pages:
        if last is not None and n_keys + n > size:
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
