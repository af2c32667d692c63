"""What only object stores do: update where others write all the time."""

from __future__ import annotations

import uuid

import pytest

from kymflow_zarr import LockTimeoutError
from kymflow_zarr.store.locations import open_store


def test_object_store_timeout_tells_of_the_other_writers(object_url) -> None:
    store = open_store(object_url)

    def disturbed(_: bytes | None) -> bytes:
        store.put("t", uuid.uuid4().bytes)
        return b"mine"

    with pytest.raises(LockTimeoutError, match=r"waited 0\.1 s for 't' in (memory|s3)://.*first \d+ times"):
        store.update("t", disturbed, timeout_s=0.1)
