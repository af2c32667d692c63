from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import obstore
import pytest

from kymflow_zarr import (
    InvalidNameError,
    LockTimeoutError,
    StoreError,
    StorePermissionError,
    _store_object,
)
from kymflow_zarr._store_object import ObjectStore
from kymflow_zarr.locations import open_store
from kymflow_zarr.store import SETTLED_AFTER_NS, Fingerprint, Store

HOLD_LOCK = """
import sys, time
from kymflow_zarr.locations import open_store
def change(present):
    print("held", flush=True)
    sys.stdin.readline()
    return b"theirs"
open_store(sys.argv[1]).update("tables/t.parquet", change)
"""


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, new_url) -> Store:
    return open_store(tmp_path / "root" if request.param == "local" else new_url(request.param))


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


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    return open_store(tmp_path / "root")


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


def test_missing_key(store) -> None:
    store.put("a/b", b"x")
    for key in ("nothing", "a", "a/b/c"):
        with pytest.raises(FileNotFoundError, match=f"no '{key}' in"):
            store.read(key)
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


def test_what_is_asked_for_ahead_comes_in_order(store) -> None:
    def ask(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    for n in (20, 2, 1, 0):
        with store.ahead(ask, range(n)) as answers:
            assert list(answers) == [number * number for number in range(n)]


def test_far_away_the_first_lots_are_fetched_at_once_and_the_next_while_one_is_made_use_of(
    object_url,
) -> None:
    begun: list[int] = []
    both = threading.Barrier(3)

    def ask(number: int) -> int:
        begun.append(number)
        if number < 2:
            # Neither goes on before the other has begun, and this thread has come so far.
            both.wait(20)
        return number

    with open_store(object_url).ahead(ask, iter(range(100))) as lots:
        both.wait(20)
        assert next(lots) == 0
        assert next(lots) == 1
        deadline = time.monotonic() + 20
        while len(begun) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    # Two are fetched while one is made use of; nobody wants the rest.
    assert sorted(begun) == [0, 1, 2, 3]


def test_what_nobody_waits_for_any_more_is_not_asked_for(object_url, monkeypatch) -> None:
    store = open_store(object_url)
    asked: list[int] = []
    begun, may_go_on = threading.Event(), threading.Event()

    def look(number: int) -> int:
        asked.append(number)
        begun.set()
        assert may_go_on.wait(20)
        return number

    def lot(first: int) -> int:
        return len(store.each(look, range(first, first + 500)))

    def interrupted() -> None:
        with store.ahead(lot, [0, 500, 1000]):
            assert begun.wait(20)
            raise KeyboardInterrupt

    class Pool(ThreadPoolExecutor):
        def shutdown(self, *how: bool, **more: bool) -> None:
            # What is under way ends by itself, when this is on its way out.
            may_go_on.set()
            super().shutdown(*how, **more)

    monkeypatch.setattr(_store_object, "ThreadPoolExecutor", Pool)
    before = threading.enumerate()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(asked) <= 2 * 64
    assert set(threading.enumerate()) <= set(before)


def test_on_a_disk_nothing_is_read_before_it_is_wanted(disk) -> None:
    begun: list[int] = []
    with disk.ahead(begun.append, range(10)) as lots:
        assert begun == []
        next(lots)
        assert begun == [0]


def test_a_failure_ahead_is_told_in_its_turn(store) -> None:
    def ask(number: int) -> int:
        if number == 2:
            raise StoreError("refused", dataset=store.url)
        return number

    with store.ahead(ask, range(5)) as lots:
        assert [next(lots), next(lots)] == [0, 1]
        with pytest.raises(StoreError, match="refused"):
            next(lots)


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
    survey = store.survey("images", "mark", "in")
    # "b" has no key of that name: what is called so is a folder.
    assert survey.names == list(store.children("images", having=["mark"])) == ["a", "c", "ä"]
    found = {
        key: Fingerprint(key, size, mtime_ns, etag)
        for key, size, mtime_ns, etag in zip(
            survey.keys, survey.sizes, survey.mtimes_ns, survey.etags, strict=True
        )
    }
    assert set(found) == {"images/a/in/x", "images/a/in/deep/y", "images/ä/in/é"}
    assert all(store.stat(key) == fingerprint for key, fingerprint in found.items())
    assert survey.seen_ns <= store.now_ns()


def test_a_survey_of_nothing_is_empty(store) -> None:
    survey = store.survey("images", "mark", "in")
    assert (survey.names, survey.keys, survey.sizes, survey.mtimes_ns, survey.etags) == ([], [], [], [], [])


def test_leftovers_are_found_at_any_depth_and_nothing_else(disk, tmp_path) -> None:
    disk.put("tables/x.parquet", b"x")
    root = tmp_path / "root"
    (root / "tables" / ".1.kymflow-tmp").write_bytes(b"half")
    (root / "images" / "a" / ".2.kymflow-tmp" / "deeper").mkdir(parents=True)
    (root / "images" / "a" / ".3.kymflow-tmp").symlink_to(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".4.kymflow-tmp").write_bytes(b"not ours")
    (root / "link").symlink_to(outside)

    found = disk.leftovers()

    keys = ["images/a/.2.kymflow-tmp", "images/a/.3.kymflow-tmp", "tables/.1.kymflow-tmp"]
    assert sorted(one.key for one in found) == keys
    for one in found:
        disk.delete_tree(one.key)
    assert disk.leftovers() == []
    assert disk.read("tables/x.parquet")[0] == b"x"
    assert outside.is_dir()


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
    store.put_tree("a/data", {"zarr.json": b"1", "c/0/0": b"x", "c/0/1": b"y"}, last="zarr.json")
    store.put_tree("a/data", {"zarr.json": b"2", "c/0/0": b"z"}, last="zarr.json")
    assert {found.key: store.read(found.key)[0] for found in store.list()} == {
        "a/data/zarr.json": b"2",
        "a/data/c/0/0": b"z",
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
        lambda: store.put_tree(key, {"a": b"x"}, last="a"),
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


def test_lock_timeout_says_who_holds_it(disk, start_python) -> None:
    other = start_python(HOLD_LOCK, disk.url)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(
        LockTimeoutError,
        match=rf"waited 0\.2 s for 'tables/t\.parquet' in .*root: process {other.pid} on \S+ \(since",
    ) as caught:
        disk.update("tables/t.parquet", lambda _: b"mine", timeout_s=0.2)
    assert caught.value.dataset == disk.url
    other.communicate("go on\n", timeout=300)
    assert other.returncode == 0
    assert disk.read("tables/t.parquet")[0] == b"theirs"


def test_killed_holder_blocks_nobody(disk, start_python) -> None:
    other = start_python(HOLD_LOCK, disk.url)
    assert other.stdout.readline() == "held\n"
    other.kill()
    other.wait(30)
    disk.update("tables/t.parquet", lambda _: b"mine", timeout_s=10)
    assert disk.read("tables/t.parquet")[0] == b"mine"


def test_object_store_timeout_tells_of_the_other_writers(object_url) -> None:
    store = open_store(object_url)

    def disturbed(_: bytes | None) -> bytes:
        store.put("t", uuid.uuid4().bytes)
        return b"mine"

    with pytest.raises(LockTimeoutError, match=r"waited 0\.1 s for 't' in (memory|s3)://.*first \d+ times"):
        store.update("t", disturbed, timeout_s=0.1)


# Atomic writes on the local disk


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_full_disk_leaves_the_old_bytes_and_no_litter(disk, disk_full, temporary_files, broken) -> None:
    disk.put("a/x.json", b"old")
    disk_full(broken)
    with pytest.raises(StoreError, match=r"cannot write 'a/x\.json' in .*root: No space left on device"):
        disk.put("a/x.json", b"new", flush=True)
    assert disk.read("a/x.json")[0] == b"old"
    assert temporary_files(disk.url) == []


def test_failing_update_leaves_the_old_bytes_and_no_litter(disk, disk_full, temporary_files) -> None:
    disk.put("t", b"old")
    disk_full("fsync")
    with pytest.raises(StoreError, match=r"cannot write 't' in .*No space left"):
        disk.update("t", lambda _: b"new")
    assert disk.read("t")[0] == b"old"
    assert temporary_files(disk.url) == []


@pytest.mark.parametrize("broken", ["rename", "open"])
def test_failing_put_tree_leaves_the_old_tree_and_no_litter(
    disk, monkeypatch, disk_full, temporary_files, broken
) -> None:
    disk.put_tree("a", {"zarr.json": b"old", "c/0": b"old"}, last="zarr.json")
    with monkeypatch.context():
        if broken == "rename":
            disk_full("rename")
        else:
            monkeypatch.setattr("kymflow_zarr._store_local._write_new", _fail_at_the_second_file())
        with pytest.raises(StoreError, match=r"cannot write 'a' in .*No space left"):
            disk.put_tree("a", {"zarr.json": b"new", "c/0": b"new"}, last="zarr.json")
    assert {found.key: disk.read(found.key)[0] for found in disk.list()} == {
        "a/zarr.json": b"old",
        "a/c/0": b"old",
    }
    assert temporary_files(disk.url) == []


def _fail_at_the_second_file():
    from kymflow_zarr._store_local import _write_new

    calls = []

    def write(path: str, data: bytes, *, flush: bool) -> os.stat_result:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return _write_new(path, data, flush=flush)

    return write


def test_second_rename_of_a_swap_fails_and_the_old_tree_comes_back(
    disk, monkeypatch, temporary_files
) -> None:
    disk.put_tree("a", {"zarr.json": b"old"}, last="zarr.json")
    rename = os.rename
    calls = []

    def fail_second(source: str, target: str) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_second)
    with pytest.raises(StoreError, match=r"cannot write 'a' in .*Input/output error"):
        disk.put_tree("a", {"zarr.json": b"new"}, last="zarr.json")
    assert disk.read("a/zarr.json")[0] == b"old"
    assert temporary_files(disk.url) == []


def test_refused_permission_is_a_permission_error(disk, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorePermissionError, match=r"cannot write 'x' in .*Permission denied"):
        disk.put("x", b"")


def test_only_flushed_writes_sync_file_and_folder(disk, monkeypatch) -> None:
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), fsync(descriptor)))
    disk.put("a", b"x")
    assert synced == []
    disk.put("a", b"y", flush=True)
    disk.update("a", lambda _: b"z")
    assert len(synced) == 4


