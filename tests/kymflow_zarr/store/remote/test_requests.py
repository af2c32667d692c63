"""Requests over a bad network: repeated while that helps, and given up in bounded time."""

from __future__ import annotations

import os
import pickle
import signal
import sys

import numpy as np
import pytest

from kymflow_zarr import KymflowError, StoreError, StoreUnavailableError, ZarrDataset
from kymflow_zarr.store.locations import open_store
from kymflow_zarr.store.object import ObjectStore
from kymflow_zarr.store.remote import requests as module
from kymflow_zarr.store.remote.requests import Requests
from support.bad_network import HANG, LOST, LOST_HANG, RESET, TRUNCATED, BadNetwork, Fault

PASSING: list[Fault] = [RESET, LOST, HANG, LOST_HANG, 500, 502, 503, 504, 429]


def open_object_store(url: str) -> ObjectStore:
    store = open_store(url)
    assert isinstance(store, ObjectStore)
    return store


@pytest.mark.parametrize("fault", [*PASSING, TRUNCATED])
def test_what_passes_is_not_noticed(bad_network: BadNetwork, fault: Fault) -> None:
    bad_network.patience(60, answer_s=1)
    store, faults = open_store(bad_network.url), bad_network.faults
    for method, call, expected in (
        ("PUT", lambda: store.put("a/k", b"content").size, 7),
        ("GET", lambda: store.read("a/k")[0], b"content"),
        ("HEAD", lambda: store.exists("a/k"), True),
        ("LIST", lambda: [found.key for found in store.list()], ["a/k"]),
        ("POST", lambda: store.delete_tree("a"), None),
        ("LIST", lambda: [found.key for found in store.list()], []),
        ("POST", lambda: store.discard("a/k"), None),
    ):
        faults.next(fault, method)
        before = faults.count(method)
        assert call() == expected
        assert faults.count(method) - before >= 1 + (fault != TRUNCATED)
        assert not any(told.times for told in faults.told)


