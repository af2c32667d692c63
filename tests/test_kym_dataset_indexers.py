"""The whole path once: three records, two tables, one edit, one image's rows updated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import IndexerRegistry, KymDataset
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer
from support.dtypes import TEXT

EVENTS = ["image_id", "roi_id", "event_id", "t0_s", "t1_s", "kind", "score"]
RADON = ["image_id", "mean_velocity", "median_velocity", "n_valid", "notes"]


def events(*starts_s: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "roi_id": 1,
            "event_id": [f"event-{number}" for number in range(len(starts_s))],
            "t0_s": starts_s,
            "t1_s": [start_s + 0.1 for start_s in starts_s],
            "kind": "baseline_drop",
            "score": -0.5,
        }
    )


def report(mean_velocity: float) -> dict[str, object]:
    return {"mean_velocity": mean_velocity, "median_velocity": 1.0, "n_valid": 100, "notes": "fine"}


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    """Three records: events for two, the radon report as a dict for two and as a table for one."""
    registry = IndexerRegistry(())
    registry.register(VelocityEventsIndexer())
    registry.register(RadonReportIndexer())
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry)
    first, second, third = sorted(
        (kd.ds.add_image(np.zeros((4, 3), np.uint16)) for _ in range(3)), key=lambda record: record.image_id
    )
    first.save_df_parquet("velocity_events", events(0.5, 1.5))
    second.save_df_parquet("velocity_events", events(2.5))
    first.save_json("radon_report", report(1.25))
    second.save_df_parquet("radon_report", pd.DataFrame([report(0.5), report(0.75)]))
    third.save_json("radon_report", report(2.0))
    return kd


@pytest.fixture
def image_ids(kd: KymDataset) -> list[str]:
    return kd.ds.list_image_ids()


def test_rebuild_makes_a_row_per_event_and_none_for_an_image_without(
    kd: KymDataset, image_ids: list[str]
) -> None:
    table = kd.rebuild("velocity_events")

    assert list(table.columns) == EVENTS
    assert list(table["image_id"]) == [image_ids[0], image_ids[0], image_ids[1]]
    assert list(table["t0_s"]) == [0.5, 1.5, 2.5]


def test_rebuild_takes_a_radon_report_as_dict_or_as_table(kd: KymDataset, image_ids: list[str]) -> None:
    table = kd.rebuild("radon_report")

    assert list(table.columns) == RADON
    assert list(table["image_id"]) == [image_ids[0], image_ids[1], image_ids[1], image_ids[2]]
    assert list(table["mean_velocity"]) == [1.25, 0.5, 0.75, 2.0]
    assert dict(table.dtypes.astype(str)) == {
        "image_id": TEXT,
        "mean_velocity": "float64",
        "median_velocity": "float64",
        "n_valid": "int64",
        "notes": TEXT,
    }


def test_update_image_changes_just_that_image_s_rows(kd: KymDataset, image_ids: list[str]) -> None:
    before = {name: kd.rebuild(name) for name in ("velocity_events", "radon_report")}
    edited = kd.ds.record(image_ids[1])
    edited.save_df_parquet("velocity_events", events(7.0, 8.0, 9.0))
    edited.save_df_parquet("radon_report", pd.DataFrame([report(9.5)]))

    after = {name: kd.update_image(name, image_ids[1]) for name in before}

    for name, table in before.items():
        others = table["image_id"] != image_ids[1]
        now_others = after[name]["image_id"] != image_ids[1]
        assert_frame_equal(
            after[name][now_others].reset_index(drop=True), table[others].reset_index(drop=True)
        )
        assert kd.reports[name].updated == [image_ids[1]]
        assert kd.reports[name].unchanged == 2
    changed = after["velocity_events"]["image_id"] == image_ids[1]
    assert list(after["velocity_events"].loc[changed, "t0_s"]) == [7.0, 8.0, 9.0]
    changed = after["radon_report"]["image_id"] == image_ids[1]
    assert list(after["radon_report"].loc[changed, "mean_velocity"]) == [9.5]


def test_an_artifact_that_is_not_updated_for_leaves_the_table_as_it_was(
    kd: KymDataset, image_ids: list[str]
) -> None:
    kd.rebuild("velocity_events")
    kd.ds.record(image_ids[0]).save_df_parquet("velocity_events", events(7.0))

    table = kd.update_image("velocity_events", image_ids[1])

    assert list(table["t0_s"]) == [0.5, 1.5, 2.5]


def test_tables_in_memory_equal_what_is_saved(kd: KymDataset, image_ids: list[str]) -> None:
    for name in ("velocity_events", "radon_report"):
        kd.rebuild(name)
        assert_frame_equal(kd.tables[name], kd.ds.load_table(name))
        kd.ds.record(image_ids[2]).save_df_parquet(name, pd.DataFrame({"roi_id": [5], "extra": ["kept"]}))
        kd.update_image(name, image_ids[2])
        assert_frame_equal(kd.tables[name], kd.ds.load_table(name))
        assert_frame_equal(kd.get_table(name), kd.ds.load_table(name))
    assert sorted(kd.tables) == ["radon_report", "velocity_events"]


def test_anybody_can_read_a_table_with_pandas_alone(kd: KymDataset) -> None:
    table = kd.rebuild("velocity_events")

    assert_frame_equal(pd.read_parquet(Path(kd.ds.path) / "tables" / "velocity_events.parquet"), table)
