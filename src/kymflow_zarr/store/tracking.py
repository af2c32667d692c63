"""A reader of a store that notes what is read through it: the dependencies of whatever is made of that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kymflow_zarr.layout import is_litter
from kymflow_zarr.store.attributes import attributes_digest
from kymflow_zarr.store.base import Fingerprint, Listing, StoreReader
from kymflow_zarr.store.source_files import SourceFile, source_key

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

DependencyKind = Literal["content", "attributes", "presence", "names", "source"]


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that was read of a store, and what was found.

    Attributes
    ----------
    key : str
        The key, or the prefix of a listing.
    kind : {"content", "attributes", "presence", "names", "source"}
        What was read: its bytes; its attributes but the calibration; whether it is there; which keys
        are below it; which file the image came from.
    fingerprint : Fingerprint or None
        Of the bytes that were read; None for what was absent, for listings and for sources.
    sha256 : str
        Of the bytes, of the attributes, of the sorted names, or of what is said of the source; empty for
        what was absent or only looked for, and where there is nothing but calibration.
    seen_ns : int
        When it was read, ns since 1970.
    """

    key: str
    kind: DependencyKind
    fingerprint: Fingerprint | None
    sha256: str
    seen_ns: int


def _nothing(key: str) -> Fingerprint:
    # No file has this size, so that a dependency with it never holds.
    return Fingerprint(key, -1, 0)


def names_digest(keys: Iterator[str]) -> str:
    """Return the SHA-256 of the sorted names of a listing, without what file browsers leave behind."""
    keys = (key for key in keys if not is_litter(key.rpartition("/")[2]))
    return hashlib.sha256("\n".join(sorted(keys)).encode("utf-8", "surrogateescape")).hexdigest()


class TrackingStore(StoreReader):
    """Reads from another store, and notes each dependency."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self.url = store.url
        self._found: dict[tuple[str, DependencyKind], Dependency] = {}

    @property
    def dependencies(self) -> list[Dependency]:
        """What was read, each thing once, as it was found first."""
        return list(self._found.values())

    def _note(
        self, key: str, kind: DependencyKind, fingerprint: Fingerprint | None, sha256: str, seen_ns: int
    ) -> None:
        found = Dependency(key, kind, fingerprint, sha256, seen_ns)
        before = self._found.setdefault((key, kind), found)
        if (before.sha256, before.fingerprint is None) != (sha256, fingerprint is None):
            # It changed between two reads: rows may be of both contents, even if the first one comes back.
            self._found[key, kind] = replace(before, kind="content", sha256="", fingerprint=_nothing(key))

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        return self._read(key, "content", lambda data: hashlib.sha256(data).hexdigest())

    def read_attributes(self, key: str) -> bytes:
        return self._read(key, "attributes", attributes_digest)[0]

    def _read(
        self, key: str, kind: DependencyKind, digest: Callable[[bytes], str]
    ) -> tuple[bytes, Fingerprint]:
        # Taken before, so that a slow read does not make a young modification time look old.
        seen_ns = self._store.now_ns()
        try:
            data, fingerprint = self._store.read(key)
        except FileNotFoundError:
            self._note(key, kind, None, "", seen_ns)
            raise
        self._note(key, kind, fingerprint, digest(data), seen_ns)
        return data, fingerprint

    def read_source(self, image_id: str) -> SourceFile | None:
        seen_ns = self._store.now_ns()
        source = self._store.read_source(image_id)
        self._note(source_key(image_id), "source", None, source.digest if source else "", seen_ns)
        return source

    def source_files(self) -> Mapping[str, SourceFile]:
        # Of all images at once: nothing here depends on them all.
        return self._store.source_files()

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

    def is_replacing(self, prefix: str) -> bool:
        return self._store.is_replacing(prefix)

    def zarr_store(self) -> ZarrStore:
        # Pixels need not be noted: an array's documents are, and each write of an array renews them.
        return self._store.zarr_store()

    def now_ns(self) -> int:
        return self._store.now_ns()
