"""What was read ahead is told as the store itself would."""

from __future__ import annotations

import pytest

from kymflow_zarr import ZarrDataset, ZarrImageRecord
from kymflow_zarr.store.base import Listing
from kymflow_zarr.store.comparison import compare
from kymflow_zarr.store.dependencies import Dependencies, same_contents
from kymflow_zarr.store.read_ahead import ReadAhead
from kymflow_zarr.store.tracking import Dependency, TrackingStore

NAMES = ("a.json", "b.parquet", "c.json")


@pytest.fixture
def filled(dataset: ZarrDataset) -> ZarrDataset:
    """Two images with some artifacts."""
    for image_id, artifacts in (("one", ("a", "c")), ("two", ("c",))):
        record = dataset.record(image_id)
        record.save_array([[1, 2], [3, 4]])
        for artifact in artifacts:
            record.save_json(artifact, {"of": image_id})
    return dataset


def keys(dataset: ZarrDataset) -> list[str]:
    return [f"images/{image_id}/analysis/{name}" for image_id in ("one", "two") for name in NAMES]


def ask(store: TrackingStore, image_id: str) -> tuple[list[object], list[Dependency]]:
    """Ask for everything in some order; return the answers and what was noted."""
    record = ZarrImageRecord(store, image_id)
    answers: list[object] = [record.has_artifact("c"), record.has_artifact("d"), record.get_source()]
    for name in ("a", "c"):
        answers.append(record.load_json(name) if record.has_artifact(name) else None)
    answers.append(record.get_attrs())
    return answers, store.dependencies


@pytest.mark.parametrize("listed", [False, True])
def test_answers_and_dependencies_are_those_of_the_store(filled: ZarrDataset, listed: bool) -> None:
    listing: Listing | None = filled.listing() if listed else None
    ahead = ReadAhead(filled.store, keys(filled), listing)

    for image_id in ("one", "two"):
        direct, noted = ask(TrackingStore(filled.store), image_id)
        found, also_noted = ask(TrackingStore(ahead), image_id)
        assert found == direct
        assert same_contents(noted, also_noted)
        assert compare(filled.store, Dependencies.of({image_id: also_noted})).holds.all()


def test_what_is_read_ahead_is_not_read_again(filled: ZarrDataset) -> None:
    ahead = ReadAhead(filled.store, keys(filled))
    before = ahead.read("images/one/analysis/a.json")
    filled.record("one").save_json("a", {"of": "somebody else"})

    assert ahead.read("images/one/analysis/a.json") == before
    with pytest.raises(FileNotFoundError, match="images/two/analysis/a.json"):
        ahead.read("images/two/analysis/a.json")


def test_a_write_after_the_reading_is_seen_by_the_comparison(filled: ZarrDataset) -> None:
    ahead = ReadAhead(filled.store, keys(filled), filled.listing())
    filled.record("one").save_json("a", {"of": "two"})
    _, noted = ask(TrackingStore(ahead), "one")

    assert not compare(filled.store, Dependencies.of({"one": noted})).holds.any()
