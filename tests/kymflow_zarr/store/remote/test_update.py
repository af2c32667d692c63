"""A change whose answer is lost is settled: made once, ours if it is ours, and no success if it was none."""

from __future__ import annotations

import pytest

from kymflow_zarr import KymflowError, StorePermissionError, StoreUnavailableError
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.locations import open_store
from support.bad_network import HANG, LATE, LOST, LOST_HANG, RESET, BadNetwork, Fault, Request


class Append:
    """A change that notes how often it is asked for."""

    def __init__(self, text: bytes = b"x") -> None:
        self.text = text
        self.seen: list[bytes | None] = []

    def __call__(self, present: bytes | None) -> bytes:
        self.seen.append(present)
        return (present or b"") + self.text


@pytest.fixture(params=["made", "changed"])
def store(request: pytest.FixtureRequest, bad_network: BadNetwork) -> Store:
    """A store in which ``k`` is there already (``b"0"``), or not yet."""
    bad_network.patience(60, answer_s=1)
    store = open_store(bad_network.url)
    if request.param == "changed":
        store.put("k", b"0")
    return store


def now(store: Store) -> bytes:
    return store.read("k")[0] if store.exists("k") else b""


@pytest.mark.parametrize("fault", [LOST, LOST_HANG])
def test_a_put_whose_answer_is_lost_is_found_by_what_is_there(
    store: Store, bad_network: BadNetwork, fault: Fault
) -> None:
    before, change = now(store), Append()
    bad_network.faults.next(fault, "PUT")
    fingerprint = store.update("k", change)
    assert now(store) == before + b"x"
    assert fingerprint is not None
    assert fingerprint.etag == store.read("k")[1].etag
    # Neither asked for nor put a second time.
    assert len(change.seen) == 1
    assert sum(request.is_conditional for request, _ in bad_network.faults.noted) == 1


@pytest.mark.parametrize("fault", [RESET, HANG, 500, 503, 429])
def test_a_put_that_was_not_carried_out_is_put_again(
    store: Store, bad_network: BadNetwork, fault: Fault
) -> None:
    before, change = now(store), Append()
    bad_network.faults.next(fault, "PUT")
    store.update("k", change)
    assert now(store) == before + b"x"
    assert len(change.seen) == 1
    assert sum(request.is_conditional for request, _ in bad_network.faults.noted) == 2


def test_a_put_that_is_carried_out_after_its_repetition_changes_nothing(
    store: Store, bad_network: BadNetwork
) -> None:
    before = now(store)
    bad_network.faults.next(LATE, "PUT")
    store.update("k", Append())
    bad_network.faults.carry_out_late()
    assert now(store) == before + b"x"
    store.update("k", Append(b"y"))
    assert now(store) == before + b"xy"


def test_a_put_that_is_carried_out_just_before_its_repetition_is_our_own(
    store: Store, bad_network: BadNetwork
) -> None:
    before, change = now(store), Append()
    faults = bad_network.faults
    faults.next(LATE, "PUT")

    def carry_out_the_first(request: Request) -> None:
        # The look that followed the first put has found nothing; the second put is refused.
        if request.is_conditional:
            faults.carry_out_late()

    faults.before = carry_out_the_first
    assert store.update("k", change) is not None
    assert now(store) == before + b"x"
    assert len(change.seen) == 1


def test_the_same_bytes_of_another_writer_are_not_taken_for_our_own(
    store: Store, bad_network: BadNetwork
) -> None:
    before, change = now(store), Append()
    other = open_store(bad_network.url)
    bad_network.faults.next(RESET, "PUT")

    def write_the_same(request: Request) -> None:
        if request.method == "GET" and change.seen:
            bad_network.faults.before = lambda request: None
            other.update("k", Append())

    bad_network.faults.before = write_the_same
    store.update("k", change)
    assert now(store) == before + b"xx"


def test_where_others_have_built_on_a_lost_put_the_change_is_made_on_theirs(
    store: Store, bad_network: BadNetwork
) -> None:
    # What is there does not tell that it was made from ours: as documented, the change is asked for again.
    before, change = now(store), Append()
    other, other_change = open_store(bad_network.url), Append(b"o")
    bad_network.faults.next(LOST, "PUT")

    def write_too(request: Request) -> None:
        if request.method == "GET" and change.seen:
            bad_network.faults.before = lambda request: None
            other.update("k", other_change)

    bad_network.faults.before = write_too
    store.update("k", change)
    assert other_change.seen == [before + b"x"]
    assert change.seen == [before or None, before + b"xo"]
    assert now(store) == before + b"xox"


@pytest.mark.parametrize("fault", [RESET, HANG, 503])
def test_what_was_never_carried_out_is_never_called_a_success(
    store: Store, bad_network: BadNetwork, fault: Fault
) -> None:
    bad_network.patience(0.3, answer_s=1)
    before, store = now(store), open_store(bad_network.url)
    bad_network.faults.next(fault, "PUT", times=1000)
    with pytest.raises(KymflowError, match=r"^cannot write 'k' in s3://.*(asked \d+ times).*[.]$") as caught:
        store.update("k", Append())
    # It was looked at in the end: nothing is open.
    assert "may have been written" not in str(caught.value)
    bad_network.faults.none()
    assert now(store) == before


def test_what_was_carried_out_at_the_last_attempt_is_a_success(store: Store, bad_network: BadNetwork) -> None:
    bad_network.patience(0.3)
    before, store = now(store), open_store(bad_network.url)
    bad_network.faults.next(LOST, "PUT", times=1000)
    assert store.update("k", Append()) is not None
    assert now(store) == before + b"x"


def test_what_nobody_can_look_at_is_told_to_be_open(store: Store, bad_network: BadNetwork) -> None:
    bad_network.patience(0.6)
    before, store = now(store), open_store(bad_network.url)
    change = Append()

    def then_cut(present: bytes | None) -> bytes:
        # From here on nothing comes back, though all of it is carried out.
        bad_network.faults.next(LOST, times=1000)
        return change(present)

    with pytest.raises(StoreUnavailableError, match="may have been written all the same; to write it again"):
        store.update("k", then_cut)
    bad_network.faults.none()
    assert now(store) == before + b"x"
    store.update("k", lambda present: before + b"x")
    assert now(store) == before + b"x"


def test_a_refusal_is_told_at_once(store: Store, bad_network: BadNetwork) -> None:
    bad_network.faults.next(403, "PUT", times=1000)
    with pytest.raises(StorePermissionError, match="cannot write 'k' in .*: access is denied"):
        store.update("k", Append())
    assert sum(request.is_conditional for request, _ in bad_network.faults.noted) == 1


def test_what_a_change_raises_is_not_blamed_on_the_store(store: Store) -> None:
    def fail(present: bytes | None) -> bytes:
        raise OSError("of its own")

    with pytest.raises(OSError, match=r"^of its own$"):
        store.update("k", fail)
