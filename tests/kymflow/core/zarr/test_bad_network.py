"""A dataset over a bad network: nothing is lost, and what fails says why in a sentence."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow_zarr import KymflowError, StoreUnavailableError
from support.bad_network import HANG, LOST, LOST_HANG, RESET, STALE, TRUNCATED, BadNetwork, Fault
from support.refreshing import TABLE, CellsIndexer, assert_like_rebuild, assert_whole, cells, open_dataset
from support.simple_indexers import add_image

# One answer in ten is lost, one request in seven fails or breaks off, one in fifty gets no answer.
CHANCES: dict[Fault, float] = {
    **{LOST: 0.09, LOST_HANG: 0.01, TRUNCATED: 0.02},
    **{RESET: 0.05, 500: 0.05, 503: 0.05, HANG: 0.01},
}
RAW = ("<", "Generic", "Error performing", "max_retries", "Debug", "kind:")


@dataclass
class Lab:
    """A dataset that is worked on by lot; what it may hold after each operation that failed or did not."""

    kd: KymDataset
    lot: random.Random
    indexer: CellsIndexer = field(default_factory=CellsIndexer)
    # By image: which versions of its artifact and of its notes may be there; None: it may be absent.
    artifacts: dict[str, set[int | None]] = field(default_factory=dict)
    notes: dict[str, set[int | None]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    n_done: int = 0

    def work(self, n_operations: int) -> None:
        for number in range(n_operations):
            image_id = self.lot.choice("abcdef")
            operation = self.lot.choice([self.edit, self.edit, self.note, self.note, self.delete, self.look])
            try:
                operation(image_id, number)
                self.n_done += 1
            except KymflowError as error:
                self.failed.append(f"{type(error).__name__}: {error}")

    def edit(self, image_id: str, number: int) -> None:
        with may_be(self.artifacts, image_id, number):
            if not self.kd.ds.existing([image_id]):
                add_image(self.kd, image_id)
            self.kd.ds.record(image_id).save_df_parquet(TABLE, cells(number))
        self.kd.update_image(self.indexer, image_id)

    def note(self, image_id: str, number: int) -> None:
        rows = pd.DataFrame({"image_id": [image_id] * 2, "n": number})
        with may_be(self.notes, image_id, number):
            self.kd.ds.replace_rows_for_image_id("notes", image_id, rows)

    def delete(self, image_id: str, number: int) -> None:
        if self.kd.ds.existing([image_id]):
            with may_be(self.artifacts, image_id, None):
                self.kd.ds.delete_image(image_id)
        self.kd.refresh(self.indexer)

    def look(self, image_id: str, number: int) -> None:
        assert_whole(self.kd.refresh(self.indexer))
        if self.kd.ds.existing([image_id]):
            assert self.kd.ds.record(image_id).load_array().sum() == 66

    def check(self) -> None:
        """Assert, on a good network, that all is there that has to be."""
        ids = self.kd.ds.list_image_ids()
        for image_id, versions in self.artifacts.items():
            found = self.kd.ds.record(image_id).load_df_parquet(TABLE)["n"][0] if image_id in ids else None
            assert found in versions
        notes = self.kd.ds.load_table("notes").groupby("image_id")["n"].agg(list) if self.notes else {}
        for image_id, versions in self.notes.items():
            rows = notes.get(image_id)
            assert (None if rows is None else rows[0]) in versions
            assert rows is None or len(rows) == 2
        self.kd.refresh(self.indexer)
        assert_like_rebuild(self.kd, self.indexer)
        assert self.kd.plan(self.indexer).is_empty


class may_be:
    """What is written within is there afterwards; if it fails, that or what was there before."""

    def __init__(self, known: dict[str, set[int | None]], image_id: str, value: int | None) -> None:
        self.known, self.image_id, self.value = known, image_id, value

    def __enter__(self) -> None:
        self.known.setdefault(self.image_id, {None}).add(self.value)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.known[self.image_id] = {self.value}


def open_lab(bad_network: BadNetwork, seed: int) -> Lab:
    return Lab(open_dataset(bad_network.url), random.Random(seed))


def assert_all_say_why(failed: list[str]) -> None:
    for message in failed:
        assert not any(raw in message for raw in RAW), message
        assert message.endswith((".", "no harm.")), message


SEEDS = [(1, 10), *(pytest.param(seed, 60, marks=pytest.mark.long) for seed in range(2, 6))]


@pytest.mark.parametrize(("seed", "n_operations"), SEEDS)
def test_operations_over_a_bad_network_succeed(bad_network: BadNetwork, seed: int, n_operations: int) -> None:
    bad_network.patience(60, answer_s=1)
    lab, faults = open_lab(bad_network, seed), bad_network.faults
    faults.by_lot(seed, CHANCES)
    lab.work(n_operations)
    faults.none()
    assert (lab.failed, lab.n_done) == ([], n_operations)
    hit = sum(fault is not None for _, fault in faults.noted)
    assert hit > 0.15 * len(faults.noted) > 15
    lab.check()


@pytest.mark.parametrize(("seed", "n_operations"), SEEDS)
def test_what_fails_for_lack_of_patience_says_why_and_loses_nothing(
    bad_network: BadNetwork, seed: int, n_operations: int
) -> None:
    bad_network.patience(0.01, answer_s=0.5)
    lab, faults = open_lab(bad_network, seed), bad_network.faults
    faults.by_lot(seed, CHANCES)
    lab.work(n_operations)
    faults.none()
    assert lab.failed
    assert_all_say_why(lab.failed)
    bad_network.patience(60)
    lab.kd = open_dataset(bad_network.url)
    lab.check()


def test_a_server_that_goes_away_ends_a_run_and_fails_no_image(bad_network: BadNetwork) -> None:
    kd = open_dataset(bad_network.url)
    for image_id in "abc":
        add_image(kd, image_id).save_df_parquet(TABLE, cells(1))
    expected = kd.rebuild(CellsIndexer())
    bad_network.patience(0.2)
    kd = open_dataset(bad_network.url)
    bad_network.faults.next(RESET, "GET", f"/analysis/{TABLE}", times=1000)
    with pytest.raises(
        StoreUnavailableError, match=r"^cannot read 'images/\w/analysis/cells.parquet' in s3://"
    ):
        kd.rebuild(CellsIndexer(), on_error="skip")
    with pytest.raises(StoreUnavailableError, match="breaks off"):
        kd.check()
    bad_network.faults.none()
    pd.testing.assert_frame_equal(kd.get_table(TABLE), expected)


def test_a_ledger_out_of_reach_is_not_taken_for_a_lost_one(bad_network: BadNetwork) -> None:
    kd = open_dataset(bad_network.url)
    for image_id in "abc":
        add_image(kd, image_id).save_df_parquet(TABLE, cells(1))
    kd.rebuild(CellsIndexer())
    bad_network.patience(0.2)
    kd, indexer = open_dataset(bad_network.url), CellsIndexer()
    bad_network.faults.next(RESET, "GET", "/index/", times=1000)
    with pytest.raises(StoreUnavailableError, match=f"^cannot read 'index/{TABLE}/"):
        kd.update_image(indexer, "a")
    # Else all of them would be extracted anew.
    assert set(indexer.asked) <= {"a"}


def test_a_listing_that_is_late_is_made_up_for_by_the_next_one(bad_network: BadNetwork) -> None:
    kd, indexer = open_dataset(bad_network.url), CellsIndexer()
    kd.refresh(indexer)
    for image_id in "ab":
        add_image(kd, image_id).save_df_parquet(TABLE, cells(1))
    kd.refresh(indexer)
    # Listings tell of no images, as they did at first.
    bad_network.faults.by_lot(1, {STALE: 1.0})
    assert kd.ds.list_image_ids() == []
    kd.refresh(indexer)
    bad_network.faults.none()
    kd.refresh(indexer)
    assert kd.get_table(TABLE)["image_id"].unique().tolist() == ["a", "b"]
    assert_like_rebuild(kd, indexer)


def test_an_edit_of_a_table_whose_answer_is_lost_is_no_conflict(bad_network: BadNetwork) -> None:
    kd = open_dataset(bad_network.url)
    kd.ds.save_table("notes", pd.DataFrame({"image_id": ["a"], "n": [1]}))
    kd.load_tables(["notes"])
    kd.tables["notes"]["n"] = 2
    bad_network.faults.next(LOST, "PUT")
    kd.save_table("notes")
    assert kd.ds.load_table("notes")["n"].tolist() == [2]
    kd.tables["notes"]["n"] = 3
    kd.save_table("notes")
    assert kd.ds.load_table("notes")["n"].tolist() == [3]
