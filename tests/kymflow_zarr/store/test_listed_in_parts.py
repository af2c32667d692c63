"""Listings in parts, against pretended servers of each order: what is found, in how many requests."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow_zarr.layout import is_name
from kymflow_zarr.store.base import Fingerprint
from kymflow_zarr.store.object import ObjectStore

Order = Literal["whole keys", "by folder", "none"]
ORDERS: tuple[Order, ...] = ("whole keys", "by folder", "none")


@pytest.fixture(autouse=True, scope="module")
def _open_to_all() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SKIP_SIGNATURE", "true")
        yield


class Bucket(ObjectStore):
    """Keys of a server that counts requests: one for each page of a listing, and one for each key."""

    def __init__(self, keys: Iterable[str], order: Order = "whole keys", *, page: int = 1000) -> None:
        super().__init__("s3://lab--x-s3/x" if order == "none" else "memory://lab")
        self._page = page
        self._by_folder = order == "by folder"
        self._keys = sorted(keys, key=self._rank)
        if order == "none":
            random.Random(0).shuffle(self._keys)
        # How many pages each listing took, in the order in which they were begun.
        self.listings: list[int] = []
        self.asked: list[str] = []

    def _rank(self, key: str) -> list[str]:
        return key.split("/") if self._by_folder else [key]

    def _pages(self, prefix: str, after: str | None = None) -> Iterator[Sequence[Fingerprint]]:
        keys = [key for key in self._keys if not prefix or key.startswith(prefix + "/")]
        if after is not None:
            keys = [key for key in keys if self._rank(key) > self._rank(after)]
            if self._by_folder:
                # SeaweedFS does so.
                keys = [key for key in keys if not key.startswith(after + "/")]
        place = len(self.listings)
        self.listings.append(1)
        for start in range(0, len(keys), self._page):
            self.listings[place] = 1 + start // self._page
            yield [Fingerprint(key, 1, 1, key) for key in keys[start : start + self._page]]

    def stat(self, key: str) -> Fingerprint | None:
        self.asked.append(key)
        return Fingerprint(key, 1, 1, key) if key in self._keys else None


def lab_keys(n_images: int) -> list[str]:
    """Four objects for each image, and a table."""
    chance = random.Random(0)
    ids = [uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(n_images)]
    names = ("analysis/report.json", "data/c/0/0", "data/zarr.json", "zarr.json")
    return [*(f"images/{image_id}/{name}" for image_id in ids for name in names), "tables/t.parquet"]


@pytest.mark.slow
@pytest.mark.parametrize("order", ["whole keys", "by folder"])
@pytest.mark.parametrize(
    ("n_images", "n_requests", "chain"),
    # Four objects each: 1, 2, 8 and 40 pages are needed.
    [(249, 1, 1), (500, 3, 2), (2000, 10, 2), (10_000, 48, 3)],
)
def test_after_its_first_page_a_long_listing_is_made_in_parts(
    n_images: int, n_requests: int, chain: int, order: Order
) -> None:
    bucket = Bucket(lab_keys(n_images), order)
    listing = bucket.list_records("images", "zarr.json", "analysis")

    assert len(listing.names) == len(listing.keys) == n_images
    first, *parts = bucket.listings
    assert first == 1
    assert len(parts) <= 64
    assert (sum(bucket.listings), first + max(parts, default=0)) == (n_requests, chain)


@pytest.mark.parametrize("name", ["cell {:04}", "{:08d}", "2024-01-{:05}"])
def test_names_that_are_not_spread_evenly_are_listed_page_after_page(name: str) -> None:
    bucket = Bucket(f"images/{name.format(number)}/zarr.json" for number in range(2500))
    assert len(bucket.list_records("images", "zarr.json", "analysis").names) == 2500
    assert bucket.listings == [1, 2]


def test_nothing_is_listed_in_one_request() -> None:
    bucket = Bucket([])
    assert bucket.list_records("images", "zarr.json", "analysis").names == []
    assert bucket.listings == [1]


def test_where_there_is_no_order_pages_follow_each_other() -> None:
    bucket = Bucket(lab_keys(1000), "none")
    assert len(bucket.list_records("images", "zarr.json", "analysis").names) == 1000
    assert bucket.listings == [4]


@pytest.mark.slow
@pytest.mark.parametrize("order", ["whole keys", "by folder"])
def test_many_keys_are_looked_up_a_page_at_a_time(order: Order) -> None:
    keys = lab_keys(10_000)
    there = [key for key in keys if key.endswith("/zarr.json") and "/data/" not in key]
    absent = [key.replace("zarr.json", "analysis/none.json") for key in there]
    bucket = Bucket(keys, order)

    assert [found is None for found in bucket.stat_many(there + absent)] == [False] * 10_000 + [True] * 10_000
    # Half a page tells of 250 keys there and of as many that are not.
    assert (len(bucket.listings), max(bucket.listings), sum(bucket.listings)) == (40, 1, 40)
    assert bucket.asked == []


@pytest.mark.parametrize(
    ("order", "first", "second"), [("whole keys", "04-", "04"), ("by folder", "04", "04-")]
)
def test_a_key_that_this_server_lists_later_is_not_missed(order: Order, first: str, second: str) -> None:
    asked = ["images/00/xy", f"images/{second}/xy"]
    bucket = Bucket([*asked, f"images/{first}/xy"], order, page=2)
    bucket._worth_a_page = 2
    assert None not in bucket.stat_many(asked)


# Parts end at these digits; some names are the beginning of others, or of a part.
names = st.one_of(
    st.text(st.sampled_from("048c-.é~"), min_size=1, max_size=4).filter(is_name),
    # Servers order what follows a beginning of these before it, or after it.
    st.sampled_from(["04", "04-", "04-8", "04.8", "040"]),
    st.text("048c", min_size=3, max_size=3),
    st.builds("{}00000-0000-4000-8000-0".format, st.text("048c", min_size=3, max_size=3)),
)
rests = st.sampled_from(["zarr.json", "in/xy", "in-2/xy", "in.json"])
keys = st.sets(st.builds("images/{}/{}".format, names, rests), max_size=60)


@given(keys, st.sampled_from(ORDERS), st.integers(1, 7))
@settings(deadline=None, max_examples=400)
def test_every_key_of_any_name_is_in_exactly_one_part(there: set[str], order: Order, page: int) -> None:
    bucket = Bucket(there, order, page=page)
    listing = bucket.list_records("images", "zarr.json", "in")

    parted = [key.split("/", 2) for key in there]
    marked = sorted(name for _, name, rest in parted if rest == "zarr.json")
    below = ["/".join(parts) for parts in parted if parts[1] in marked and parts[2].startswith("in/")]
    assert listing.names == list(bucket.children("images", having=["zarr.json"])) == marked
    assert bucket.children("images") == sorted({name for _, name, _ in parted})
    assert sorted(listing.keys) == sorted(below)


@given(keys, keys, st.integers(1, 3), st.sampled_from(ORDERS), st.integers(1, 7), st.integers(2, 9))
@settings(deadline=None, max_examples=400)
def test_many_keys_are_looked_up_as_each_by_itself(
    there: set[str], others: set[str], every: int, order: Order, page: int, stretch: int
) -> None:
    bucket = Bucket(there, order, page=page)
    bucket._worth_a_page, bucket._stretch = 2, stretch
    asked = [*others, *sorted(there - others)[::every]]

    assert [found is not None for found in bucket.stat_many(asked)] == [key in there for key in asked]
    assert set(bucket.absent(asked)) <= set(asked) - there
