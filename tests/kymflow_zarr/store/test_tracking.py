"""The store that notes what it is asked for, and whether the answers still hold."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kymflow import ZarrDataset, ZarrImageRecord
from kymflow.testing.conformance.noting_store import NotingStore
from kymflow_zarr.errors import ReadOnlyError
from kymflow_zarr.store.base import Fingerprint, Store
from kymflow_zarr.store.comparison import compare
from kymflow_zarr.store.dependencies import Dependencies
from kymflow_zarr.store.local import LocalStore
from kymflow_zarr.store.tracking import Dependency, TrackingStore
from support.refreshing import HookedStore


@pytest.fixture
def store(dataset: ZarrDataset) -> Store:
    dataset.store.put("images/a/x", b"one")
    return dataset.store


def only(tracking: TrackingStore) -> Dependency:
    (seen,) = tracking.dependencies
    return seen


def look_again(store: Store, seen: Dependency) -> tuple[str, Dependency]:
    """What is different now, and the dependency as it was found now."""
    comparison = compare(store, Dependencies.of({"a": [seen]}))
    return comparison.differences[0].as_py(), comparison.now.decode(0)[0]


def holds(store: Store, *seen: Dependency) -> bool:
    return bool(compare(store, Dependencies.of({"a": seen})).holds[0])


def ask_content(store: Store) -> Dependency:
    tracking = TrackingStore(store)
    tracking.read("images/a/x")
    return only(tracking)


def test_what_was_read_is_noted_once_with_its_content(store: Store) -> None:
    tracking = TrackingStore(store)
    assert tracking.read("images/a/x")[0] == b"one"
    assert tracking.read("images/a/x")[0] == b"one"

    seen = only(tracking)
    assert (seen.key, seen.kind) == ("images/a/x", "content")
    assert seen.fingerprint is not None
    assert seen.fingerprint.size == 3
    assert len(seen.sha256) == 64
    assert holds(store, seen)


def test_what_is_absent_is_noted_too(store: Store) -> None:
    tracking = TrackingStore(store)
    with pytest.raises(FileNotFoundError, match="images/a/y"):
        tracking.read("images/a/y")

    seen = only(tracking)
    assert seen.fingerprint is None
    assert holds(store, seen)
    store.put("images/a/y", b"")
    assert look_again(store, seen) == ("appeared", seen)


def test_changed_and_deleted_are_told_apart(store: Store) -> None:
    seen = ask_content(store)
    store.put("images/a/x", b"two")
    assert look_again(store, seen)[0] == "changed"
    store.put("images/a/x", b"longer")
    assert look_again(store, seen)[0] == "changed"
    store.delete("images/a/x")
    assert look_again(store, seen)[0] == "deleted"


def test_the_same_bytes_written_again_hold_and_are_noted_anew(store: Store) -> None:
    seen = ask_content(store)
    store.put("images/a/x", b"one")
    found = store.stat("images/a/x")
    assert found is not None
    assert seen.fingerprint is not None

    difference, now = look_again(store, seen)
    assert difference == ""
    assert now.sha256 == seen.sha256
    assert now.seen_ns >= seen.seen_ns
    # An equal entity tag tells without reading: what was noted is as good as ever, whatever its time.
    same_tag = found.etag is not None and found.etag == seen.fingerprint.etag
    assert now.fingerprint == (seen.fingerprint if same_tag else found)


def ask_attributes(store: Store) -> Dependency:
    tracking = TrackingStore(store)
    with suppress(FileNotFoundError):
        tracking.read_attributes("images/a/.zattrs")
    return only(tracking)


def test_attributes_hold_while_only_the_calibration_is_another(store: Store) -> None:
    key = "images/a/.zattrs"
    store.put(key, b'{"axes": ["y", "x"]}')
    seen = ask_attributes(store)
    assert (seen.key, seen.kind) == (key, "attributes")
    store.put(key, b'{"axes": ["y", "x"], "scale": [0.5, 0.25], "multiscales": []}')
    difference, now = look_again(store, seen)
    assert (difference, now.fingerprint) == ("", store.stat(key))
    assert holds(store, now)
    store.put(key, b'{"axes": ["x", "y"]}')
    assert look_again(store, seen)[0] == "changed"
    store.delete(key)
    assert look_again(store, seen)[0] == "deleted"


def test_attributes_of_calibration_alone_are_as_good_as_none(store: Store) -> None:
    key = "images/a/.zattrs"
    absent = ask_attributes(store)
    assert (absent.kind, absent.fingerprint) == ("attributes", None)
    assert holds(store, absent)
    store.put(key, b'{"_ARRAY_DIMENSIONS": ["y", "x"]}')
    difference, now = look_again(store, absent)
    assert (difference, now.fingerprint) == ("", store.stat(key))
    store.delete(key)
    assert look_again(store, now)[0] == ""
    store.put(key, b'{"content_sha256": "00"}')
    assert look_again(store, absent)[0] == "appeared"
    assert look_again(store, now)[0] == "changed"


def test_attributes_that_change_between_two_reads_never_hold(store: Store) -> None:
    key = "images/a/.zattrs"
    store.put(key, b'{"axes": ["y", "x"]}')
    tracking = TrackingStore(store)
    tracking.read_attributes(key)
    store.put(key, b'{"axes": ["x", "y"]}')
    tracking.read_attributes(key)
    assert not holds(store, only(tracking))
    store.put(key, b'{"axes": ["y", "x"]}')
    assert not holds(store, only(tracking))


def test_only_whether_a_key_is_there_counts_if_only_that_was_asked(store: Store) -> None:
    tracking = TrackingStore(store)
    assert tracking.exists("images/a/x")
    seen = only(tracking)
    assert seen.kind == "presence"
    store.put("images/a/x", b"something else")
    assert holds(store, seen)
    store.delete("images/a/x")
    assert look_again(store, seen)[0] == "deleted"


def test_a_listing_holds_while_the_names_are_the_same(store: Store) -> None:
    tracking = TrackingStore(store)
    assert [found.key for found in tracking.list("images/a")] == ["images/a/x"]
    seen = only(tracking)
    assert seen.kind == "names"
    store.put("images/a/x", b"other")
    store.put("images/b/x", b"elsewhere")
    assert holds(store, seen)
    store.put("images/a/sub/y", b"")
    assert look_again(store, seen)[0] == "changed"
    store.delete("images/a/sub/y")
    assert holds(store, seen)


def test_children_hold_while_the_names_are_the_same(store: Store) -> None:
    tracking = TrackingStore(store)
    assert list(tracking.children("images")) == ["a"]
    store.put("images/b/x", b"")
    assert look_again(store, only(tracking))[0] == "changed"


def test_the_first_answer_counts(store: Store) -> None:
    tracking = TrackingStore(store)
    tracking.read("images/a/x")
    store.put("images/a/x", b"two")
    tracking.read("images/a/x")

    assert look_again(store, only(tracking))[0] == "changed"


def test_two_answers_to_one_question_never_hold(local: ZarrDataset) -> None:
    # Rows may be of both contents, even if the first one is back when the table is written.
    store = local.store
    store.put("images/a/x", b"one")
    tracking = TrackingStore(store)
    tracking.read("images/a/x")
    store.put("images/a/x", b"two")
    tracking.read("images/a/x")
    store.put("images/a/x", b"one")

    assert not holds(store, *tracking.dependencies)


@pytest.mark.parametrize(
    "write",
    [
        lambda record: record.save_array(np.zeros((2, 2))),
        lambda record: record.save_json("seen", {}),
        lambda record: record.save_metadata_payload({}),
        lambda record: record.save_df_parquet("seen", pd.DataFrame({"n": [1]})),
        lambda record: record.save_df_csv_gz("seen", pd.DataFrame({"n": [1]})),
        lambda record: record.save_array_artifact("seen", np.zeros(2)),
        lambda record: record.delete_analysis(),
    ],
    ids=["array", "json", "metadata", "parquet", "csv_gz", "array_artifact", "delete"],
)
def test_a_record_refuses_every_write_where_its_store_only_reads(
    dataset: ZarrDataset, write: Callable[[ZarrImageRecord], object]
) -> None:
    image_id = dataset.add_image(np.ones((2, 2))).image_id
    before = list(dataset.store.list())
    record = ZarrImageRecord(TrackingStore(dataset.store), image_id, zarr_format=dataset.zarr_format)
    with pytest.raises(ReadOnlyError, match=r"was opened read-only\. Within an indexer, nobody can"):
        write(record)
    assert list(dataset.store.list()) == before


@pytest.mark.parametrize(
    ("write", "key"),
    [
        (lambda store: store.put("images/a/x", b""), "images/a/x"),
        (lambda store: store.delete("images/a/x"), "images/a/x"),
        (lambda store: store.discard("images/a/x"), "images/a/x"),
        (lambda store: store.delete_tree("images/a"), "images/a"),
        (lambda store: store.put_tree("images/a", {"x": b""}.items(), last="x"), "images/a"),
        (lambda store: store.update("images/a/x", lambda present: b""), "images/a/x"),
    ],
    ids=["put", "delete", "discard", "delete_tree", "put_tree", "update"],
)
def test_a_noting_store_refuses_every_write_and_notes_it(
    store: Store, write: Callable[[Store], object], key: str
) -> None:
    noting = NotingStore(store)
    with pytest.raises(ReadOnlyError, match="cannot be written here: an indexer only reads"):
        write(noting)
    assert noting.refused == [key]
    assert store.read("images/a/x")[0] == b"one"


def test_a_settled_time_needs_no_reading(local: ZarrDataset) -> None:
    local.store.put("images/a/x", b"one")
    path = Path(local.path) / "images" / "a" / "x"
    long_ago = time.time_ns() - 100_000_000_000
    os.utime(path, ns=(long_ago, long_ago))
    read: list[str] = []
    store = HookedStore(local.path, lambda operation, key: read.append(operation))
    seen = ask_content(store)
    read.clear()
    assert holds(store, seen)
    assert read == ["before stat", "after stat"]


@pytest.mark.usefixtures("no_time_passes")
def test_a_young_time_is_read(local: ZarrDataset) -> None:
    local.store.put("images/a/x", b"one")
    seen = ask_content(local.store)
    path = Path(local.path) / "images" / "a" / "x"
    info = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

    assert look_again(local.store, seen)[0] == "changed"


@pytest.mark.usefixtures("no_time_passes")
def test_a_key_that_goes_between_look_and_read_is_deleted(local: ZarrDataset) -> None:
    local.store.put("images/a/x", b"one")
    seen = ask_content(local.store)

    def meanwhile(operation: str, key: str) -> None:
        if operation == "before read":
            local.store.delete(key)

    assert look_again(HookedStore(local.path, meanwhile), seen)[0] == "deleted"


@pytest.mark.usefixtures("no_time_passes")
def test_a_slow_reader_does_not_make_a_young_time_look_settled(
    local: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A write in the same tick, while the reader is still busy with what it has read.
    local.store.put("images/a/x", b"one")
    path = Path(local.path) / "images" / "a" / "x"
    info = path.stat()

    class SlowStore(LocalStore):
        def read(self, key: str) -> tuple[bytes, Fingerprint]:
            found = super().read(key)
            path.write_bytes(b"two")
            os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
            later_ns = time.time_ns() + 3600 * 10**9
            monkeypatch.setattr(time, "time_ns", lambda: later_ns)
            return found

    seen = ask_content(SlowStore(Path(local.path)))
    assert look_again(local.store, seen)[0] == "changed"
