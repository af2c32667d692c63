"""A file is replaced or deleted only if it is the one that was looked at, up to the last moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow_zarr.store.base import OutdatedError
from kymflow_zarr.store.disk import exchange, expected


@pytest.fixture(params=["at once", "in two steps"])
def anyhow(request: pytest.FixtureRequest) -> None:
    if request.param == "in two steps":
        request.getfixturevalue("in_two_steps")


def digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def files_below(disk) -> list[str]:
    return sorted(str(path.relative_to(disk.url)) for path in Path(disk.url).rglob("*") if path.is_file())


def test_the_expected_bytes_are_replaced_and_deleted(store) -> None:
    store.replace("a/x", b"1", "")
    assert store.read("a/x")[0] == b"1"
    store.replace("a/x", b"2", digest(b"1"))
    assert store.read("a/x")[0] == b"2"
    store.replace("a/x", None, digest(b"2"))
    assert not store.exists("a/x")


@pytest.mark.parametrize("data", [b"mine", None])
@pytest.mark.parametrize("looked_at", [b"others", None])
def test_what_was_not_looked_at_stays(store, data, looked_at) -> None:
    store.put("x", b"theirs")
    with pytest.raises(OutdatedError):
        store.replace("x", data, "" if looked_at is None else digest(looked_at))
    assert store.read("x")[0] == b"theirs"
    assert [found.key for found in store.list()] == ["x"]


@pytest.mark.parametrize("data", [b"mine", None])
def test_what_is_gone_stays_so(store, data) -> None:
    with pytest.raises(OutdatedError):
        store.replace("x", data, digest(b"looked at"))
    assert not store.exists("x")


def test_no_temporary_file_is_left(disk, anyhow) -> None:
    disk.replace("a/x", b"1", "")
    disk.replace("a/x", b"2", digest(b"1"))
    assert files_below(disk) == ["a/x"]
    disk.replace("a/x", None, digest(b"2"))
    assert files_below(disk) == []


def test_an_edit_after_the_last_look_comes_back(disk, monkeypatch) -> None:
    disk.put("x", b"old")
    real = exchange.exchange
    calls = []

    def late(one: str, other: str) -> bool:
        calls.append(one)
        if len(calls) == 1:
            disk.put("x", b"edited")
        return real(one, other)

    monkeypatch.setattr(exchange, "exchange", late)
    with pytest.raises(OutdatedError):
        disk.replace("x", b"new", digest(b"old"))
    assert disk.read("x")[0] == b"edited"
    assert files_below(disk) == ["x"]


def test_of_two_edits_after_the_last_look_the_later_one_stays(disk, monkeypatch) -> None:
    disk.put("x", b"old")
    real = exchange.exchange
    edits = [b"first", b"second"]

    def late(one: str, other: str) -> bool:
        if edits:
            disk.put("x", edits.pop(0))
        return real(one, other)

    monkeypatch.setattr(exchange, "exchange", late)
    with pytest.raises(OutdatedError):
        disk.replace("x", b"new", digest(b"old"))
    assert disk.read("x")[0] == b"second"
    assert files_below(disk) == ["x"]


def test_a_file_that_is_made_after_the_last_look_stays(disk, monkeypatch) -> None:
    link = os.link

    def late(one: str, other: str) -> None:
        disk.put("x", b"theirs")
        link(one, other)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(OutdatedError):
        disk.replace("x", b"mine", "")
    assert disk.read("x")[0] == b"theirs"
    assert files_below(disk) == ["x"]


def test_a_disk_without_links_takes_new_files(disk, monkeypatch) -> None:
    def refuse(*_: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    disk.replace("x", b"mine", "")
    assert disk.read("x")[0] == b"mine"


def test_a_file_that_is_edited_after_the_last_look_is_not_deleted(disk, monkeypatch) -> None:
    disk.put("x", b"old")
    rename = os.rename

    def late(one: str, other: str) -> None:
        disk.put("x", b"edited")
        rename(one, other)

    monkeypatch.setattr(expected.os, "rename", late)
    with pytest.raises(OutdatedError):
        disk.replace("x", None, digest(b"old"))
    assert disk.read("x")[0] == b"edited"
    assert files_below(disk) == ["x"]


def test_a_file_that_is_deleted_after_the_last_look_stays_deleted(disk, monkeypatch) -> None:
    disk.put("x", b"old")
    real = exchange.exchange

    def late(one: str, other: str) -> bool:
        disk.delete("x")
        return real(one, other)

    monkeypatch.setattr(exchange, "exchange", late)
    with pytest.raises(OutdatedError):
        disk.replace("x", b"new", digest(b"old"))
    assert files_below(disk) == []


def _refused(*_: str) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_an_edit_is_not_deleted_where_a_disk_has_no_hard_links_either(disk, monkeypatch) -> None:
    disk.put("x", b"old")
    edits = [b"edited"]
    rename = os.rename

    def late(one: str, other: str) -> None:
        if edits:
            disk.put("x", edits.pop())
        rename(one, other)

    monkeypatch.setattr(expected.os, "rename", late)
    monkeypatch.setattr(os, "link", _refused)
    with pytest.raises(OutdatedError):
        disk.replace("x", None, digest(b"old"))
    assert disk.read("x")[0] == b"edited"
    assert files_below(disk) == ["x"]


@pytest.mark.parametrize(
    ("data", "call"), [(b"new", (exchange, "exchange")), (None, (expected.os, "rename"))]
)
def test_what_comes_in_the_last_moment_and_cannot_be_read_stays(disk, data, call, monkeypatch) -> None:
    disk.put("x", b"old")
    path = Path(disk.url) / "x"
    real = getattr(*call)

    def late(one: str, other: str) -> object:
        if not path.is_symlink():
            path.unlink()
            path.symlink_to("nowhere")
        return real(one, other)

    monkeypatch.setattr(*call, late)
    with pytest.raises(OutdatedError):
        disk.replace("x", data, digest(b"old"))
    assert os.readlink(path) == "nowhere"
    assert os.listdir(disk.url) == ["x"]
