"""The chunks of arrays, as zarr reads them: of regular files alone, and of no linked folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from zarr.storage import LocalStore

from kymflow_zarr import limits
from kymflow_zarr.store.disk import files, links

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype


class PixelFiles(LocalStore):
    """zarr's store, which reads what is not there as zeros, and would wait for a named pipe for ever."""

    def _check(self, key: str, byte_range: ByteRequest | None) -> None:
        root = str(self.root)
        path = os.path.join(root, *key.split("/"))
        link = links.linked_folder(path, len(root) + 1)
        if link is not None:
            raise files.IrregularFileError(f"the folder {link!r} is a link, which is not followed")
        if files.is_odd(path):
            raise files.IrregularFileError(f"{path!r} is no regular file, or a link that leads nowhere")
        if byte_range is not None:
            return
        with suppress(FileNotFoundError, NotADirectoryError):
            # One that has holes may be larger than any memory.
            limits.check_bytes(os.stat(path).st_size, f"{path!r} takes")

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the bytes of a key, or None if it is not there."""
        self._check(key, byte_range)
        return await super().get(key, prototype, byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of several keys."""
        asked = list(key_ranges)
        for key, byte_range in asked:
            self._check(key, byte_range)
        return await super().get_partial_values(prototype, asked)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the bytes of a key, or None if it is not there."""
        self._check(key, byte_range)
        return super().get_sync(key, prototype=prototype, byte_range=byte_range)
