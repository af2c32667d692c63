"""The storage contract: what can be asked of keys, and what can be written to them."""

from __future__ import annotations

import io
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeVar

from kymflow_zarr.errors import TableError
from kymflow_zarr.layout import SOURCES_TABLE
from kymflow_zarr.store.source_files import ADVICE, SOURCES_KEY, SourceFile, decode_source_files

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

LOCK_TIMEOUT_S = 60.0
# Writes closer together than this may share one modification time: no file system's times are coarser.
SETTLED_AFTER_NS = 2_000_000_000

# Of what is there and cannot be read, as it is no regular file, and of linked folders, which are not
# followed: no file has such a size.
UNREADABLE_SIZE = -2
LINKED_SIZE = -3

T = TypeVar("T")
R = TypeVar("R")
# What Store.update is given: from the present bytes to the new ones.
Change = Callable[[bytes | None], bytes | None]


class Fingerprint(NamedTuple):
    """What a listing tells of one key, without reading it.

    Attributes
    ----------
    key : str
        Key within the dataset, components joined by ``/``.
    size : int
        Bytes; `UNREADABLE_SIZE` or `LINKED_SIZE` of what cannot be read.
    mtime_ns : int
        Modification time, ns since 1970 by the file system's (or object store's) clock.
    etag : str or None
        The object store's entity tag; None on a local disk.
    settled : bool
        Of what was read or written on a local disk: whether it was so old that another write would have
        given it another time. If not, only its content tells whether it is still the same. It does not
        count when fingerprints are compared.
    """

    key: str
    size: int
    mtime_ns: int
    etag: str | None = None
    settled: bool = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fingerprint) and self[:4] == other[:4]

    def __hash__(self) -> int:
        return hash(self[:4])

    def proves_since(self, seen_ns: int) -> int:
        """Return when it was read, `seen_ns`; where its time proves nothing later, a time too early."""
        return seen_ns if self.settled else min(seen_ns, self.mtime_ns)


class OutdatedError(Exception):
    """Raised by a change that sees that another writer was first; it is then called again."""