def test_file_in_the_way_of_a_folder_is_an_error(disk) -> None:
    disk.put("a", b"file")
    with pytest.raises(StoreError, match="cannot write 'a/b' in"):
        disk.put("a/b", b"x")
    assert disk.read("a")[0] == b"file"


# Odd things on the local disk


def test_listing_goes_on_past_odd_entries(disk, caplog) -> None:
    disk.put("a/ok.json", b"x")
    folder = os.path.join(disk.url, "a")
    os.symlink("loop", os.path.join(folder, "loop"))
    os.symlink("nowhere", os.path.join(folder, "broken"))
    os.symlink(folder, os.path.join(folder, "again"))
    os.mkfifo(os.path.join(folder, "pipe"))
    with open(os.path.join(folder.encode(), b"\xff\xfe.json"), "wb"):
        pass
    with open(os.path.join(folder, ".left.kymflow-tmp"), "wb"):
        pass
    assert [found.key for found in disk.list()] == ["a/ok.json"]
    for word in ("loop", "broken link 'a/broken'", "again", "pipe", "no UTF-8"):
        assert word in caplog.text


def test_children_go_on_past_odd_entries(disk) -> None:
    disk.put("images/ok/zarr.json", b"{}")
    folder = os.path.join(disk.url, "images")
    os.symlink("loop", os.path.join(folder, "loop"))
    os.symlink("nowhere", os.path.join(folder, "broken"))
    os.symlink("ok", os.path.join(folder, "again"))
    os.mkdir(os.path.join(folder.encode(), b"\xff"))
    os.mkdir(os.path.join(folder, ".hidden"))
    with open(os.path.join(folder, ".DS_Store"), "wb"):
        pass
    assert list(disk.children("images")) == ["ok"]