def test_a_listing_that_breaks_off_goes_on_after_its_last_page(
    bad_network: BadNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_object_store(bad_network.url)
    keys = [f"a/{number:02}" for number in range(25)]
    store.each(lambda key: store.put(key, b""), keys)
    monkeypatch.setattr(ObjectStore, "_page", 10)
    pages = store._pages("a")
    found = [one.key for one in next(iter(pages))]
    bad_network.faults.next(LOST, "LIST", times=2)
    found += [one.key for page in pages for one in page]
    assert found == keys


@pytest.mark.parametrize("in_order", [True, False])
def test_a_listing_that_somebody_else_ends_is_no_listing(
    bad_network: BadNetwork, monkeypatch: pytest.MonkeyPatch, in_order: bool
) -> None:
    store = open_object_store(bad_network.url)
    store._lists_in_order = in_order
    page = (200, "<html><body><p>Please log in</p></body></html>")
    bad_network.faults.next(page, "LIST")
    bad_network.faults.next(page, "HEAD")
    with pytest.raises(StoreUnavailableError, match=r"cannot list 'a' in .*: .* is not one of S3"):
        list(store.list("a"))
    # What is empty is so, and that is one request more.
    assert list(store.list("a")) == []
    assert bad_network.faults.count("HEAD") == 2
    if in_order:
        store.each(lambda key: store.put(key, b""), [f"a/{number:02}" for number in range(10)])
        monkeypatch.setattr(ObjectStore, "_page", 10)
        pages = store._pages("a")
        assert len(next(pages)) == 10
        bad_network.faults.next(page, "HEAD")
        with pytest.raises(StoreUnavailableError, match=r"cannot list 'a' in .*: .* is not one of S3"):
            next(pages)


def test_an_unordered_listing_begins_anew(bad_network: BadNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_object_store(bad_network.url)
    store._lists_in_order = False
    store.put("a/k", b"")
    bad_network.faults.next(TRUNCATED, "LIST")
    assert [found.key for found in store.list()] == ["a/k"]


def test_silence_is_bounded_and_the_next_operations_wait_less(bad_network: BadNetwork) -> None:
    bad_network.patience(1, answer_s=0.4)
    store, faults = open_store(bad_network.url), bad_network.faults
    faults.next(HANG, times=1000)
    with pytest.raises(StoreUnavailableError, match=r"does not answer \(asked \d times in \d s\)"):
        store.read("k")
    assert 2 <= faults.count() <= 4
    # What comes after it asks once only: whoever waits for many things does not wait for each.
    before = faults.count()
    for _ in range(3):
        with pytest.raises(StoreUnavailableError, match=r"does not answer\. Check AWS_ENDPOINT_URL"):
            store.exists("k")
    assert faults.count() - before == 3
    # One answer, and there is patience again.
    faults.none()
    assert not store.exists("k")
    faults.next(RESET)
    assert not store.exists("k")


def test_what_fails_beside_other_requests_fails_all_of_them_at_once(bad_network: BadNetwork) -> None:
    store, faults = open_store(bad_network.url), bad_network.faults
    faults.next(403, times=1000)
    with pytest.raises(KymflowError, match="access is denied"):
        store.each(store.stat, [f"k{number}" for number in range(1000)])
    assert faults.count() < 1000


def test_one_key_that_a_server_cannot_read_is_a_failure_of_that_key(bad_network: BadNetwork) -> None:
    bad_network.patience(0.5)
    store, faults = open_store(bad_network.url), bad_network.faults
    store.put("good", b"1")
    faults.next(500, "GET", "bad", times=1000)
    with pytest.raises(StoreError, match="cannot read 'bad' in .*: the server failed"):
        store.read("bad")
    assert store.read("good")[0] == b"1"


def test_the_time_to_send_much_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []

    def make_client(url: str, *, answer_s: float, connect_s: float) -> object:
        waits.append(answer_s)
        return object()

    monkeypatch.setattr(module, "make_client", make_client)
    monkeypatch.setenv("KYMFLOW_STORE_TIMEOUT_S", "30")
    requests = Requests("s3://bucket/lab.zarr")
    for n_bytes in (0, 100, 2**18, 2**20, 2**26, 2**26 + 1):
        requests.client(n_bytes)
    with requests.sending(2**21):
        requests.client(100)
    assert waits.pop() == 25
    # The slowest line that counts as one sends 256 KiB a second.
    assert waits == [10, 11, 17, 521]
    assert all(
        wait_s - 10 >= n / 2**18 - 1 for wait_s, n in zip(waits, (0, 2**18, 2**20, 2**26), strict=True)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there, no waiting for a thread is interrupted")
def test_an_interrupt_does_not_wait_for_an_answer(bad_network: BadNetwork) -> None:
    # By itself it would fail in hours.
    bad_network.patience(10_000, answer_s=5_000)
    store, faults = open_store(bad_network.url), bad_network.faults
    faults.next(HANG, "GET", times=1000)
    faults.before = lambda request: os.kill(os.getpid(), signal.SIGINT)
    # A shell lets what it runs in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            store.read("k")
    finally:
        signal.signal(signal.SIGINT, before)
    assert faults.count("GET") <= 1


# Pixels, which zarr reads


def test_pixels_are_read_through_what_passes(bad_network: BadNetwork) -> None:
    bad_network.patience(60, answer_s=1)
    pixels = np.arange(24, dtype=np.uint16).reshape(4, 6)
    record = ZarrDataset(bad_network.url).add_image(pixels)
    for fault in (RESET, HANG, TRUNCATED, 503):
        bad_network.faults.next(fault, "GET", "/data/c/")
        np.testing.assert_array_equal(record.load_array(), pixels)
    np.testing.assert_array_equal(record.open_array()[1], pixels[1])


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (RESET, StoreUnavailableError, "breaks off"),
        (500, StoreError, "the server failed"),
        (403, StoreError, "access is denied"),
    ],
)
def test_pixels_out_of_reach_are_not_called_damaged(
    bad_network: BadNetwork, fault: Fault, kind: type[Exception], words: str
) -> None:
    bad_network.patience(0.3)
    record = ZarrDataset(bad_network.url).add_image(np.ones((4, 6)))
    array = record.open_array()
    bad_network.faults.next(fault, "GET", "/data/c/", times=1000)
    with pytest.raises(kind, match=f"cannot read 'images/.*/data/c/0/0' in s3://.*: .*{words}"):
        record.load_array()
    with pytest.raises(kind, match=words):
        array[...]


def test_a_pixel_store_can_be_sent_to_other_processes(bad_network: BadNetwork) -> None:
    record = ZarrDataset(bad_network.url).add_image(np.ones((4, 6)))
    array = pickle.loads(pickle.dumps(record.open_array()))
    assert array[...].sum() == 24
    with pytest.raises(ValueError, match=r"the pixels of s3://.* are read-only here: save_array\(\)"):
        array.store.with_read_only(False)