@dataclass(frozen=True)
class Listing:
    """What one listing tells of many records, in parallel lists, which take less memory than objects.

    Attributes
    ----------
    names : list of str
        Names of the records, sorted.
    keys : list of str
        Every key in the listed folder of each record, in no particular order.
    sizes, mtimes_ns : list of int
        Of each key, as in :class:`Fingerprint`.
    etags : list of str or None
        Of each key; None throughout on a local disk.
    seen_ns : int
        When the listing began, ns since 1970.
    """

    names: list[str]
    keys: list[str]
    sizes: list[int]
    mtimes_ns: list[int]
    etags: list[str | None]
    seen_ns: int

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each key in the lists."""
        return {key: place for place, key in enumerate(self.keys)}

    def fingerprints(self, keys: Iterable[str]) -> dict[str, Fingerprint]:
        """Return the fingerprints of those of `keys` that are in the listing."""
        found = ((key, self.places.get(key)) for key in keys)
        return {
            key: Fingerprint(key, self.sizes[place], self.mtimes_ns[place], self.etags[place])
            for key, place in found
            if place is not None
        }


class StoreReader(ABC):
    """What can be asked of the keys and bytes below one root.

    Keys are ``/``-joined names that :mod:`kymflow_zarr.layout` has checked.
    """

    url: str
    # Whether this is known to be a dataset that may be written: so a disk's clock can be looked at.
    writable = False
    # How many chunks of artifacts are worth reading before they are wanted: none on a disk.
    chunks_ahead = 0
    # What the sources table said last, and what file it was.
    _sources: tuple[Mapping[str, SourceFile], Fingerprint | None] | None = None

    @abstractmethod
    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        """Return the bytes of `key` and the fingerprint of just those bytes.

        Raises
        ------
        FileNotFoundError
            There is no such key.
        StoreError
            The medium refused.
        """

    def open(self, key: str) -> AbstractContextManager[tuple[BinaryIO, Fingerprint]]:
        """Open `key` to read some of its bytes; they are of one moment, whoever replaces it meanwhile.

        A local disk is read piece by piece; of an object store, all bytes are fetched at once. Errors as
        :meth:`read`.
        """
        data, fingerprint = self.read(key)
        return nullcontext((io.BytesIO(data), fingerprint))

    def read_attributes(self, key: str) -> bytes:
        """Read a Zarr document for the attributes in it, as :meth:`read`, whatever the calibration is."""
        return self.read(key)[0]

    def read_source(self, image_id: str) -> SourceFile | None:
        """Return the file that an image came from, or None; errors as :meth:`source_files`."""
        return self.source_files().get(image_id)

    def source_files(self) -> Mapping[str, SourceFile]:
        """Return the file of each image that came from one; read again only where the table may have changed.

        Raises
        ------
        TableError
            The sources table is damaged.
        """
        found = self.stat(SOURCES_KEY)
        if self._sources is not None:
            files, before = self._sources
            if found == before and (before is None or before.settled):
                return files
        answer = None if found is None else self._read_or_none(SOURCES_KEY)
        try:
            files = {} if answer is None else decode_source_files(answer[0])
        # Whatever the bytes make the decoder raise: they are no table.
        except Exception as error:
            raise TableError(
                f"table {SOURCES_TABLE!r} of {self.url} cannot be read: {error}",
                dataset=self.url,
                table_name=SOURCES_TABLE,
                advice=ADVICE,
            ) from error
        self._sources = (files, None if answer is None else answer[1])
        return files

    def read_many(self, keys: Sequence[str]) -> Sequence[tuple[bytes, Fingerprint] | None]:
        """Read many keys, as :meth:`read`; None for each that is not there."""
        return self.each(self._read_or_none, keys)

    def _read_or_none(self, key: str) -> tuple[bytes, Fingerprint] | None:
        try:
            return self.read(key)
        except FileNotFoundError:
            return None

    @abstractmethod
    def stat(self, key: str) -> Fingerprint | None:
        """Return the fingerprint of `key`, or None if there is no such key."""

    def stat_many(self, keys: Sequence[str]) -> Sequence[Fingerprint | None]:
        """Return the fingerprint of each key, as :meth:`stat`, in whichever way costs least."""
        return self.each(self.stat, keys)

    def absent(self, keys: Sequence[str], listing: Listing | None = None) -> Collection[str]:
        """Return those of `keys` of which a listing tells that they are absent.

        Others may be absent, too: keys that would cost more in a listing than one by one are left out.
        A `listing` that was made before, and covers all of `keys`, saves making another one.
        """
        return ()

    def exists(self, key: str) -> bool:
        """Tell whether `key` is there."""
        return self.stat(key) is not None

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        """Yield every key below `prefix`, at any depth, in no particular order.

        On a disk, what cannot be read is among them: a named pipe, a link that leads nowhere, a linked
        folder.
        """

    @abstractmethod
    def children(self, prefix: str, having: Sequence[str] = ()) -> Sequence[str]:
        """Return the sorted names directly below `prefix` that have keys below themselves.

        With `having`, only those that hold a key of one of these names directly; and, on a disk, those of
        names that nothing of a dataset can have, so that somebody can be told.
        """

    @abstractmethod
    def list_records(self, prefix: str, mark: str, folder: str) -> Listing:
        """List the records below `prefix`, and the keys in one folder of each.

        Parameters
        ----------
        prefix : str
            Where the records are: ``<prefix>/<name>``.
        mark : str
            The key within a record without which it does not count.
        folder : str
            The folder within a record whose keys, at any depth, are listed.
        """

    @property
    def lists_all_for_names(self) -> bool:
        """Whether it costs as much to list the names of records as :meth:`list_records`."""
        return False

    def is_replacing(self, prefix: str) -> bool:
        """Tell whether the tree at `prefix` is away for the moment in which another one is put there."""
        return False

    @abstractmethod
    def leftovers(self) -> Sequence[Fingerprint]:
        """Return files and trees that interrupted writes left under temporary names.

        A write in progress looks the same; only its age tells. :meth:`Store.delete_tree` deletes either.
        """

    @abstractmethod
    def is_empty(self) -> bool:
        """Tell whether nothing is there yet (or only what file browsers leave behind)."""

    @abstractmethod
    def zarr_store(self) -> ZarrStore:
        """Return a read-only zarr store on the same root, for pixels."""

    def now_ns(self) -> int:
        """Return the present time, ns since 1970."""
        return time.time_ns()

    def each(self, ask: Callable[[T], R], items: Sequence[T]) -> Sequence[R]:
        """Call `ask` with each item and return the answers; on a remote store, many calls run at once."""
        return [ask(item) for item in items]


class Store(StoreReader):
    """Keys and bytes below one root, to read and to write.

    Every write is atomic: a reader finds the old bytes or the new bytes, never a mixture.
    """

    @abstractmethod
    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        """Write `data`, replacing what was there; with `flush`, it survives a power cut."""

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Delete one key; tell whether it was there."""

    def discard(self, key: str) -> None:
        """Delete one key, whether it is there or not."""
        self.delete(key)

    @abstractmethod
    def replace(self, key: str, data: bytes | None, sha256: str) -> None:
        """Write one key, or delete it where `data` is None, if its bytes have this digest; empty for none.

        Raises
        ------
        OutdatedError
            There is something else: somebody has written it meanwhile.
        """

    @abstractmethod
    def delete_tree(self, prefix: str, *, first: Sequence[str] = ()) -> None:
        """Delete `prefix` and every key below it; symbolic links are removed, never followed.

        Where that cannot be in one step, the keys `first`, relative to `prefix`, go before the others.
        """

    @abstractmethod
    def put_tree(
        self,
        prefix: str,
        blobs: Iterable[tuple[str, bytes]],
        *,
        last: str,
        before_swap: Callable[[], None] | None = None,
    ) -> None:
        """Replace everything below `prefix` by `blobs`, as nearly at once as the medium can.

        Parameters
        ----------
        prefix : str
            Key prefix that this tree owns alone.
        blobs : iterable of (str, bytes)
            Keys relative to `prefix`, with their bytes, each written as it comes. What it raises ends
            the replacement.
        last : str
            The key of `blobs` without which the tree does not count. Where a tree cannot be
            swapped in one step it is removed first and written last.
        before_swap : callable, optional
            Called just before the first key of the present tree is touched. What it raises leaves that tree
            as it is.
        """

    def put_back_tree(self, prefix: str, last: str) -> bool:
        """Put back the tree at `prefix` that an interrupted replacement has left; tell if there was one.

        Nothing is done where there is a tree, or something else. `last` as in :meth:`put_tree`.
        """
        return False

    @property
    @abstractmethod
    def keeps_others_out(self) -> bool:
        """Whether :meth:`update` holds a lock against other writers while it runs.

        If not, only its conditional put notices another writer; where the change writes nothing, nobody does.
        """

    @abstractmethod
    def update(self, key: str, change: Change, *, timeout_s: float = LOCK_TIMEOUT_S) -> Fingerprint | None:
        """Read `key`, let `change` say what it becomes, and write that, as one step among all writers.

        Parameters
        ----------
        key : str
            What to change.
        change : callable
            Gets the present bytes, or None if there are none; returns the new bytes, or None
            to leave everything as it is. It may be called again if another writer was first (or
            came right after a write whose answer was lost: to make it twice must do no harm), and
            may raise :class:`OutdatedError` where it sees that itself.
        timeout_s : float
            How long to wait for other writers, in seconds.

        Returns
        -------
        Fingerprint or None
            Of what was written; None if nothing was.

        Raises
        ------
        LockTimeoutError
            Other writers held the key all that time; the message says who.
        """
