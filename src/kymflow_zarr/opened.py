"""A dataset's root, opened in a mode: whether it is there yet, and whether it may be written."""

from __future__ import annotations

import os
from typing import Literal

from kymflow_zarr.errors import DatasetError, ReadOnlyError
from kymflow_zarr.formats.groups import Group
from kymflow_zarr.root import Mode, check_creatable, create, erase, find_root
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.locations import open_store


class OpenedRoot:
    """What :class:`~kymflow_zarr.ZarrDataset` knows of its root; parameters as there.

    Parameters
    ----------
    path, mode, zarr_format
        As of :class:`~kymflow_zarr.ZarrDataset`.
    """

    def __init__(self, path: str | os.PathLike[str], mode: Mode, zarr_format: Literal[2, 3]) -> None:
        if mode not in ("r", "r+", "lazy", "a", "w"):
            raise DatasetError(
                "mode must be 'r' (read), 'r+' (read and write), 'lazy' (read and write, make by the first "
                f"image), 'a' (read and write, make if absent) or 'w' (ERASE and make anew), got {mode!r}"
            )
        if zarr_format not in (2, 3):
            raise DatasetError(f"zarr_format must be 2 or 3, got {zarr_format!r}")
        self._store = open_store(path)
        self.mode: Mode = mode
        root = find_root(self._store)
        self._is_absent = root is None and mode == "lazy"
        if root is None:
            check_creatable(self._store, mode)
            root = Group(zarr_format, {}) if self._is_absent else create(self._store, zarr_format)
        elif mode == "w":
            erase(self._store, root, zarr_format)
            root = create(self._store, zarr_format)
        self.zarr_format = root.zarr_format
        self.attrs = root.attrs
        self._tell_store()

    def _tell_store(self) -> None:
        # Not before: what is at the path may be somebody else's.
        if not (self.read_only or self._is_absent):
            self._store.writable = True

    @property
    def path(self) -> str:
        """Local path or URL."""
        return self._store.url

    @property
    def store(self) -> Store:
        """The keys and bytes below."""
        return self._store

    @property
    def read_only(self) -> bool:
        """Whether mode is ``r``."""
        return self.mode == "r"

    def check_there(self) -> None:
        """Raise DatasetNotFoundError if it is to be made by its first image, and there is none yet."""
        if self._is_absent:
            self._meet(find_root(self._store))
        if self._is_absent:
            check_creatable(self._store, "r+")

    def check_writable(self) -> None:
        """Raise ReadOnlyError if mode is ``r``, and DatasetNotFoundError as :meth:`check_there`."""
        self.check_there()
        if self.read_only:
            raise ReadOnlyError(
                f"{self.path} was opened with mode='r'; open it with mode='r+' to write",
                dataset=self.path,
            )

    def _make(self) -> int:
        """Make what is to be made by the first image, which is about to be written; return its format."""
        if self._is_absent:
            root = find_root(self._store)
            if root is None:
                check_creatable(self._store, self.mode)
                root = create(self._store, self.zarr_format)
            self._meet(root)
        return self.zarr_format

    def _meet(self, root: Group | None) -> None:
        # Somebody else may have made it meanwhile.
        if root is not None:
            self.zarr_format, self.attrs, self._is_absent = root.zarr_format, root.attrs, False
            self._tell_store()
