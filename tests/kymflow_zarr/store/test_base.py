"""What every kind of store does, wherever it is."""

from __future__ import annotations

import sys
import threading

import pytest

from kymflow_zarr import InvalidNameError
from kymflow_zarr.store.base import Fingerprint
from kymflow_zarr.store.object import ObjectStore

# Reading, writing, listing


def test_put_read_and_stat_agree(store) -> None:
    put = store.put("a/b/c.json", b"old")
    data, read = store.read("a/b/c.json")
    assert data == b"old"
    assert read.key == put.key == "a/b/c.json"
    assert read.size == put.size == 3
    assert read.etag == put.etag
    assert store.stat("a/b/c.json") == read
    assert store.exists("a/b/c.json")


def test_put_replaces(store) -> None:
    store.put("a.json", b"old")
    store.put("a.json", b"", flush=True)
    assert store.read("a.json")[0] == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody replace an open file")
def test_what_is_opened_is_of_one_moment(store) -> None:
    store.put("a/b", b"0123456789")
    _, fingerprint = store.read("a/b")

    with store.open("a/b") as (file, found):
        store.put("a/b", b"another one")
        file.seek(-3, 2)
        assert (found, file.read(2), file.seek(1), file.read()) == (fingerprint, b"78", 1, b"123456789")


def test_missing_key(store) -> None:
    store.put("a/b", b"x")
    for key in ("nothing", "b/c"):
        with pytest.raises(FileNotFoundError, match=f"no '{key}' in"):
            store.read(key)
        with pytest.raises(FileNotFoundError, match=f"no '{key}' in"), store.open(key):
            pass
        assert store.stat(key) is None
        assert not store.exists(key)
        assert store.delete(key) is False


def test_to_discard_deletes_whether_it_is_there_or_not(store) -> None:
    store.put("a/b", b"x")
    for _ in range(2):
        store.discard("a/b")
        assert not store.exists("a/b")


def test_many_keys_are_looked_at_as_one_by_one(store, monkeypatch) -> None:
    # Small pages and stretches, so that few keys need many; some of them ask in vain.
    for name, value in {"_page": 3, "_stretch": 7, "_worth_a_page": 2}.items():
        monkeypatch.setattr(ObjectStore, name, value)
    images = ("a", "a b", "a-1", "a.b", "ab", "b", "é")
    names = [f"images/{image}/{name}" for image in images for name in ("x", "x.y", "z/é", "z-1")]
    for key in ["attrs", *names[::2], *(f"images/b/many/{number}" for number in range(30)), "zarr.json"]:
        store.put(key, key.encode())
    for keys in (["attrs", *names, "zarr.json"], names, names[3:5], names[:1] * 3, ["no/a", "no/b"], []):
        assert list(store.stat_many(keys)) == [store.stat(key) for key in keys]
        assert set(store.absent(keys)) <= {key for key in keys if not store.exists(key)}
        assert [found and found[0] for found in store.read_many(keys)] == [
            key.encode() if store.exists(key) else None for key in keys
        ]


def test_list_goes_to_any_depth(store) -> None:
    for key in ("a", "b/c", "b/d/e", "bc/x"):
        store.put(key, b"12")
    assert sorted(found.key for found in store.list()) == ["a", "b/c", "b/d/e", "bc/x"]
    assert sorted(found.key for found in store.list("b")) == ["b/c", "b/d/e"]
    assert {found.size for found in store.list()} == {2}
    assert list(store.list("nothing")) == []
    assert all(store.stat(found.key) == found for found in store.list())


def test_a_survey_is_what_children_list_and_stat_tell(store) -> None:
    for key in (
        "a/mark",
        "a/in/x",
        "a/in/deep/y",
        "a/out/z",
        "b/in/x",
        "b/mark/x",
        "c/mark",
        "ä/mark",
        "ä/in/é",
    ):
        store.put(f"images/{key}", key.encode())
    store.put("other/a/in/x", b"")
    listing = store.list_records("images", "mark", "in")
    # "b" has no key of that name: what is called so is a folder.
    assert listing.names == list(store.children("images", having=["mark"])) == ["a", "c", "ä"]
    found = {
        key: Fingerprint(key, size, mtime_ns, etag)
        for key, size, mtime_ns, etag in zip(
            listing.keys, listing.sizes, listing.mtimes_ns, listing.etags, strict=True
        )
    }
    assert set(found) == {"images/a/in/x", "images/a/in/deep/y", "images/ä/in/é"}
    assert all(store.stat(key) == fingerprint for key, fingerprint in found.items())
    assert listing.seen_ns <= store.now_ns()


