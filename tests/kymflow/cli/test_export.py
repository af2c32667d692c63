"""Command: export."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from kymflow import KymDataset
from support.command_line import Run, one_line, read_json


def test_a_table_goes_to_one_file_with_the_file_of_each_row(run: Run, lab: Path, tmp_path: Path) -> None:
    out = run("export", lab, "radon_report", "-o", tmp_path / "report.csv").stdout

    assert out == f"radon_report (3 rows) -> {tmp_path / 'report.csv'}\n"
    found = pd.read_csv(tmp_path / "report.csv")
    table = KymDataset(lab, "r").get_table("radon_report", with_source=True).sort_values("rel_path")
    assert list(found.columns) == list(table.columns)
    assert found["file_name"].tolist() == table["file_name"].tolist()


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet", "json"])
def test_all_tables_go_to_a_folder(run: Run, lab: Path, tmp_path: Path, form: str) -> None:
    content = read_json(run("export", lab, "-o", tmp_path / "out", "--format", form, "--json"))

    names = KymDataset(lab, "r").ds.list_table_names()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{name}.{form}" for name in names]
    assert [file["tables"][0]["table_name"] for file in content["files"]] == names
    assert content["description"] is None


def test_a_workbook_holds_all_tables(run: Run, lab: Path, tmp_path: Path) -> None:
    run("export", lab, "-o", tmp_path / "lab.xlsx")

    sheets = pd.read_excel(tmp_path / "lab.xlsx", sheet_name=None)
    kd = KymDataset(lab, "r")
    assert list(sheets) == [*kd.ds.list_table_names(), "columns"]
    table = kd.get_table("velocity_events", with_source=True).sort_values("rel_path", ignore_index=True)
    assert sheets["velocity_events"]["score"].tolist() == pytest.approx(table["score"].tolist(), rel=1e-15)
    about = sheets["columns"].set_index(["table", "column"])
    assert about.loc[("radon_report", "mean_velocity"), "unit"] == "mm/s"


def test_rows_and_columns_of_one_table_are_chosen(run: Run, lab: Path, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    options = ("--where", "score > 0", "--columns", "file_name,score", "--no-bom")

    run("export", lab, "velocity_events", "-o", path, *options)

    found = pd.read_csv(path)
    assert list(found.columns) == ["file_name", "score"]
    assert (found["score"] > 0).all()
    assert path.read_bytes().startswith(b"file_name")


def test_the_columns_of_images_come_with_their_descriptions(run: Run, lab: Path, tmp_path: Path) -> None:
    run("export", lab, "velocity_events", "--with-images", "-o", tmp_path / "events.parquet")

    schema = pq.read_schema(tmp_path / "events.parquet")
    assert schema.field("condition").metadata[b"description"] == b"From the experiment metadata"
    # The table has a note of its own.
    assert {"note", "image_note"} <= set(schema.names)
    assert pd.read_parquet(tmp_path / "events.parquet")["condition"].tolist() == ["simulated"] * 2


def description(run: Run, lab: Path, folder: Path, *arguments: object) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    run("export", lab, *arguments, "--describe")
    content: dict[str, Any] = json.loads((folder / "datapackage.json").read_text("utf-8"))
    return {resource["name"]: resource for resource in content["resources"]}


def test_a_description_tells_types_units_and_keys(run: Run, lab: Path, tmp_path: Path) -> None:
    found = description(run, lab, tmp_path / "out", "-o", tmp_path / "out")

    report = found["radon_report"]
    assert (report["path"], report["format"], report["encoding"]) == ("radon_report.csv", "csv", "utf-8")
    fields = {field["name"]: field for field in report["schema"]["fields"]}
    assert list(fields) == list(pd.read_csv(tmp_path / "out" / "radon_report.csv").columns)
    assert fields["mean_velocity"] == {
        "name": "mean_velocity",
        "type": "number",
        "unit": "mm/s",
        "description": "Mean of the valid velocities",
    }
    assert fields["n_valid"]["type"] == "integer"
    assert report["schema"]["foreignKeys"] == [
        {"fields": ["image_id"], "reference": {"resource": "images", "fields": ["image_id"]}}
    ]
    images = found["images"]["schema"]
    assert images["primaryKey"] == ["image_id"]
    assert next(field for field in images["fields"] if field["name"] == "analysed") == {
        "name": "analysed",
        "type": "boolean",
        "trueValues": ["True"],
        "falseValues": ["False"],
        "description": "Whether there is a velocity trace, events or a report",
    }


def test_a_description_of_a_workbook_names_its_sheets(run: Run, lab: Path, tmp_path: Path) -> None:
    found = description(run, lab, tmp_path / "out", "-o", tmp_path / "out" / "lab.xlsx")

    assert sorted(found) == KymDataset(lab, "r").ds.list_table_names()
    assert {name: resource["dialect"] for name, resource in found.items()} == {
        name: {"sheetName": name} for name in found
    }
    assert {resource["path"] for resource in found.values()} == {"lab.xlsx"}


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (
            ("-o", "all.csv"),
            r"all.csv holds one table, not \d \(.*\): give a folder, such as -o tables/, or name one table",
            2,
        ),
        (
            ("-o", "all.docx"),
            "must be a folder, such as -o tables/, or end with .csv, .xlsx, .parquet, .json, got",
            2,
        ),
        (("-o", "out", "--format", "xls"), "--format takes csv, xlsx, parquet, json, got 'xls'", 2),
        (("radon_report", "-o", "x.csv", "--format", "json"), "do not go together", 2),
        (("-o", "out", "--where", "1"), "--where and --columns take one table; name it", 2),
        (("no_such", "-o", "x.csv"), "has no table 'no_such'; its tables:", 1),
        (("radon_report", "-o", "x.csv", "--columns", "n_vald"), "did you mean 'n_valid'", 1),
        (("radon_report", "-o", "no/such/x.csv"), "there is no folder no/such to write x.csv into", 1),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(
    run: Run,
    lab: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
    code: int,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    told = one_line(run("export", lab, *arguments, code=code))

    assert re.search(message, told), told
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("output", ["", "tables", "tables/x.csv", "new"])
def test_nothing_is_written_into_the_dataset(run: Run, lab: Path, output: str) -> None:
    before = sorted(lab.rglob("*"))

    assert "lies inside the dataset" in one_line(
        run("export", lab, "radon_report", "-o", lab / output, code=2)
    )

    assert sorted(lab.rglob("*")) == before


def test_a_dataset_without_tables_says_so(run: Run, tmp_path: Path) -> None:
    KymDataset(tmp_path / "empty.zarr", "a")

    assert "has no tables yet; `kymflow refresh" in one_line(
        run("export", tmp_path / "empty.zarr", "-o", tmp_path / "out", code=1)
    )


def test_standard_output_is_left_to_show(run: Run, lab: Path) -> None:
    assert "show DATASET TABLE -o -" in run("export", lab, "radon_report", "-o", "-", code=2).stderr
