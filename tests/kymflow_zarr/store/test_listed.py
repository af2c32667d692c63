"""Listings of an object store: where they begin, in what order they come, and what they spare."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from unittest.mock import ANY

import obstore
import pytest

from kymflow_zarr.store.base import Fingerprint
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
        store.put(f"images/{number:03}/x", b"")
    keys = [f"images/{number:03}/x" for number in range(100)]
    asked = count_requests(monkeypatch)

    assert sorted(store.absent(keys)) == keys[1::2]
    assert [found is None for found in store.stat_many(keys)] == [False, True] * 50
    assert asked == Counter(list=2)


def test_few_keys_among_many_are_not_looked_for_in_listings_for_long(object_url, monkeypatch) -> None:
    store = open_store(object_url)
    for number in range(120):
        store.put(f"images/{number:03}/x", b"")
    monkeypatch.setattr(ObjectStore, "_page", 10)
    monkeypatch.setattr(ObjectStore, "_worth_a_page", 5)
    keys = [f"images/{number:03}/x" for number in range(0, 120, 6)]
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
        survey = store.survey("images", "zarr.json", "analysis")
        assert survey.etags == [put.etag] == [store.stat("images/a/analysis/x").etag]
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
        for whole in (True, False) if "memory" in object_url else (False,):
            store._sorts_whole_keys = whole
            for asked in (keys, chance.sample(keys, 20)):
                assert list(store.stat_many(asked)) == [there.get(key) for key in asked]
                assert set(store.absent(asked)) <= set(asked) - there.keys()


@pytest.mark.parametrize("seed", range(4))
def test_a_survey_is_the_same_whatever_was_listed_before(object_url, seed, monkeypatch) -> None:
    monkeypatch.setattr(ObjectStore, "_page", 5)
    chance = random.Random(seed)
    store = open_store(object_url)
    names = ["a", "a-1", "a b", "a.b", "ab", "b", "b-", "ö", *(f"{number:02}" for number in range(12))]
    keys = [f"images/{name}/{rest}" for name in names for rest in ("zarr.json", "analysis/x", "analysis/y")]
    for _ in range(6):
        for key in chance.sample(keys, 15):
            store.put(key, b"x")
        for key in chance.sample(keys, chance.choice([0, 10, len(keys)])):
            store.discard(key)
        likely = chance.sample([*names, "a-b", "zz", "A", "00a", "ö-1"], chance.randrange(len(names)))
        again, anew, told = (
            one.survey("images", "zarr.json", "analysis", hint)
            for one, hint in (
                (store, None),
                (open_store(object_url), None),
                (open_store(object_url), lambda likely=likely: likely),
            )
        )
        there = sorted(name for name in names if store.exists(f"images/{name}/zarr.json"))
        assert again.names == anew.names == told.names == there
        etags = [dict(zip(one.keys, one.etags, strict=True)) for one in (again, anew, told)]
        assert etags[0] == etags[1] == etags[2]
        assert len(again.keys) == len(set(again.keys))
        assert list(store.children("images", having=["zarr.json"])) == again.names


def test_what_was_listed_before_is_listed_side_by_side(object_url, monkeypatch) -> None:
    monkeypatch.setattr(ObjectStore, "_page", 10)
    store = open_store(object_url)
    for number in range(20):
        store.put(f"images/{number:02}/zarr.json", b"")
        store.put(f"images/{number:02}/analysis/x", b"")
    begun = []
    list_pages = type(store)._pages

    def noted(store: ObjectStore, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        begun.append(after)
        return list_pages(store, prefix, after)

    monkeypatch.setattr(type(store), "_pages", noted)

    first = store.survey("images", "zarr.json", "analysis")
    assert begun == [None]
    assert store.survey("images", "zarr.json", "analysis").keys == first.keys
    assert begun.count(None) == 2
    assert sorted(begun[2:]) == [f"images/{number}/zarr.json" for number in ("04", "09", "14")]
    # What is new between two ends of pages, and beyond the last one, is found.
    for number in ("020", "05b", "30"):
        store.put(f"images/{number}/zarr.json", b"")
    names = store.survey("images", "zarr.json", "analysis").names
    assert names == sorted([*first.names, "020", "05b", "30"])


def test_a_first_listing_is_made_from_several_places_if_names_are_likely(
    object_url, monkeypatch, wait_for_likely_names
) -> None:
    monkeypatch.setattr(ObjectStore, "_page", 10)
    store = open_store(object_url)
    for number in range(40):
        store.put(f"images/{number:02}/zarr.json", b"")
        store.put(f"images/{number:02}/analysis/x", b"")
    alone = open_store(object_url).survey("images", "zarr.json", "analysis")
    asked = count_requests(monkeypatch)
    begun = []
    list_pages = type(store)._pages

    def noted(store: ObjectStore, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        begun.append(after)
        for page in list_pages(store, prefix, after):
            yield page
            if begun == [None]:
                # The second page comes when the names have been told.
                wait_for_likely_names()

    monkeypatch.setattr(type(store), "_pages", noted)

    def likely() -> list[str]:
        # In no order, and not all of them.
        return [f"{number:02}" for number in reversed(range(40)) if number % 7]

    assert store.survey("images", "zarr.json", "analysis", likely) == replace(alone, seen_ns=ANY)
    # Two pages had 8 of 34 names; the other 26 go into 7 parts.
    assert begun[0] is None
    assert sorted(begun[1:]) == [f"images/{number:02}/zarr.json" for number in (9, 13, 18, 23, 26, 31, 36)]
    assert asked["list"] == len(begun)

    def unwanted() -> list[str]:
        raise AssertionError("what was listed before needs no names")

    # Now it is known where pages end, which had up to ten keys.
    begun.clear()
    assert store.survey("images", "zarr.json", "analysis", unwanted).names == alone.names
    assert len(begun) <= 9
    # A listing of one page, or of none, needs no names either.
    assert store.survey("image", "zarr.json", "analysis", unwanted).names == []
    monkeypatch.setattr(ObjectStore, "_page", 81)
    assert open_store(object_url).survey("images", "zarr.json", "analysis", unwanted).names == alone.names


def test_a_listing_goes_on_while_likely_names_are_waited_for(object_url, monkeypatch) -> None:
    monkeypatch.setattr(ObjectStore, "_page", 4)
    store = open_store(object_url)
    names = [f"{number:02}" for number in range(20)]
    for name in names:
        store.put(f"images/{name}/zarr.json", b"")
    all_listed = threading.Event()
    list_pages = type(store)._pages

    def noted(store: ObjectStore, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        yield from list_pages(store, prefix, after)
        all_listed.set()

    monkeypatch.setattr(type(store), "_pages", noted)

    def slow() -> list[str]:
        assert all_listed.wait(20), "the listing waits for the names"
        return names

    assert store.survey("images", "zarr.json", "analysis", slow).names == names


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


def test_where_orders_differ_a_whole_listing_tells(object_url, monkeypatch) -> None:
    for name, value in {"_page": 20, "_worth_a_page": 5}.items():
        monkeypatch.setattr(ObjectStore, name, value)
    store = open_store(object_url)
    store._sorts_whole_keys = False
    # Each is the beginning of the next: no two of them in a row have one order everywhere.
    keys = [f"images/{number:02}{end}/x" for number in range(30) for end in ("", "-b")]
    for key in keys[::3]:
        store.put(key, b"x")
    names = [key.split("/")[1] for key in keys[::3]]
    assert sorted(store.children("images", having=["x"])) == sorted(names)
    asked = count_requests(monkeypatch)

    assert [found is not None for found in store.stat_many(keys)] == [True, False, False] * 20
    assert asked == Counter(list=1)


def test_only_amazon_is_trusted_to_sort_whole_keys(s3_bucket, monkeypatch) -> None:
    assert open_store("memory://x")._sorts_whole_keys
    assert not open_store(f"{s3_bucket}/x")._sorts_whole_keys
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert open_store(f"{s3_bucket}/x")._sorts_whole_keys


def test_an_unordered_listing_is_not_trusted(s3_bucket) -> None:
    assert open_store(f"{s3_bucket}/x")._lists_in_order
    assert not open_store("s3://lab--use1-az4--x-s3/x")._lists_in_order
