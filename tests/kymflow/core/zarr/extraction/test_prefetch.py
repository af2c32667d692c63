"""Reading ahead: in order, so many at once, and not beyond what is wanted."""

from __future__ import annotations

import threading

import pytest

from kymflow.core.zarr.extraction.prefetch import prefetch


@pytest.mark.parametrize("ahead", [0, 1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 20])
def test_what_is_read_comes_in_order(ahead: int, n: int) -> None:
    assert list(prefetch(lambda number: number * number, range(n), ahead)) == [one * one for one in range(n)]


def test_the_next_ones_are_read_while_one_is_made_use_of() -> None:
    begun: list[int] = []
    third = threading.Event()
    both = threading.Barrier(3)

    def read(number: int) -> int:
        begun.append(number)
        if number < 2:
            # Neither goes on before the other has begun, and the consumer is waiting.
            both.wait(300)
        if number == 2:
            third.set()
        return number

    waiting = threading.Thread(target=both.wait, args=(20,))
    waiting.start()
    found = prefetch(read, range(100), 2)
    assert next(found) == 0
    assert third.wait(300)
    found.close()  # type: ignore[attr-defined]
    waiting.join()
    # Nobody wants the rest.
    assert sorted(begun) == [0, 1, 2]


def test_without_reading_ahead_nothing_is_read_before_it_is_wanted() -> None:
    begun: list[int] = []
    found = prefetch(begun.append, range(10), 0)
    assert begun == []
    next(found)
    assert begun == [0]


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_failure_is_told_in_its_turn_and_ends_the_threads(ahead: int) -> None:
    def read(number: int) -> int:
        if number == 2:
            raise ValueError("refused")
        return number

    before = set(threading.enumerate())
    found = prefetch(read, range(5), ahead)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(ValueError, match="refused"):
        next(found)
    # Threads that another test has left may end meanwhile.
    assert set(threading.enumerate()) <= before
