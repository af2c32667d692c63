"""Pixels in an object store: a zarr store that repeats requests and words failures as every other read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from zarr.storage import ObjectStore as ZarrObjectStore

from kymflow_zarr.store.remote.requests import Requests

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype


class PixelStore(ZarrObjectStore[Any]):
    """A read-only zarr store on the URL of some requests."""

    def __init__(self, requests: Requests) -> None:
        super().__init__(requests.client(), read_only=True)
        self._requests = requests

    def __reduce__(self) -> tuple[type[PixelStore], tuple[Requests]]:
        return (PixelStore, (self._requests,))

    def with_read_only(self, read_only: bool = True) -> PixelStore:
        if not read_only:
            raise ValueError(
                f"the pixels of {self._requests.url} are read-only here: save_array() writes them"
            )
        return self

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        return await self._requests.ask_async("read", key, partial(super().get, key, prototype, byte_range))

    async def exists(self, key: str) -> bool:
        return await self._requests.ask_async("look at", key, partial(super().exists, key))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        asked = (self.get(key, prototype, byte_range) for key, byte_range in key_ranges)
        return await asyncio.gather(*asked)
