"""Paths of a local store's keys, the links that are not followed, and what is said of a refusal."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kymflow_zarr.errors import InvalidNameError, StoreError, StorePermissionError
from kymflow_zarr.layout import is_key
from kymflow_zarr.store.disk import files, links
from kymflow_zarr.store.disk.clock import DiskClock
from kymflow_zarr.store.disk.lock import HeldLock


class DiskPaths:
    """The part of the local store that says where a key lies, and refuses to leave the root."""

    def __init__(self, root: Path) -> None:
        # The root may be a link; linked folders below it are not followed.
        self.root = os.path.realpath(root)
        self.url = self.root
        self._clock = DiskClock(self.root)
        self._held: dict[str, HeldLock] = {}
        # What the last listing told: below this prefix are records whose folders are no links, and nor is,
        # where it is named, the folder of this name in each of them, or any folder in that.
        self._without_links: tuple[str, str] | None = None

    def _path(self, key: str) -> str:
        if not is_key(key):
            raise InvalidNameError(f"{key!r} is no key of a dataset", dataset=self.url)
        return f"{self.root}{os.sep}{key if os.sep == '/' else key.replace('/', os.sep)}"

    def _path_to_change(self, key: str, doing: str) -> str:
        """Return the path of a key that is about to be written or deleted: no link may lead out of here."""
        path = self._path(key)
        if (link := links.linked_folder(path, len(self.root) + 1)) is not None:
            raise self._refused_link(link, doing, key)
        return path

    def _link_to(self, key: str, path: str, descriptor: int | None = None) -> str | None:
        """Return the linked folder through which a key would be read, or was opened, or None."""
        start = len(self.root) + 1
        if self._without_links is not None:
            # Of many thousand artifacts, the folders are not looked at again.
            before, within = self._without_links
            if key.startswith(before):
                if within and within in key:
                    return None
                start = path.find(os.sep, start + len(before)) + 1 or start
                # One or two are left, which cost no more than to ask where the file is.
                descriptor = None
        if descriptor is not None:
            return links.linked_folder_of(descriptor, path, start)
        return links.linked_folder(path, start)

    def _open(self, key: str) -> tuple[int, os.stat_result]:
        """Open the file of a key for reading.

        Raises
        ------
        StoreError
            A folder on the way to it is a link.
        FileNotFoundError, OSError
            As :func:`.files.open_regular`.
        """
        path = self._path(key)
        try:
            descriptor, info = files.open_regular(path)
        except OSError:
            # Behind a link, nothing is absent.
            if (link := self._link_to(key, path)) is not None:
                raise self._refused_link(link, "read", key) from None
            raise
        try:
            if (link := self._link_to(key, path, descriptor)) is not None:
                raise self._refused_link(link, "read", key)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, info

    def _refused_link(self, link: str, doing: str, key: str) -> StoreError:
        folder = os.path.relpath(link, self.root).replace(os.sep, "/")
        refusal = StoreError(
            f"cannot {doing} {key!r} in {self.url}: the folder {folder!r} is a link, which is not followed. "
            "Put the folder itself in its place; only the dataset as a whole and single files may be links.",
            dataset=self.url,
        )
        refusal.errno = errno.ELOOP
        return refusal

    def _refusal(self, error: OSError, doing: str, key: str) -> StoreError:
        kind = StorePermissionError if isinstance(error, PermissionError) else StoreError
        refusal = kind(f"cannot {doing} {key!r} in {self.url}: {error.strerror or error}", dataset=self.url)
        refusal.errno = error.errno
        return refusal

    @contextmanager
    def _refusing(self, doing: str, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refusal(error, doing, key) from error
