"""A read-only store that notes what it was asked for, and whether what it saw still holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kymflow_zarr.errors import ReadOnlyError
from kymflow_zarr.layout import is_litter
from kymflow_zarr.store.base import LOCK_TIMEOUT_S, Change, Fingerprint, Listing, Store

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

Asked = Literal["content", "presence", "names"]


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


def _nothing(key: str) -> Fingerprint:
    # No file has this size: what is noted with it never holds.
    return Fingerprint(key, -1, 0)


def names_digest(keys: Iterator[str]) -> str:
    """Return the SHA-256 of the sorted names of a listing, without what file browsers leave behind."""
    keys = (key for key in keys if not is_litter(key.rpartition("/")[2]))
    return hashlib.sha256("\n".join(sorted(keys)).encode("utf-8", "surrogateescape")).hexdigest()


class TrackingStore(Store):
    """Reads from another store and notes each question with its answer; refuses every write."""

    def __init__(self, store: Store) -> None:
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
            # Two answers: rows may be of both, even if the first one comes back.
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
        self._note(prefix, "names", None, names_digest(one.key for one in found), seen_ns)
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
        # Whoever opens an array reads its documents through this store, and they tell its content.
        return self._store.zarr_store()

    def now_ns(self) -> int:
        return self._store.now_ns()

    def _refuse(self, key: str) -> ReadOnlyError:
        return ReadOnlyError(
            f"{key!r} of {self.url} cannot be written here: an indexer only reads", dataset=self.url
        )

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        raise self._refuse(key)

    def delete(self, key: str) -> bool:
        raise self._refuse(key)

    def delete_tree(self, prefix: str) -> None:
        raise self._refuse(prefix)

    def put_tree(self, prefix: str, blobs: Mapping[str, bytes], *, last: str) -> None:
        raise self._refuse(prefix)

    @property
    def keeps_others_out(self) -> bool:
        return self._store.keeps_others_out

    def update(self, key: str, change: Change, *, timeout_s: float = LOCK_TIMEOUT_S) -> Fingerprint | None:
        raise self._refuse(key)
