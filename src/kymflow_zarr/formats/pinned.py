"""An array read as the one that was opened: nobody gets chunks of another, nor holes where one has gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Self

from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import WrapperStore


class PinnedStore(WrapperStore[Store]):
    """Reads one array from another store, for as long as its documents are those that were read first.

    They are read again after each chunk. As they hold the digest of the content and are the first that goes
    when an array is deleted or replaced, a chunk that was read before is one of this array.

    Parameters
    ----------
    store : Store
        Where the array is.
    documents : sequence of str
        Keys of its documents.
    replaced : callable
        Makes the error for an array that is another one by now.

    Attributes
    ----------
    check_chunk : callable or None
        Refuses the bytes of a chunk before anybody unpacks them.
    check_document : callable or None
        Refuses a document before zarr reads it.
    """

    check_chunk: Callable[[memoryview], None] | None = None
    check_document: Callable[[bytes], None] | None = None

    def __init__(self, store: Store, documents: Sequence[str], replaced: Callable[[], Exception]) -> None:
        super().__init__(store)
        self._documents = tuple(documents)
        self._replaced = replaced
        self._pinned: dict[str, bytes | None] = {}

    def _with_store(self, store: Store) -> Self:
        return type(self)(store, self._documents, self._replaced)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what is at `key`; raise what `replaced` makes if the array is another one."""
        found = await self._store.get(key, prototype, byte_range)
        if key in self._documents and byte_range is None:
            self._compare(key, found)
            if found is not None and self.check_document is not None:
                self.check_document(found.to_bytes())
            return found
        await self._check()
        if found is None:
            # A chunk of zeros, which is not stored. Or the array was away for the moment in which the same
            # pixels were written again.
            found = await self._store.get(key, prototype, byte_range)
            await self._check()
        if found is not None and byte_range is None and self.check_chunk is not None:
            self.check_chunk(found.as_numpy_array().view("B").data)
        return found

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return what is at each range, as :meth:`get`."""
        return list(await asyncio.gather(*(self.get(key, prototype, some) for key, some in key_ranges)))

    async def _get_many(
        self, requests: Iterable[tuple[str, BufferPrototype, ByteRequest | None]]
    ) -> AsyncGenerator[tuple[str, Buffer | None], None]:
        for key, prototype, byte_range in requests:
            yield key, await self.get(key, prototype, byte_range)

    async def _check(self) -> None:
        for key in self._documents:
            self._compare(key, await self._store.get(key, default_buffer_prototype()))

    def _compare(self, key: str, found: Buffer | None) -> None:
        content = None if found is None else found.to_bytes()
        if self._pinned.setdefault(key, content) != content:
            raise self._replaced()
