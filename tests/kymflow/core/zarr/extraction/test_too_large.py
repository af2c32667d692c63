"""Artifacts that decode to too much: the failure of their image, read in bulk or one by one."""

from __future__ import annotations

from typing import ClassVar

import pandas as pd
import pytest

from kymflow import ArtifactIndexer, KymDataset, ZarrImageRecord
from kymflow_zarr import limits
from kymflow_zarr.errors import ArtifactNotFoundError
from support.bombs import LIMIT, all_bombs, wide
from support.raw_artifacts import put
from support.simple_indexers import add_image

BOMBS = {**all_bombs(), **wide()}


class InBulk(ArtifactIndexer):
    name: ClassVar[str] = "events"


class OneByOne:
    name = table_name = "events"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        for load in (rec.load_df_parquet, rec.load_json, rec.load_df_csv_gz):
            try:
                return pd.DataFrame(load("events"), index=None if load != rec.load_json else [0])
            except ArtifactNotFoundError:
                continue
        return pd.DataFrame()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    kd = KymDataset(tmp_path_factory.mktemp("too-large") / "lab.zarr", mode="a")
    for image_id in "abc":
        add_image(kd, image_id).save_df_parquet("events", pd.DataFrame({"n": [1]}))
    return kd


# An indexer of one's own may read any number of names, and make few columns of them.
MET = [(InBulk, kind) for kind in BOMBS] + [(OneByOne, kind) for kind in BOMBS if "names of" not in kind]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "kind"), MET)
def test_it_is_the_failure_of_its_image(
    lab: KymDataset, make: type[InBulk | OneByOne], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix, data = BOMBS[kind]
    record = lab.ds.record("b")
    record.delete_analysis()
    put(record, f"events{suffix}", data)
    if kind in all_bombs():
        monkeypatch.setenv(limits.SETTING, str(LIMIT))

    table = lab.rebuild(make(), on_error="skip")

    assert table["image_id"].tolist() == ["a", "c"]
    (cause,) = lab.reports["events"].failed.values()
    assert "image 'b'" in cause
    assert any(said in cause for said in ("at most", "it has 10001 columns", "its first line goes on"))


@pytest.mark.slow
def test_a_check_names_each_image_and_goes_on(lab: KymDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.SETTING, str(LIMIT))
    record = lab.ds.record("b")
    record.delete_analysis()
    for number, (suffix, data) in enumerate(all_bombs().values()):
        put(record, f"bomb{number}{suffix}", data)

    problems = [one for one in lab.check().problems if one.kind == "unreadable artifact"]

    assert len(problems) == len(all_bombs())
    assert {one.image_id for one in problems} == {"b"}
    assert all("at most" in one.message for one in problems)
