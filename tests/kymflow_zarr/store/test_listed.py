"""Listings of an object store: where they begin, in what order they come, and what they spare."""

from __future__ import annotations

import random
import uuid
from collections import Counter

import obstore
import pytest

from kymflow_zarr.store.locations import open_store
from kymflow_zarr.store.object import ObjectStore


def count_requests(monkeypatch) -> Counter[str]:
    """Count from now on what is asked of object stores."""
    asked: Counter[str] = Counter()

    def watch(name: str) -> None:
        call = getattr(obstore, name)

        def counted(*args, **how):
            asked[name] += 1
            return call(*args, **how)

        monkeypatch.setattr(obstore, name, counted)

    for name in ("head", "get", "put", "list", "delete"):
        watch(name)
    return asked


def test_a_listing_tells_of_absent_keys_in_few_requests(object_url, monkeypatch) -> None:
    store = open_store(object_url)
    for number in range(0, 100, 2):
        store.put(f"images/{number:03}/xy", b"")
    keys = [f"images/{number:03}/xy" for number in range(100)]
    asked = count_requests(monkeypatch)

    assert sorted(store.absent(keys)) == keys[1::2]
    assert [found is None for found in store.stat_many(keys)] == [False, True] * 50
    assert asked == Counter(list=2)


def test_few_keys_among_many_are_not_looked_for_in_listings_for_long(object_url, monkeypatch) -> None:
    store = open_store(object_url)
    for number in range(120):
        store.put(f"images/{number:03}/xy", b"")
    monkeypatch.setattr(ObjectStore, "_page", 10)
    monkeypatch.setattr(ObjectStore, "_worth_a_page", 5)
    keys = [f"images/{number:03}/xy" for number in range(0, 120, 6)]
    asked = count_requests(monkeypatch)

    assert list(store.absent(keys)) == []
    assert all(store.stat_many(keys))
    # One page each, which tells of two of them.
    assert asked == Counter(list=2, head=18)
    assert all(store.stat_many(keys[:4]))
    assert asked == Counter(list=2, head=22)


def test_tags_are_the_same_whether_a_listing_puts_them_in_quotes_or_not(s3_bucket, monkeypatch) -> None:
    store = open_store(f"{s3_bucket}/{uuid.uuid4().hex}")
    put = store.put("images/a/analysis/x", b"1")
    store.put("images/a/zarr.json", b"")
    list_keys = obstore.list

    def bare(*args, **how):
        for page in list_keys(*args, **how):
            yield [{**meta, "e_tag": meta["e_tag"].strip('"')} for meta in page]

    def quoted(*args, **how):
        for page in list_keys(*args, **how):
            yield [{**meta, "e_tag": '"' + meta["e_tag"].strip('"') + '"'} for meta in page]

    for listing in (bare, quoted):
        monkeypatch.setattr(obstore, "list", listing)
        listing = store.list_records("images", "zarr.json", "analysis")
        assert listing.etags == [put.etag] == [store.stat("images/a/analysis/x").etag]
    # A condition names the tag as the server gave it.
    store.update("images/a/analysis/x", lambda present: (present or b"") + b"2")
    assert store.read("images/a/analysis/x")[0] == b"12"


@pytest.mark.parametrize("seed", range(4))
def test_any_keys_are_looked_at_as_one_by_one(object_url, seed, monkeypatch) -> None:
    # Names of which some are the beginning of others: servers differ in how they order these.
    chance = random.Random(seed)
    store = open_store(object_url)
    names = ["a", "a-1", "a b", "a.b", "a+", "ab", "A", "b", "b-", "ö", "zarr.json"]
    some = sorted({"/".join(chance.choices(names, k=chance.choice([2, 3]))) for _ in range(150)})
    # What is a folder of others is no key.
    keys = [f"images/{key}" for key in some if not any(other.startswith(key + "/") for other in some)]
    for key in chance.sample(keys, len(keys) // 2):
        store.put(key, b"x")
    there = {found.key: found for found in store.list()}
    for page, stretch, worth in ((3, 7, 2), (10, 40, 1), (1000, 2000, 5)):
        for name, value in {"_page": page, "_stretch": stretch, "_worth_a_page": worth}.items():
            monkeypatch.setattr(ObjectStore, name, value)
        for asked in (keys, chance.sample(keys, 20)):
            assert list(store.stat_many(asked)) == [there.get(key) for key in asked]
            assert set(store.absent(asked)) <= set(asked) - there.keys()


@pytest.mark.parametrize("first", ["!", "a!", "-", "..x", ".x", "x"])
def test_keys_before_which_no_listing_can_begin_are_looked_at_all_the_same(
    object_url, first, monkeypatch
) -> None:
    monkeypatch.setattr(ObjectStore, "_worth_a_page", 1)
    store = open_store(object_url)
    keys = [f"images/a/{first}", "images/b/x", "images"]
    for key in keys[:2]:
        store.put(key, b"x")

    assert [found is not None for found in store.stat_many(keys)] == [True, True, False]
    assert set(store.absent(keys)) <= {"images"}
    assert [found is not None for found in store.stat_many(keys[:1])] == [True]


def test_an_unordered_listing_is_not_trusted(s3_bucket) -> None:
    assert open_store(f"{s3_bucket}/x")._lists_in_order
    assert not open_store("s3://lab--use1-az4--x-s3/x")._lists_in_order


@pytest.mark.parametrize("seed", range(4))
def test_a_listing_in_parts_finds_what_is_there(object_url, seed, monkeypatch) -> None:
    monkeypatch.setattr(ObjectStore, "_page", 5)
    chance = random.Random(seed)
    store = open_store(object_url)
    # Parts end near some of them; others are the beginning of one.
    names = ["0~", "080", "080-1", "0c0", "a", "a-1", "a b", "a.b", "A", "z", "ö"]
    names += [f"{number:03x}00000-0000-4000-8000-000000000000" for number in range(0, 4096, 100)]
    for name in chance.sample(names, 25):
        for rest in chance.sample(["zarr.json", "analysis/x", "analysis/y"], 2):
            store.put(f"images/{name}/{rest}", b"x")
    listed = store.list_records("images", "zarr.json", "analysis")
    there = sorted(name for name in names if store.exists(f"images/{name}/zarr.json"))
    assert listed.names == list(store.children("images", having=["zarr.json"])) == there
    found = {key: store.stat(key) for name in there for key in (f"images/{name}/analysis/{x}" for x in "xy")}
    etags = {key: one.etag for key, one in found.items() if one is not None}
    assert dict(zip(listed.keys, listed.etags, strict=True)) == etags
    assert len(listed.keys) == len(etags)
