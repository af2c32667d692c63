"""A store that notes what is read through it, and the check whether the answers are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kymflow_zarr.errors import StoreError
from kymflow_zarr.layout import is_litter
from kymflow_zarr.store.base import Fingerprint, Listing, Store, StoreReader

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

Asked = Literal["content", "presence", "names"]
Difference = Literal["appeared", "vanished", "changed"]


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that a store was asked for, and what it answered.

    Attributes
    ----------
    key : str
        The key, or the prefix of a listing.
    asked : {"content", "presence", "names"}
        Its bytes; whether it is there; which keys are below it.
    fingerprint : Fingerprint or None
        Of the bytes that were read; None for what was absent, and for listings.
    sha256 : str
        Of the bytes, or of the sorted names; empty for what was absent or only looked for.
    seen_ns : int
        When it was seen, ns since 1970.
    """

    key: str
    asked: Asked
    fingerprint: Fingerprint | None
    sha256: str
    seen_ns: int

    def look_again(self, store: Store) -> tuple[Difference | None, Dependency]:
        """Ask the same again, and read only if a listing cannot tell.

        Returns
        -------
        difference : {"appeared", "vanished", "changed"} or None
            None if the answer is the same.
        seen : Dependency
            As it was found now, if it had to be read and is the same: next time a listing may do.
        """
        return look_again(store, [self])[0]

    def _compare(self, now: Fingerprint | None) -> Answer | None:
        """Compare with what a listing says now; None if that cannot tell."""
        if self.asked == "names":
            return None
        if self.fingerprint is None or now is None:
            if self.fingerprint is None and now is None:
                return None, self
            return "vanished" if now is None else "appeared", self
        if self.asked == "presence" or self.fingerprint.proves_unchanged(now, self.seen_ns):
            return None, self
        return ("changed", self) if now.size != self.fingerprint.size else None

    def _ask(self, store: Store) -> Answer:
        """List or read once more."""
        if self.asked == "names":
            same = _names_digest(found.key for found in store.list(self.key)) == self.sha256
            return None if same else "changed", self
        seen_ns = store.now_ns()
        try:
            data, fingerprint = store.read(self.key)
        except FileNotFoundError:
            return "vanished", self
        except StoreError:
            return "changed", self
        if hashlib.sha256(data).hexdigest() != self.sha256:
            return "changed", self
        return None, replace(self, fingerprint=fingerprint, seen_ns=seen_ns)


# What is different, and the thing as it was found now.
Answer = tuple[Difference | None, Dependency]


def look_again(store: Store, asked: Sequence[Dependency], listing: Listing | None = None) -> Sequence[Answer]:
    """Ask many things again, as :meth:`Dependency.look_again` one; what a listing tells is not looked up."""
    keys = [one.key for one in asked if one.asked != "names"]
    now: dict[str, Fingerprint | None] = {} if listing is None else {**listing.prints(keys)}
    left = [key for key in keys if key not in now]
    now.update(zip(left, stat_many(store, left), strict=True))
    return compare_all(store, asked, now)


def compare_all(
    store: Store, asked: Sequence[Dependency], now: Mapping[str, Fingerprint | None]
) -> Sequence[Answer]:
    """Compare many things with what a listing says now, and read what that cannot tell."""
    answers = [one._compare(now.get(one.key)) for one in asked]
    doubtful = [one for one, answer in zip(asked, answers, strict=True) if answer is None]
    more = iter(store.each(lambda one: one._ask(store), doubtful))
    return [next(more) if answer is None else answer for answer in answers]


def stat_many(store: Store, keys: Sequence[str]) -> Sequence[Fingerprint | None]:
    """Look at many keys; one that the medium refuses to look at is there, and not what it was."""
    try:
        return store.stat_many(keys)
    except StoreError:
        return [_stat(store, key) for key in keys]


def _stat(store: Store, key: str) -> Fingerprint | None:
    try:
        return store.stat(key)
    except StoreError:
        # Whoever reads it then meets the refusal, and alone. This is like nothing that was ever noted.
        return Fingerprint(key, -2, 0)


def same_contents(one: Sequence[Dependency], other: Sequence[Dependency]) -> bool:
    """Tell whether two extractions asked for the same things and got the same answers."""
    return [(seen.key, seen.asked, seen.sha256) for seen in one] == [
        (seen.key, seen.asked, seen.sha256) for seen in other
    ]


def _nothing(key: str) -> Fingerprint:
    # No file has this size, so that a dependency with it never holds.
    return Fingerprint(key, -1, 0)


def _names_digest(keys: Iterator[str]) -> str:
    keys = (key for key in keys if not is_litter(key.rpartition("/")[2]))
    return hashlib.sha256("\n".join(sorted(keys)).encode("utf-8", "surrogateescape")).hexdigest()


class TrackingStore(StoreReader):
    """Reads from another store and notes each question with its answer."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self.url = store.url
        self._seen: dict[tuple[str, Asked], Dependency] = {}

    @property
    def seen(self) -> list[Dependency]:
        """What was asked for, each thing once, as it was answered first."""
        return list(self._seen.values())

    def _note(
        self, key: str, asked: Asked, fingerprint: Fingerprint | None, sha256: str, seen_ns: int
    ) -> None:
        seen = Dependency(key, asked, fingerprint, sha256, seen_ns)
        before = self._seen.setdefault((key, asked), seen)
        if (before.sha256, before.fingerprint is None) != (sha256, fingerprint is None):
            # It changed in between: rows may be made from both answers. Such a dependency never holds.
            self._seen[key, asked] = replace(before, asked="content", sha256="", fingerprint=_nothing(key))

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        # Taken before, so that a slow read does not make a young modification time look old.
        seen_ns = self._store.now_ns()
        try:
            data, fingerprint = self._store.read(key)
        except FileNotFoundError:
            self._note(key, "content", None, "", seen_ns)
            raise
        self._note(key, "content", fingerprint, hashlib.sha256(data).hexdigest(), seen_ns)
        return data, fingerprint

    def stat(self, key: str) -> Fingerprint | None:
        seen_ns = self._store.now_ns()
        fingerprint = self._store.stat(key)
        self._note(key, "presence", fingerprint, "", seen_ns)
        return fingerprint

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        seen_ns = self._store.now_ns()
        found = list(self._store.list(prefix))
        self._note(prefix, "names", None, _names_digest(one.key for one in found), seen_ns)
        return iter(found)

    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        for _ in self.list(prefix):
            pass
        return self._store.children(prefix, having)

    def list_records(self, prefix: str, mark: str, folder: str) -> Listing:
        for _ in self.list(prefix):
            pass
        return self._store.list_records(prefix, mark, folder)

    def leftovers(self) -> Sequence[Fingerprint]:
        return self._store.leftovers()

    def is_empty(self) -> bool:
        return self._store.is_empty()

    def zarr_store(self) -> ZarrStore:
        # Pixels need not be noted: an array's documents are, and each write of an array renews them.
        return self._store.zarr_store()

    def now_ns(self) -> int:
        return self._store.now_ns()