def test_a_survey_of_nothing_is_empty(store) -> None:
    listing = store.list_records("images", "mark", "in")
    assert (listing.names, listing.keys, listing.sizes, listing.mtimes_ns, listing.etags) == (
        [],
        [],
        [],
        [],
        [],
    )


def test_children_are_folders_that_hold_a_key(store) -> None:
    for key in ("images/b/zarr.json", "images/a/zarr.json", "images/c/data/zarr.json", "images/zarr.json"):
        store.put(key, b"{}")
    assert list(store.children("images")) == ["a", "b", "c"]
    assert list(store.children("images", having=["zarr.json"])) == ["a", "b"]
    assert list(store.children("nothing")) == []


def test_delete_and_delete_tree(store) -> None:
    for key in ("a/b", "a/c/d", "ab"):
        store.put(key, b"x")
    assert store.delete("ab") is True
    store.delete_tree("a")
    store.delete_tree("a")
    assert list(store.list()) == []


def test_delete_tree_leaves_neighbours_of_like_name(store) -> None:
    store.put("a/b", b"x")
    store.put("ab/c", b"x")
    store.delete_tree("a")
    assert [found.key for found in store.list()] == ["ab/c"]


def test_put_tree_replaces_all_that_was_below(store) -> None:
    store.put_tree("a/data", {"zarr.json": b"1", "c/0/0": b"x", "c/0/1": b"y"}.items(), last="zarr.json")
    store.put_tree("a/data", {"zarr.json": b"2", "c/0/0": b"z"}.items(), last="zarr.json")
    assert {found.key: store.read(found.key)[0] for found in store.list()} == {
        "a/data/zarr.json": b"2",
        "a/data/c/0/0": b"z",
    }


def test_put_tree_writes_blobs_as_they_come(store, monkeypatch) -> None:
    monkeypatch.setattr("kymflow_zarr.store.object.BYTES_AT_ONCE", 2)
    expected = {f"c/{number}": b"x" * number for number in range(9)} | {"zarr.json": b"1"}
    store.put_tree("a", iter(expected.items()), last="zarr.json")
    assert {found.key[2:]: store.read(found.key)[0] for found in store.list()} == expected


def test_blobs_that_end_early_replace_nothing(store) -> None:
    def failing():
        yield "c/0", b"new"
        raise BrokenPipeError("whoever is told of the progress is gone")

    store.put_tree("a", {"zarr.json": b"old", "c/0": b"old"}.items(), last="zarr.json")
    with pytest.raises(BrokenPipeError, match="whoever is told"):
        store.put_tree("a", failing(), last="zarr.json")
    assert {found.key: store.read(found.key)[0] for found in store.list()} == {
        "a/zarr.json": b"old",
        "a/c/0": b"old",
    }


def test_is_empty(store) -> None:
    assert store.is_empty()
    store.put("a", b"")
    assert not store.is_empty()


CLIMBING = ["../x", "a/../../x", "/x", "", "a//b", "a\\b", "./a", "a/."]
CLIMBING += ["a/..", ".", "..", "/", "a/", "a\0b", "a/.b/../c"]


@pytest.mark.parametrize("key", CLIMBING)
def test_key_cannot_climb_out(store, key) -> None:
    for call in (
        lambda: store.put(key, b"x"),
        lambda: store.read(key),
        lambda: store.stat(key),
        lambda: store.delete(key),
        lambda: store.delete_tree(key),
        lambda: store.put_tree(key, {"a": b"x"}.items(), last="a"),
        lambda: store.update(key, lambda _: b"x"),
    ):
        with pytest.raises(InvalidNameError, match="is no key of a dataset"):
            call()
    assert store.is_empty()


# Updates


def test_update_creates_changes_and_leaves_alone(store) -> None:
    assert store.update("t", lambda present: None) is None
    assert store.is_empty() or [found.key for found in store.list()] == [".t.lock"]
    store.update("t", lambda present: (present or b"") + b"1")
    written = store.update("t", lambda present: (present or b"") + b"2")
    assert store.read("t") == (b"12", store.stat("t"))
    assert written.size == 2
    before = store.stat("t")
    store.update("t", lambda present: None)
    assert store.stat("t") == before


def test_updates_of_many_threads_all_count(store) -> None:
    def work() -> None:
        for _ in range(10):
            store.update("t", lambda present: b"%d" % (int(present or 0) + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read("t")[0] == b"40"


def test_failing_change_releases_the_lock_and_writes_nothing(store) -> None:
    store.put("t", b"old")

    def fail(_: bytes | None) -> bytes:
        raise ValueError("cannot merge")

    with pytest.raises(ValueError, match="cannot merge"):
        store.update("t", fail)
    assert store.read("t")[0] == b"old"
    store.update("t", lambda _: b"new", timeout_s=1)
    assert store.read("t")[0] == b"new"