def test_delete_tree_removes_links_and_keeps_their_targets(disk, tmp_path, tree) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.txt").write_text("precious")
    disk.put("a/b", b"x")
    os.symlink(outside, os.path.join(disk.url, "a", "folder"))
    os.symlink(outside / "x.txt", os.path.join(disk.url, "a", "file"))
    os.symlink(outside, os.path.join(disk.url, "b"))
    before = tree(outside)
    disk.delete_tree("a")
    disk.delete_tree("b")
    assert tree(outside) == before
    assert os.listdir(disk.url) == []


# Fingerprints

NOW_NS = 1_700_000_000_000_000_000
OLD = Fingerprint("k", 3, NOW_NS - SETTLED_AFTER_NS - 1)
YOUNG = Fingerprint("k", 3, NOW_NS - SETTLED_AFTER_NS)


@pytest.mark.parametrize(
    ("seen", "later", "expected"),
    [
        (OLD, OLD, True),
        (YOUNG, YOUNG, False),
        (OLD, None, False),
        (OLD, Fingerprint("k", 4, OLD.mtime_ns), False),
        (OLD, Fingerprint("k", 3, OLD.mtime_ns + 1), False),
        (Fingerprint("k", 3, NOW_NS, "e1"), Fingerprint("k", 3, NOW_NS + 5, "e1"), True),
        (Fingerprint("k", 3, NOW_NS, "e1"), Fingerprint("k", 3, NOW_NS, "e2"), False),
        (Fingerprint("k", 3, 0, "e1"), Fingerprint("k", 3, 0), False),
    ],
)
def test_what_proves_that_a_key_is_unchanged(seen, later, expected) -> None:
    assert seen.proves_unchanged(later, NOW_NS) is expected
