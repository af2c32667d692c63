"""Commands: show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import KymDataset
from support.command_line import Run, one_line, read_json
from support.simple_indexers import add_image, frame


def test_show_tells_what_a_dataset_has(run: Run, lab: Path) -> None:
    out = run("show", lab).stdout
    assert "4 images, Zarr v3" in out
    assert "indexer radon_report (schema version 1) of kymflow-indexers-builtin 1.0.0" in out

    content = read_json(run("show", lab, "--json"))
    assert content["images"] == 4
    assert [table["name"] for table in content["tables"]] == ["images", "radon_report", "velocity_events"]
    column = next(c for c in content["tables"][0]["columns"] if c["name"] == "mean_velocity")
    assert column == {
        "name": "mean_velocity",
        "type": "double",
        "unit": "mm/s",
        "description": "Mean of the valid velocities",
    }


def test_show_of_an_empty_dataset(run: Run, tmp_path: Path) -> None:
    KymDataset(tmp_path / "empty.zarr", mode="a")

    assert "0 images" in run("show", tmp_path / "empty.zarr").stdout


def test_show_lists_a_damaged_table_with_its_cause(run: Run, lab: Path) -> None:
    (lab / "tables" / "radon_report.parquet").write_bytes(b"nothing")

    tables = {table["name"]: table for table in read_json(run("show", lab, "--json"))["tables"]}

    assert "cannot be read" in tables["radon_report"]["error"]
    assert tables["velocity_events"]["error"] is None
    assert "cannot be read" in one_line(run("show", lab, "radon_report", code=1))


def test_show_prints_rows_up_to_a_limit(run: Run, lab: Path) -> None:
    out = run("show", lab, "radon_report", "--limit", 2).stdout
    assert "radon_report: 2 of 3 rows" in out

    content = read_json(run("show", lab, "radon_report", "--limit", 1, "--json"))
    assert content["rows"] == 3
    assert len(content["data"]) == 1
    assert read_json(run("show", lab, "radon_report", "--limit", 0, "--json"))["data"] == []


def test_show_prints_twenty_rows_unless_told(run: Run, lab: Path) -> None:
    KymDataset(lab).ds.save_table("long", frame(image_id=["a"] * 30, x=range(30)))

    assert "long: 20 of 30 rows" in run("show", lab, "long").stdout


def test_show_of_one_image(run: Run, lab: Path) -> None:
    image_id = KymDataset(lab, "r").get_table("radon_report").loc[1, "image_id"]

    content = read_json(run("show", lab, "radon_report", "--image", image_id, "--json"))

    assert [row["image_id"] for row in content["data"]] == [image_id]


def test_show_with_the_source_of_each_image(run: Run, lab: Path) -> None:
    rows = read_json(run("show", lab, "velocity_events", "--source", "--json"))["data"]

    assert {(row["rel_path"], row["file_name"]) for row in rows} == {
        ("day 1/capillary_0002.tif", "capillary_0002.tif")
    }


def test_show_with_source_of_images_that_came_from_no_folder(run: Run, tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "own.zarr", mode="a")
    add_image(kd, "a").save_json("radon_report", {"n_valid": 1})
    kd.rebuild("radon_report")

    rows = read_json(run("show", tmp_path / "own.zarr", "radon_report", "--source", "--json"))["data"]

    assert rows[0]["file_name"] is None


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet", ".CSV"])
def test_show_writes_all_rows_to_a_file(run: Run, lab: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out put{suffix}"
    table = KymDataset(lab, "r").get_table("radon_report")
    read = {".csv": pd.read_csv, ".json": pd.read_json, ".parquet": pd.read_parquet}[suffix.lower()]

    result = run("show", lab, "radon_report", "--output", path)

    assert result.stdout == f"3 of 3 rows -> {path}\n"
    found = read(path)
    assert list(found.columns) == list(table.columns)
    np.testing.assert_allclose(found["mean_velocity"], table["mean_velocity"], rtol=1e-12)
    if suffix == ".parquet":
        assert_frame_equal(found, table)
    assert [other.name for other in tmp_path.glob(".*")] == []


def test_numbers_in_json_are_exact(run: Run, lab: Path, tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1 / 3, 1.2345678901234567e-9, 123456.12345678901]
    KymDataset(lab).ds.save_table("exact", frame(image_id=["a"] * 4, x=values))

    run("show", lab, "exact", "-o", tmp_path / "exact.json")

    assert [row["x"] for row in json.loads((tmp_path / "exact.json").read_text("utf-8"))] == values


def test_show_writes_at_most_so_many_rows_on_demand(run: Run, lab: Path, tmp_path: Path) -> None:
    run("show", lab, "radon_report", "-o", tmp_path / "out.csv", "--limit", 1)

    assert len(pd.read_csv(tmp_path / "out.csv")) == 1


def test_a_file_that_cannot_be_written_leaves_the_old_one(run: Run, lab: Path, tmp_path: Path) -> None:
    assert "no-folder" in one_line(
        run("show", lab, "radon_report", "-o", tmp_path / "no-folder" / "out.csv", code=1)
    )
