"""A store that refuses every write and notes it: an indexer may swallow the error, but has tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kymflow_zarr.errors import ReadOnlyError
from kymflow_zarr.store.base import LOCK_TIMEOUT_S, Change, Fingerprint, Store, StoreReader
from kymflow_zarr.store.tracking import TrackingStore


class NotingStore(TrackingStore, Store):
    """Notes each question with its answer, and each write that it refused.

    Parameters
    ----------
    store : StoreReader
        Where it reads.
    url : str, optional
        What it says it is; by default the truth. Somebody who goes around it, by path, then finds nothing.

    Attributes
    ----------
    refused : list of str
        Keys that somebody tried to write or delete.
    """

    def __init__(self, store: StoreReader, *, url: str | None = None) -> None:
        super().__init__(store)
        self.refused: list[str] = []
        if url is not None:
            self.url = url

    def _refuse(self, key: str) -> ReadOnlyError:
        self.refused.append(key)
        return ReadOnlyError(
            f"{key!r} of {self.url} cannot be written here: an indexer only reads", dataset=self.url
        )

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        """Refuse it, as all that follows."""
        raise self._refuse(key)

    def delete(self, key: str) -> bool:
        """Refuse it."""
        raise self._refuse(key)

    def replace(self, key: str, data: bytes | None, sha256: str) -> None:
        """Refuse it."""
        raise self._refuse(key)

    def delete_tree(self, prefix: str, *, first: Sequence[str] = ()) -> None:
        """Refuse it."""
        raise self._refuse(prefix)

    def put_tree(
        self,
        prefix: str,
        blobs: Iterable[tuple[str, bytes]],
        *,
        last: str,
        before_swap: Callable[[], None] | None = None,
    ) -> None:
        """Refuse it."""
        raise self._refuse(prefix)

    @property
    def keeps_others_out(self) -> bool:
        """Whether others are kept out while it writes; it never does."""
        return True

    def update(self, key: str, change: Change, *, timeout_s: float = LOCK_TIMEOUT_S) -> Fingerprint | None:
        """Refuse it."""
        raise self._refuse(key)
