"""Each cause of a failure has one clear sentence that says what to do; nothing raw reaches people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from obstore.exceptions import BaseError, GenericError

from kymflow_zarr import StoreError, StorePermissionError, StoreUnavailableError
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.locations import open_store
from kymflow_zarr.store.object import ObjectStore
from kymflow_zarr.store.remote.faults import fault_of
from support import s3_servers
from support.bad_network import HANG, RESET, Faults, between

RAW = ("<", "Generic", "Error performing", "max_retries", "HTTP error", "Debug", "non-2xx")


def xml(code: str, more: str = "") -> str:
    return f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>some words</Message>{more}</Error>'


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """What a server of made-up answers says; nothing is behind it."""
    with between(0) as (port, faults):
        for name, value in s3_servers.environment(port).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("KYMFLOW_STORE_TIMEOUT_S", "0.3")
        # A busy machine may take long to answer.
        monkeypatch.setenv("AWS_READ_TIMEOUT", "20 s")
        yield faults


OPERATIONS: dict[str, Callable[[Store], object]] = {
    "read 'k' in ": lambda store: store.read("k"),
    "list ": lambda store: list(store.list()),
    "write 'k' in ": lambda store: store.put("k", b"x"),
    "delete 'k' in ": lambda store: store.discard("k"),
}


def assert_says(kind: type[Exception], words: str) -> None:
    """Assert what each operation says when it fails, and that it is nothing raw."""
    for doing, call in OPERATIONS.items():
        with pytest.raises(kind, match=rf"^cannot {doing}s3://bucket/lab\.zarr: .*{words}") as caught:
            call(open_store("s3://bucket/lab.zarr"))
        assert type(caught.value) is kind
        assert not any(raw in str(caught.value) for raw in RAW)
        # For developers, all that is known is chained.
        assert isinstance(caught.value.__cause__, (BaseError, FileNotFoundError))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, xml("NoSuchBucket"), StoreError, "has no bucket of this name. Make the bucket first"),
        (403, xml("AccessDenied"), StorePermissionError, "access is denied. Ask the owner of the bucket"),
        (403, "", StorePermissionError, "access is denied"),
        (401, "", StorePermissionError, "the credentials are not accepted. Check AWS_ACCESS_KEY_ID"),
        (403, xml("InvalidAccessKeyId"), StorePermissionError, "does not know the access key. Check AWS_"),
        (403, xml("SignatureDoesNotMatch"), StorePermissionError, "the secret key does not fit. Check AWS_"),
        (
            403,
            xml("RequestTimeTooSkewed"),
            StorePermissionError,
            "differ too much. Set this computer's clock",
        ),
        (400, xml("ExpiredToken"), StorePermissionError, "credentials have expired. Get new ones"),
        (400, xml("InvalidToken"), StorePermissionError, "token is not valid. Check AWS_SESSION_TOKEN"),
        (301, "", StoreError, "in another region. Set AWS_REGION"),
        (301, xml("PermanentRedirect"), StoreError, "in another region. Set AWS_REGION"),
        (
            400,
            xml("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
            StoreError,
            "in another region, eu-west-1. Set AWS_REGION=eu-west-1.",
        ),
        (507, xml("XMinioStorageFull"), StoreError, "the disk of the server is full. Free space there"),
        (403, xml("QuotaExceeded"), StoreError, "the disk of the server is full. Free space there"),
        (501, xml("NotImplemented"), StoreError, "must know conditional puts"),
        (503, xml("SlowDown"), StoreError, r"too much to do \(asked \d+ times in \d+ s\)\. Try again later"),
        (429, "", StoreError, "too much to do"),
        (500, xml("InternalError"), StoreError, r"the server failed( \(HTTP 500\))? \(asked"),
        (418, xml("Teapot"), StoreError, r"refuses the request \(HTTP 418, Teapot\)\. Check the"),
        (400, "<html>no XML & <b>", StoreError, r"refuses the request \(HTTP 400\)\. Check the"),
    ],
)
def test_what_a_server_says_no_by_is_said_in_words(
    faults: Faults, status: int, body: str, kind: type[Exception], words: str
) -> None:
    faults.next((status, body), times=1000)
    assert_says(kind, words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            HANG,
            r"the server http://127\.0\.0\.1:\d+ does not answer \(asked \d+ times in \d+ s\)\. Check AWS_",
        ),
        (RESET, r"the connection to the server http://127\.0\.0\.1:\d+ breaks off \(asked \d+ times"),
    ],
)
def test_a_server_that_does_not_answer_is_named(
    faults: Faults, fault: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == HANG:
        monkeypatch.setenv("AWS_READ_TIMEOUT", "100 ms")
    faults.next(fault, times=1000)
    assert_says(StoreUnavailableError, words)


def test_an_address_where_nobody_listens_is_named(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = s3_servers.free_ports()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    assert_says(StoreUnavailableError, rf"the server http://127\.0\.0\.1:{port} refuses connections")


def test_a_host_without_an_address_is_named(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://no-such-host.invalid")
    assert_says(StoreUnavailableError, r"the server http://no-such-host\.invalid is unknown: .* Check AWS_")


def test_an_unencrypted_address_has_to_be_allowed(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    assert_says(StoreError, r"not encrypted\. Use https://, or allow it by AWS_ALLOW_HTTP=true\.")


def test_a_page_of_somebody_else_is_no_answer(faults: Faults) -> None:
    # As the page where one logs in to a guest's network.
    faults.next((200, "Welcome & log in"), times=1000)
    with pytest.raises(
        StoreError, match=r"cannot list s3://.*: the answer of .* is cut short, or not one of S3"
    ):
        list(open_store("s3://bucket/lab.zarr").list())
    with pytest.raises(
        StoreUnavailableError, match=r"cannot write 'k' in .*: the answer of the server is not one of S3"
    ):
        open_store("s3://bucket/lab.zarr").put("k", b"x")


def listed(*keys: str) -> str:
    """Return a page of a listing of which there is more."""
    head = "<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>"
    times = "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    found = (f"<Contents><Key>lab.zarr/{key}</Key><Size>1</Size>{times}</Contents>" for key in keys)
    return f"<ListBucketResult>{head}{''.join(found)}</ListBucketResult>"


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("pages", [["a"], ["a", "b", "c"], ["b", "a", "b", "c"]])
def test_a_listing_that_does_not_go_on_ends(
    faults: Faults, monkeypatch: pytest.MonkeyPatch, in_order: bool, pages: list[str]
) -> None:
    store = open_store("s3://bucket/lab.zarr")
    assert isinstance(store, ObjectStore)
    store._lists_in_order = in_order
    monkeypatch.setattr(ObjectStore, "_page", 2)
    for _ in range(100):
        for page in pages:
            faults.next((200, listed(f"images/{page}/1", f"images/{page}/2")), "LIST")
    with pytest.raises(
        StoreError,
        match=r"^cannot list 'images' in s3://bucket/lab\.zarr: .* the same keys again and again\. It must",
    ):
        list(store.list("images"))
    assert faults.count("LIST") <= len(pages) + 2


# Any XML that names no keys would read as the end of a listing.
@pytest.mark.parametrize("page", ["<html><body><p>Welcome</p></body></html>", xml("InternalError")])
def test_a_page_in_xml_is_no_empty_listing_and_no_content(faults: Faults, page: str) -> None:
    faults.next((200, page), times=1000)
    store = open_store("s3://bucket/lab.zarr")
    for call in (
        lambda: list(store.list("images")),
        lambda: store.children("images"),
        lambda: store.list_records("images", "zarr.json", "analysis"),
        store.is_empty,
        lambda: store.read("k"),
        lambda: store.stat("k"),
        lambda: store.put("k", b"x"),
    ):
        with pytest.raises(
            StoreUnavailableError, match=r"is not one of S3\. Check AWS_ENDPOINT_URL, and whether"
        ):
            call()


def test_an_unforeseen_error_is_told_without_markup() -> None:
    error = GenericError(
        "Generic S3 error: Error performing GET http://x/y in 1.2ms, after 10 retries, max_retries: 10, "
        "retry_timeout: 180s  - Strange <xml>"
    )
    assert fault_of(error).what == "Error performing GET http://x/y- Strange"
