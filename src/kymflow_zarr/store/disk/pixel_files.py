"""The chunks of arrays, as zarr reads them: of regular files alone, and of no linked folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zarr.abc.store import OffsetByteRequest, RangeByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from kymflow_zarr import limits
from kymflow_zarr.store.disk import files, links

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

# Small, and asked for again and again: to hand one over to a thread takes longer than to read it.
_DOCUMENTS = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


class PixelFiles(LocalStore):
    """zarr's store, which reads what is not there as zeros, and would wait for a named pipe for ever."""

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the bytes of a key, or None if it is not there."""
        if key.endswith(_DOCUMENTS):
            return self.get_sync(key, prototype=prototype, byte_range=byte_range)
        return await asyncio.to_thread(self.get_sync, key, prototype=prototype, byte_range=byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of several keys."""
        return list(await asyncio.gather(*(self.get(key, prototype, some) for key, some in key_ranges)))

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return the bytes of a key, or None if it is not there."""
        root = str(self.root)
        path = os.path.join(root, *key.split("/"))
        try:
            descriptor, info = files.open_regular(path)
        except OSError as error:
            _refuse_link(links.linked_folder(path, len(root) + 1))
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                return None
            if isinstance(error, files.IrregularFileError):
                what = f"{path!r} is no regular file, or a link that leads nowhere"
                raise files.IrregularFileError(what) from error
            raise
        try:
            _refuse_link(links.linked_folder_of(descriptor, path, len(root) + 1))
            if byte_range is None:
                # One that has holes may be larger than any memory.
                limits.check_bytes(info.st_size, f"{path!r} takes")
            data = _read(descriptor, info.st_size, byte_range)
        finally:
            os.close(descriptor)
        return (prototype or default_buffer_prototype()).buffer.from_bytes(data)


def _refuse_link(link: str | None) -> None:
    if link is not None:
        raise files.IrregularFileError(f"the folder {link!r} is a link, which is not followed")


def _read(descriptor: int, size: int, byte_range: ByteRequest | None) -> bytes:
    if byte_range is None:
        return files.read_whole(descriptor, size)
    if isinstance(byte_range, RangeByteRequest):
        begin, end = byte_range.start, byte_range.end
    elif isinstance(byte_range, OffsetByteRequest):
        begin, end = byte_range.offset, size
    else:
        begin, end = max(0, size - byte_range.suffix), size
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(begin)
        return file.read(max(0, end - begin))
