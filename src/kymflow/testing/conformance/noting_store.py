"""A store that notes also what it refused: an indexer may swallow the error, but has tried to write."""

from __future__ import annotations

from kymflow_zarr.errors import ReadOnlyError
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.tracking import TrackingStore


class NotingStore(TrackingStore):
    """Notes each question with its answer, and each write that it refused.

    Parameters
    ----------
    store : Store
        Where it reads.
    url : str, optional
        What it says it is; by default the truth. Somebody who goes around it, by path, then finds nothing.

    Attributes
    ----------
    refused : list of str
        Keys that somebody tried to write or delete.
    """

    def __init__(self, store: Store, *, url: str | None = None) -> None:
        super().__init__(store)
        self.refused: list[str] = []
        if url is not None:
            self.url = url

    def _refuse(self, key: str) -> ReadOnlyError:
        self.refused.append(key)
        return super()._refuse(key)
