"""A row for every image: where it came from, its size, what was analysed, the experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kymflow import IndexerRegistry, KymDataset, ZarrImageRecord
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import ImagesIndexer, RadonReportIndexer, VelocityEventsIndexer

EXPERIMENT = ["condition", "treatment", "genotype", "sex", "date", "note", "depth", "branch_order"]


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    """A new dataset with the built-in indexers."""
    registry = IndexerRegistry(())
    for indexer in (ImagesIndexer(), RadonReportIndexer(), VelocityEventsIndexer()):
        registry.register(indexer)
    return KymDataset(tmp_path / "lab.zarr", "a", registry=registry)


def by_path(kd: KymDataset) -> dict[str, dict[str, Any]]:
    """Return the rows of table images as plain values, by source; None where a value is missing."""
    rows = kd.ds.load_table("images").to_dict("records")
    return {
        row["rel_path"]: {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in rows
    }


def row_of(record: ZarrImageRecord) -> dict[str, Any]:
    """Return the row of one record, missing values as None."""
    (row,) = ImagesIndexer().extract_rows(record).to_dict("records")
    return {name: None if pd.isna(value) else value for name, value in row.items()}


def bare(kd: KymDataset, **metadata: Any) -> ZarrImageRecord:
    record = kd.ds.add_image(np.zeros((6, 4), np.uint16))
    if metadata:
        record.save_metadata_payload(metadata)
    return record


# Real folders


@pytest.mark.slow
def test_the_real_folder_of_the_desktop_program(kd: KymDataset, shared_data: Path) -> None:
    kd.ingest_folder(shared_data / "kymograph_folder")
    rows = by_path(kd)

    assert len(rows) == 4
    row = rows["Capillary1_0001.tif"]
    assert (row["lines"], row["pixels"], row["n_channels"]) == (30000, 38, 1)
    assert row["duration_s"] == pytest.approx(35.099)
    assert row["length_um"] == pytest.approx(10.792)
    assert (row["n_rois"], row["n_events"], row["analysed"], row["accepted"]) == (3, 17, True, True)
    assert (row["genotype"], row["sex"], row["condition"]) == ("yyy", "Xxxy", None)
    assert row["acquired"] == pd.Timestamp("2022-11-02 12:30:15.461")
    assert (row["folder"], row["file_name"]) == ("kymograph_folder", "Capillary1_0001.tif")
    below = rows["28d AngII/20250722/20250722_A89_0003.tif"]
    assert (below["folder"], below["grandparent"]) == ("20250722", "28d AngII")
    never = rows["Capillary2.tif"]
    assert (never["analysed"], never["n_events"], never["n_rois"]) == (False, None, 0)
    expected = pd.read_csv(shared_data / "expected" / "velocity_events.csv")
    counts = expected.groupby("rel_path").size()
    assert {path: row["n_events"] for path, row in rows.items() if row["n_events"]} == counts.to_dict()


def test_the_real_folder_of_acqstore(kd: KymDataset, shared_data: Path) -> None:
    kd.ingest_folder(shared_data / "acqstore_folder")
    rows = by_path(kd)
    pool = pd.read_csv(shared_data / "expected" / "acqstore_velocity_pool.csv")

    for path, expected in pool.groupby("rel_path").first().iterrows():
        row = rows[str(path)]
        assert row["seconds_per_line"] == pytest.approx(expected["step_y"], rel=1e-12)
        assert row["um_per_pixel"] == pytest.approx(expected["step_x"], rel=1e-12)
        assert row["accepted"] == expected["accept"]
        assert (row["condition"] or "") == (expected["condition"] if pd.notna(expected["condition"]) else "")
    row = rows["AngII/day28/A89_0003.tif"]
    assert (row["genotype"], row["date"], row["note"]) == ("wt", "20250722", 'clean, "quoted"')
    assert row["acquired"] == pd.Timestamp("2025-07-22 12:14:20.091")


# Kept up to date


def test_a_renamed_file_changes_its_row_and_no_other(kd: KymDataset, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    images = simulate_folder(folder, 3, n_lines=200)
    kd.ingest_folder(folder)
    before = kd.get_table("images")

    images[0].tiff.rename(images[0].tiff.with_name("renamed.tif"))
    report = kd.ingest_folder(folder)

    table = kd.get_table("images")
    changed = report.tables["images"].updated
    assert len(changed) == 1
    assert set(table["image_id"]) == set(before["image_id"])
    assert table.loc[table["image_id"] == changed[0], "rel_path"].item() == "day 1/renamed.tif"


def test_a_second_file_of_the_same_content_is_a_duplicate_until_it_is_gone(
    kd: KymDataset, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    first = simulate_folder(folder, 1, n_lines=200)[0].tiff
    copy = first.with_name("z_copy.tif")
    copy.write_bytes(first.read_bytes())
    kd.ingest_folder(folder)
    of = {path: row["duplicate_of"] for path, row in by_path(kd).items()}

    assert of == {"day 1/capillary_0001.tif": None, "day 1/z_copy.tif": "day 1/capillary_0001.tif"}
    first.unlink()
    kd.ingest_folder(folder)
    assert by_path(kd)["day 1/z_copy.tif"]["duplicate_of"] is None


def test_an_event_more_counts_after_a_refresh(kd: KymDataset, tmp_path: Path) -> None:
    simulate_folder(tmp_path / "folder", 2, n_lines=500)
    kd.ingest_folder(tmp_path / "folder")
    table = kd.get_table("images")
    image_id = table.loc[table["n_events"] == 2, "image_id"].item()
    record = kd.ds.record(image_id)
    events = record.load_df_parquet("velocity_events")

    record.save_df_parquet("velocity_events", pd.concat([events, events.tail(1)], ignore_index=True))

    table = kd.refresh("images")
    assert table.loc[table["image_id"] == image_id, "n_events"].item() == 3
    assert kd.reports["images"].updated == [image_id]


def test_nothing_is_read_again_while_nothing_changes(kd: KymDataset, tmp_path: Path) -> None:
    simulate_folder(tmp_path / "folder", 3, n_lines=200)
    kd.ingest_folder(tmp_path / "folder")

    assert kd.plan("images").is_empty
    assert kd.ingest_folder(tmp_path / "folder").tables["images"].updated == []


# Odd records


def test_an_image_of_no_folder_has_a_row_of_its_pixels(kd: KymDataset) -> None:
    record = kd.ds.add_image(
        np.zeros((2, 6, 4), np.uint16),
        axes=["c", "y", "x"],
        scale=(1, 0.001, 0.25),
        units=(None, "second", "micrometer"),
    )

    row = row_of(record)

    assert row["rel_path"] is None
    assert (row["lines"], row["pixels"], row["n_channels"]) == (6, 4, 2)
    assert (row["seconds_per_line"], row["um_per_pixel"]) == (0.001, 0.25)
    assert (row["duration_s"], row["length_um"]) == (0.006, 1.0)
    assert (row["analysed"], row["accepted"], row["n_rois"], row["n_events"]) == (False, None, None, None)


def test_an_image_without_calibration_has_lines_and_pixels(kd: KymDataset) -> None:
    row = row_of(bare(kd))

    assert (row["lines"], row["pixels"]) == (6, 4)
    assert row["seconds_per_line"] is row["um_per_pixel"] is row["duration_s"] is row["length_um"] is None


def test_a_record_without_pixels_has_a_row(kd: KymDataset) -> None:
    record = bare(kd)
    kd.ds.store.delete_tree(f"images/{record.image_id}/data")

    assert row_of(record)["lines"] is None


@pytest.mark.parametrize(
    ("header", "seconds", "micrometers"),
    [
        ({"shape": [9, 3], "voxels": [0.5, 2]}, 0.5, 2.0),
        ({"shape": [9, 3], "voxels": [0.5, 2], "voxels_units": ["Seconds", "µm"]}, 0.5, 2.0),
        ({"shape": [9, 3], "voxels": [0.5, 2], "voxels_units": ["px", "px"]}, None, None),
        ({"shape": [9, 3], "voxels": [0, -1]}, None, None),
        ({"shape": [9, 3], "voxels": "unknown", "um_per_pixel": 2}, None, 2.0),
        ({"shape": [9, 3]}, None, None),
    ],
)
def test_the_header_tells_size_and_calibration(
    kd: KymDataset, header: dict[str, Any], seconds: float | None, micrometers: float | None
) -> None:
    row = row_of(bare(kd, header=header))

    assert (row["lines"], row["pixels"]) == (9, 3)
    assert (row["seconds_per_line"], row["um_per_pixel"]) == (seconds, micrometers)


@pytest.mark.parametrize("header", [None, [], {"shape": "6x4"}, {"shape": [6]}, {"shape": [6, "4"]}])
def test_another_header_leaves_it_to_the_pixels(kd: KymDataset, header: object) -> None:
    assert row_of(bare(kd, header=header))["lines"] == 6


def test_a_report_of_nothing_is_no_analysis(kd: KymDataset) -> None:
    record = bare(kd)
    report = pd.DataFrame({"roi_id": [1], "mean_velocity": [np.nan], "n_valid": [0]})

    record.save_df_parquet("radon_report", report)
    assert row_of(record)["analysed"] is False

    record.save_df_parquet("radon_report", report.assign(mean_velocity=1.5))
    assert row_of(record)["analysed"] is True


def test_events_in_other_forms_are_counted(kd: KymDataset) -> None:
    record = bare(kd)

    record.save_json("velocity_events", [{"roi_id": 1}, {"roi_id": 2}])
    assert (row_of(record)["n_events"], row_of(record)["analysed"]) == (2, True)

    record.save_df_parquet("velocity_events", pd.DataFrame({"roi_id": []}))
    assert row_of(record)["n_events"] == 0


# What a lab has in its experiment metadata


def test_whatever_the_experiment_metadata_have_is_a_column(kd: KymDataset) -> None:
    experiment = {
        "condition": "AngII",
        "treatment": "",
        "age": 12,
        "depth": "40.5",
        "branch_order": 3,
        "mouse": {"id": "A89", "cage": {"row": 2}},
        "tags": ["a", "b"],
        "lines": "our own",
        "imaged": True,
        "nothing": None,
    }

    row = row_of(bare(kd, experiment_metadata=experiment))

    assert (row["condition"], row["treatment"], row["age"]) == ("AngII", None, "12")
    assert (row["depth"], row["branch_order"]) == (40.5, 3.0)
    assert (row["mouse.id"], row["mouse.cage.row"]) == ("A89", 2)
    assert json.loads(row["tags"]) == ["a", "b"]
    assert (row["lines"], row["experiment.lines"], row["imaged"]) == (6, "our own", True)
    assert "nothing" not in row


def test_a_depth_that_is_no_number_is_kept_as_it_was_written(kd: KymDataset) -> None:
    row = row_of(bare(kd, experiment_metadata={"depth": "40-60 um", "branch_order": True}))

    assert (row["depth"], row["depth_as_written"]) == (None, "40-60 um")
    assert (row["branch_order"], row["branch_order_as_written"]) == (None, "true")


@pytest.mark.parametrize("experiment", [None, [], "text", 3])
def test_experiment_metadata_of_another_shape_are_none(kd: KymDataset, experiment: object) -> None:
    assert row_of(bare(kd, experiment_metadata=experiment))["condition"] is None


def test_images_of_different_labs_go_into_one_table(kd: KymDataset) -> None:
    bare(kd, experiment_metadata={"age": 12, "weight_g": 25})
    bare(kd, experiment_metadata={"age": "P60", "weight_g": 25.5, "cage": 3})
    bare(kd, accepted=False, rois=[{"roi_id": 1}, {"roi_id": 2}])

    table = kd.rebuild("images")

    assert kd.reports["images"].failed == {}
    assert sorted(table["weight_g"].dropna()) == [25.0, 25.5]
    assert sorted(table["age"].dropna()) == ["12", "P60"]
    assert table.loc[table["n_rois"] == 2, "accepted"].tolist() == [False]


HUGE = 10**400


@pytest.mark.parametrize(
    ("metadata", "column", "value"),
    [
        ({"experiment_metadata": {"depth": HUGE}}, "depth_as_written", str(HUGE)),
        ({"experiment_metadata": {"depth": "nan"}}, "depth_as_written", "nan"),
        ({"experiment_metadata": {"cells": 2**63}}, "cells", str(2**63)),
        ({"header": {"shape": [6, 4], "voxels": [HUGE, 1]}}, "seconds_per_line", None),
        ({"header": {"shape": [10**30, 4]}}, "lines", 6),
        ({"header": {"shape": [-3, 4]}}, "lines", 6),
    ],
)
def test_numbers_beyond_reason_cost_no_image_its_row(
    kd: KymDataset, metadata: dict[str, Any], column: str, value: object
) -> None:
    bare(kd, **metadata)

    kd.rebuild("images")

    (row,) = kd.ds.load_table("images").to_dict("records")
    assert (None if pd.isna(row[column]) else row[column]) == value


def test_a_name_that_is_no_text_fails_just_its_image(kd: KymDataset) -> None:
    bare(kd, accepted=True)
    odd = bare(kd)
    path = Path(kd.ds.path, "images", odd.image_id, "analysis", "metadata.json")
    path.parent.mkdir()
    path.write_text('{"experiment_metadata": {"\\ud800": 1}}')

    table = kd.rebuild("images", on_error="skip")

    assert len(table) == 1
    assert "its name is no UTF-8" in kd.reports["images"].failed[odd.image_id]


def test_names_that_meet_are_all_kept(kd: KymDataset) -> None:
    experiment = {"folder": "y", "experiment": {"folder": "x"}, "a": {"b": 1}, "a.b": 2}

    row = row_of(bare(kd, experiment_metadata=experiment))

    assert (row["experiment.folder"], row["experiment.experiment.folder"]) == ("y", "x")
    assert (row["a.b"], row["experiment.a.b"]) == (1, 2)
