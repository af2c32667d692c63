"""Items taken one after the other, or several side by side."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from kymflow_zarr.sources.threads import each


def nothing() -> None:
    pass


def test_without_an_executor_in_order_and_in_this_thread() -> None:
    here = threading.get_ident()
    said = []
    took = list(each(lambda item: (item, threading.get_ident()), range(3), None, lambda: said.append("now")))
    assert took == [(0, here), (1, here), (2, here)]
    assert said == ["now"] * 3


def test_as_many_at_once_as_the_executor_has_threads() -> None:
    # All wait for each other: it ends only if three are at work at once, and never four.
    together = threading.Barrier(3, timeout=60)
    with ThreadPoolExecutor(3) as executor:
        took = each(lambda item: (together.wait(), item)[1], range(9), executor, nothing)
        assert sorted(took) == list(range(9))
        assert executor.submit(int).result() == 0, "it is not shut down"


def test_no_more_are_begun_than_are_worked_at() -> None:
    begun: list[int] = []
    with ThreadPoolExecutor(2) as executor:
        ready = each(begun.append, range(100), executor, nothing)
        next(ready)
        ready.close()
    assert len(begun) <= 4


def test_executor_of_processes_lends_its_number_only() -> None:
    here = threading.get_ident()
    with ProcessPoolExecutor(2) as executor:
        # What is not to be pickled could not go to a process.
        threads = set(each(lambda item: threading.get_ident(), range(20), executor, nothing))
    assert here not in threads
    assert len(threads) <= 2


@pytest.mark.parametrize("workers", [None, 1, 2])
def test_error_of_one_ends_all_and_waits_for_the_others(workers) -> None:
    at_work = []

    def take(item: int) -> int:
        at_work.append(item)
        try:
            if item == 5:
                raise ZeroDivisionError("item 5")
            return item
        finally:
            at_work.remove(item)

    executor = ThreadPoolExecutor(workers) if workers else None
    with pytest.raises(ZeroDivisionError, match="item 5"):
        list(each(take, range(100), executor, nothing))
    assert at_work == []
    if executor:
        executor.shutdown()


def test_meanwhile_is_called_in_this_thread_and_may_end_it_while_all_are_at_work() -> None:
    go_on = threading.Event()
    calls = []

    def meanwhile() -> None:
        calls.append(threading.get_ident())
        if len(calls) == 5:
            go_on.set()
            raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as executor, pytest.raises(KeyboardInterrupt):
        list(each(lambda item: go_on.wait(300), range(10), executor, meanwhile))
    assert set(calls) == {threading.get_ident()}
    assert len(calls) == 5


def test_no_items() -> None:
    with ThreadPoolExecutor(2) as executor:
        assert list(each(str, [], executor, nothing)) == []
