"""What only object stores do: fetch ahead from afar, and put on a condition."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from kymflow_zarr import LockTimeoutError
from kymflow_zarr.store import object as object_store
from kymflow_zarr.store.locations import open_store


def test_far_away_the_first_lots_are_fetched_at_once_and_the_next_while_one_is_made_use_of(
    object_url,
) -> None:
    begun: list[int] = []
    both = threading.Barrier(3)

    def ask(number: int) -> int:
        begun.append(number)
        if number < 2:
            # Neither goes on before the other has begun, and this thread has come so far.
            both.wait(20)
        return number

    with open_store(object_url).ahead(ask, iter(range(100))) as lots:
        both.wait(20)
        assert next(lots) == 0
        assert next(lots) == 1
        deadline = time.monotonic() + 20
        while len(begun) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    # Two are fetched while one is made use of; nobody wants the rest.
    assert sorted(begun) == [0, 1, 2, 3]


def test_what_nobody_waits_for_any_more_is_not_asked_for(object_url, monkeypatch) -> None:
    store = open_store(object_url)
    asked: list[int] = []
    begun, may_go_on = threading.Event(), threading.Event()

    def look(number: int) -> int:
        asked.append(number)
        begun.set()
        assert may_go_on.wait(20)
        return number

    def lot(first: int) -> int:
        return len(store.each(look, range(first, first + 500)))

    def interrupted() -> None:
        with store.ahead(lot, [0, 500, 1000]):
            assert begun.wait(20)
            raise KeyboardInterrupt

    class Pool(ThreadPoolExecutor):
        def shutdown(self, *how: bool, **more: bool) -> None:
            # What is under way ends by itself, when this is on its way out.
            may_go_on.set()
            super().shutdown(*how, **more)

    monkeypatch.setattr(object_store, "ThreadPoolExecutor", Pool)
    before = threading.enumerate()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(asked) <= 2 * 64
    assert set(threading.enumerate()) <= set(before)


def test_object_store_timeout_tells_of_the_other_writers(object_url) -> None:
    store = open_store(object_url)

    def disturbed(_: bytes | None) -> bytes:
        store.put("t", uuid.uuid4().bytes)
        return b"mine"

    with pytest.raises(LockTimeoutError, match=r"waited 0\.1 s for 't' in (memory|s3)://.*first \d+ times"):
        store.update("t", disturbed, timeout_s=0.1)
