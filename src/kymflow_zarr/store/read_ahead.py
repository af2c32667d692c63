"""A reader of a store that answers what was read ahead for many records, and passes on the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from kymflow_zarr.store.base import Fingerprint, Listing, StoreReader
from kymflow_zarr.store.source_files import SourceFile

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore


class ReadAhead(StoreReader):
    """Reads keys at once, and hands them out one by one.

    Parameters
    ----------
    store : StoreReader
        Where to read.
    keys : sequence of str
        What to read at once; what a listing says is absent is not read.
    listing : Listing, optional
        Which keys there are.

    Notes
    -----
    For whoever reads through it, now is when it was made: what it tells was read after that.
    """

    def __init__(self, store: StoreReader, keys: Sequence[str], listing: Listing | None = None) -> None:
        self._store = store
        self._listing = listing
        self.url = store.url
        now_ns = store.now_ns()
        self._now_ns = now_ns if listing is None else min(now_ns, listing.seen_ns)
        absent = store.absent(keys, listing)
        present = [key for key in keys if key not in absent]
        self._answers: dict[str, tuple[bytes, Fingerprint] | None] = dict.fromkeys(absent)
        self._answers.update(zip(present, store.read_many(present), strict=True))

    def now_ns(self) -> int:
        return self._now_ns

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        if key not in self._answers:
            return self._store.read(key)
        answer = self._answers[key]
        if answer is None:
            raise FileNotFoundError(f"no {key!r} in {self.url}")
        return answer

    def stat(self, key: str) -> Fingerprint | None:
        if key in self._answers:
            answer = self._answers[key]
            return None if answer is None else answer[1]
        found = {} if self._listing is None else self._listing.fingerprints([key])
        return found[key] if key in found else self._store.stat(key)

    @cached_property
    def _files(self) -> Mapping[str, SourceFile]:
        return self._store.source_files()

    def source_files(self) -> Mapping[str, SourceFile]:
        return self._files

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        return self._store.list(prefix)

    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        return self._store.children(prefix, having)

    def list_records(self, prefix: str, mark: str, folder: str) -> Listing:
        return self._store.list_records(prefix, mark, folder)

    def leftovers(self) -> Sequence[Fingerprint]:
        return self._store.leftovers()

    def is_empty(self) -> bool:
        return self._store.is_empty()

    def is_replacing(self, prefix: str) -> bool:
        return self._store.is_replacing(prefix)

    def zarr_store(self) -> ZarrStore:
        return self._store.zarr_store()
