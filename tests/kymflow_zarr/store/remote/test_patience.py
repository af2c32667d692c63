"""How long is waited, without waiting: the clock is the test's."""

from __future__ import annotations

import random

import pytest

from kymflow_zarr import DatasetError
from kymflow_zarr.store.remote import patience
from kymflow_zarr.store.remote.faults import Fault
from kymflow_zarr.store.remote.patience import Attempts, Patience

PASSES = Fault("the server failed", "", passes=True)
NOBODY = Fault("nobody is there", "", passes=True, no_answer=True, no_connection=True)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    return clock


def pauses(
    clock: Clock, fault: Fault, request_s: float, total_s: float = 60, once: bool = False
) -> list[float]:
    """Return the pauses of an operation whose requests each fail after so long."""
    attempts = Attempts(Patience(total_s), once=once)
    found: list[float] = []
    while True:
        clock.now_s += request_s
        pause_s = attempts.pause_after(fault)
        if pause_s is None:
            assert attempts.made == len(found) + 1
            return found
        found.append(pause_s)
        clock.now_s += pause_s


def test_pauses_grow_and_end_with_the_patience(clock: Clock) -> None:
    found = pauses(clock, PASSES, 0.01)
    for number, pause_s in enumerate(found):
        longest = min(0.1 * 2**number, 5.0)
        assert longest / 2 <= pause_s <= longest
    assert 12 <= len(found) <= 30
    assert 50 < sum(found) <= 60


def test_pauses_differ_from_writer_to_writer(clock: Clock) -> None:
    random.seed(1)
    assert len({pauses(clock, PASSES, 0.01)[0] for _ in range(20)}) == 20


@pytest.mark.parametrize(("request_s", "n_requests"), [(20, 3), (55, 2), (300, 2)])
def test_a_server_that_never_answers_is_asked_a_few_times(
    clock: Clock, request_s: float, n_requests: int
) -> None:
    # Twice at least, however long a large put takes.
    assert len(pauses(clock, PASSES, request_s)) == n_requests - 1


def test_where_nobody_listens_no_minute_is_waited(clock: Clock) -> None:
    assert len(pauses(clock, NOBODY, 0.0)) == 2
    assert clock.now_s < 0.5


def test_what_does_not_pass_is_asked_once(clock: Clock) -> None:
    assert pauses(clock, Fault("access is denied", "", denied=True), 0.01) == []
    assert pauses(clock, PASSES, 0.01, once=True) == []


def test_the_environment_sets_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KYMFLOW_STORE_TIMEOUT_S", raising=False)
    assert Patience.from_environment() == Patience(60)
    monkeypatch.setenv("KYMFLOW_STORE_TIMEOUT_S", " 9 ")
    found = Patience.from_environment()
    assert (found.total_s, found.answer_s, found.connect_s) == (9, 3, 3)
    assert Patience(600).connect_s == 5


@pytest.mark.parametrize("said", ["soon", "0", "-1", "nan", "inf"])
def test_a_patience_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("KYMFLOW_STORE_TIMEOUT_S", said)
    with pytest.raises(
        DatasetError, match=rf"KYMFLOW_STORE_TIMEOUT_S must be a number of seconds above 0, got '{said}'"
    ):
        Patience.from_environment()
