"""Artifacts that decode to more than one may: each is an error of its image."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import obstore
import pandas as pd
import pytest

from kymflow_zarr import ArtifactError, StoreError, ZarrDataset, ZarrImageRecord, limits
from kymflow_zarr.formats import documents
from support.bombs import LIMIT, all_bombs, wide
from support.raw_artifacts import put

BOMBS = all_bombs()


@pytest.fixture
def dataset(tmp_path: Path) -> ZarrDataset:
    return ZarrDataset(tmp_path / "lab.zarr")


def _load(record: ZarrImageRecord, suffix: str) -> Callable[[str], object]:
    loads = {".parquet": record.load_df_parquet, ".csv.gz": record.load_df_csv_gz}
    return loads.get(suffix, record.load_json)


@pytest.mark.parametrize("kind", BOMBS)
def test_an_artifact_that_decodes_to_much_is_refused(
    dataset: ZarrDataset, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = dataset.add_image([[0, 1], [2, 3]])
    suffix, data = BOMBS[kind]
    put(record, f"events{suffix}", data)
    monkeypatch.setenv(limits.SETTING, str(LIMIT))

    with pytest.raises((ArtifactError, StoreError), match=r"at most .* are taken") as caught:
        _load(record, suffix)("events")
    assert f"events{suffix}'" in str(caught.value)
    assert record.image_id in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind, (suffix, _) in wide().items() if suffix != ".json"])
def test_an_artifact_of_too_many_columns_is_refused(dataset: ZarrDataset, kind: str) -> None:
    record = dataset.add_image([[0, 1], [2, 3]])
    suffix, data = wide()[kind]
    put(record, f"events{suffix}", data)

    with pytest.raises(ArtifactError, match="it has 10001 columns|its first line goes on"):
        _load(record, suffix)("events")


def test_what_memory_does_not_suffice_for_is_refused(
    dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = dataset.add_image([[0, 1], [2, 3]])
    record.save_json("events", {"n": 1})
    record.save_df_csv_gz("old", pd.DataFrame({"n": [1]}))

    def exhausted(*args: object, **options: object) -> object:
        raise MemoryError

    monkeypatch.setattr(documents.json, "loads", exhausted)
    monkeypatch.setattr(documents.pd, "read_csv", exhausted)

    with pytest.raises(ArtifactError, match=r"'events.json' .* it does not fit into memory"):
        record.load_json("events")
    with pytest.raises(ArtifactError, match=r"'old.csv.gz' .* it does not fit into memory"):
        record.load_df_csv_gz("old")


@pytest.mark.skipif(os.name == "nt", reason="a file with a hole needs a system that makes them")
@pytest.mark.parametrize("suffix", [".parquet", ".json", ".json.gz", ".csv.gz"])
def test_a_file_beyond_the_limit_is_not_read(dataset: ZarrDataset, suffix: str) -> None:
    record = dataset.add_image([[0, 1], [2, 3]])
    put(record, f"events{suffix}", b"")
    key = f"images/{record.image_id}/analysis/events{suffix}"
    with (Path(dataset.path) / key).open("wb") as file:
        file.truncate(2**40)

    with pytest.raises(StoreError, match=f"cannot read '{key}' .* it takes 1.1 TB"):
        _load(record, suffix)("events")


class _Unfetched:
    """The answer of an object store whose content must not be asked for."""

    def __init__(self, answer: obstore.GetResult) -> None:
        self.meta, self.attributes = answer.meta, answer.attributes


@pytest.mark.parametrize("suffix", [".parquet", ".json", ".json.gz", ".csv.gz"])
def test_an_object_beyond_the_limit_is_not_fetched(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record = ZarrDataset(f"memory://large{suffix}").add_image([[0, 1], [2, 3]])
    put(record, f"events{suffix}", b"0" * 5000)
    monkeypatch.setenv(limits.SETTING, "4000")
    get = obstore.get
    monkeypatch.setattr(obstore, "get", lambda *asked: _Unfetched(get(*asked)))

    with pytest.raises(StoreError, match=f"cannot read '.*events{suffix}' .* it takes 5000 bytes"):
        _load(record, suffix)("events")


def test_a_table_of_any_size_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = ZarrDataset("memory://large-table")
    dataset.save_table("events", pd.DataFrame({"image_id": ["a"] * 100}))
    monkeypatch.setenv(limits.SETTING, "100")

    assert len(dataset.load_table("events")) == 100
