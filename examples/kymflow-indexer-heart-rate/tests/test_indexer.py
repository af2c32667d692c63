from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kymflow import (
    DatasetIndexer,
    ExtractionError,
    IndexerRegistry,
    KymDataset,
    ZarrImageRecord,
    get_registry,
)
from kymflow.testing import IndexerContract, simulate_folder

from kymflow_indexer_heart_rate import HeartRateIndexer

# Of columns of text: str since pandas 3, object before.
TEXT = str(pd.Series(["a"]).dtype)


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    return KymDataset(tmp_path / "lab.zarr", mode="a", registry=IndexerRegistry(()))


@pytest.fixture
def record(kd: KymDataset) -> ZarrImageRecord:
    return kd.ds.add_image(np.zeros((4, 3), np.uint16))


def pulsating(roi_id: int, heart_hz: float, channel: int = 1) -> pd.DataFrame:
    time_s = np.arange(0, 4, 0.004)
    random = np.random.default_rng(roi_id)
    velocity = 0.8 + 0.1 * np.sin(2 * np.pi * heart_hz * time_s) + random.normal(0, 0.01, len(time_s))
    return pd.DataFrame({"roi_id": roi_id, "channel": channel, "time": time_s, "velocity": velocity})


class TestContract(IndexerContract):
    indexer = HeartRateIndexer()
    thorough = True

    def write_artifacts(self, record: ZarrImageRecord, number: int) -> None:
        traces = [pulsating(1, 5.0 + number), pulsating(2, 6.5 + number)]
        record.save_df_parquet("radon", pd.concat(traces[: 1 + number % 2]))


def test_the_indexer_is_installed() -> None:
    (info,) = [info for info in get_registry().list() if info.name == "heart_rate"]

    assert (info.status, info.distribution) == ("ok", "kymflow-indexer-heart-rate")
    assert isinstance(get_registry().get("heart_rate"), DatasetIndexer)


def test_every_roi_and_channel_has_its_own_heart_rate(kd: KymDataset, record: ZarrImageRecord) -> None:
    traces = [pulsating(2, 5.0), pulsating(1, 10.0), pulsating(2, 7.5, channel=2)]
    record.save_df_parquet("radon", pd.concat(traces).sample(frac=1, random_state=0))

    table = kd.rebuild(HeartRateIndexer())

    assert list(table.columns) == ["image_id", *(column.name for column in HeartRateIndexer.columns)]
    assert list(zip(table["roi_id"], table["channel"], strict=True)) == [(1, 1), (2, 1), (2, 2)]
    assert table["heart_rate_bpm"].tolist() == pytest.approx([600, 300, 450], abs=1)
    assert table["n_valid"].tolist() == [1000, 1000, 1000]
    assert table["problem"].isna().all()


def test_a_trace_without_heart_rate_has_missing_values_and_the_reason(
    kd: KymDataset, record: ZarrImageRecord
) -> None:
    record.save_df_parquet("radon", pulsating(1, 8.0).assign(velocity=np.nan))

    (row,) = kd.rebuild(HeartRateIndexer()).to_dict("records")

    assert row["problem"] == "no valid sample"
    assert row["n_valid"] == 0
    assert pd.isna([row["heart_rate_bpm"], row["peak_power"], row["snr"], row["duration_s"]]).all()


def test_a_trace_whose_roi_is_not_known_is_not_dropped(kd: KymDataset, record: ZarrImageRecord) -> None:
    record.save_df_parquet("radon", pulsating(1, 8.0).assign(roi_id=pd.array([None] * 1000, "Int64")))

    (row,) = kd.rebuild(HeartRateIndexer()).to_dict("records")

    assert pd.isna(row["roi_id"])
    assert row["heart_rate_bpm"] == pytest.approx(480, abs=1)


def test_an_image_without_trace_has_no_rows(kd: KymDataset, record: ZarrImageRecord) -> None:
    assert len(HeartRateIndexer().extract_rows(record)) == 0
    assert kd.rebuild(HeartRateIndexer()).dtypes.astype(str).to_dict() == {
        "image_id": TEXT,
        "roi_id": "int64",
        "channel": "int64",
        "heart_rate_bpm": "float64",
        "peak_power": "float64",
        "snr": "float64",
        "n_valid": "int64",
        "duration_s": "float64",
        "problem": TEXT,
    }


def test_a_trace_of_other_columns_is_refused_by_image_and_column(
    kd: KymDataset, record: ZarrImageRecord
) -> None:
    record.save_df_parquet("radon", pulsating(1, 8.0).rename(columns={"time": "t"}))

    with pytest.raises(
        ExtractionError, match=rf"{record.image_id}.* has no column 'time'; it has \['roi_id'"
    ):
        kd.rebuild(HeartRateIndexer())


def test_every_column_is_described_and_quantities_have_a_unit() -> None:
    units = {column.name: column.unit for column in HeartRateIndexer.columns}

    assert all(column.description for column in HeartRateIndexer.columns)
    assert units["heart_rate_bpm"] == "beats/min"
    assert units["duration_s"] == "s"


def test_an_edited_trace_changes_the_table_at_the_next_refresh(
    kd: KymDataset, record: ZarrImageRecord
) -> None:
    record.save_df_parquet("radon", pulsating(1, 8.0))
    kd.rebuild(HeartRateIndexer())
    record.save_df_parquet("radon", pulsating(1, 6.0))

    assert kd.refresh(HeartRateIndexer())["heart_rate_bpm"].tolist() == pytest.approx([360], abs=1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_simulated_lab_beats_at_8_hz(kd: KymDataset, tmp_path: Path, seed: int) -> None:
    images = simulate_folder(tmp_path / "lab", 7, seed=seed)
    kd.ingest_folder(tmp_path / "lab")

    table = kd.rebuild(HeartRateIndexer())

    assert len(table) == sum(image.analysed for image in images) == 6
    assert table["heart_rate_bpm"].tolist() == pytest.approx([480] * 6, abs=4)
