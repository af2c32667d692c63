"""Commands: show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import KymDataset
from kymflow_zarr.formats.documents import read_csv
from support.command_line import Run, one_line, read_json
from support.simple_indexers import add_image, frame
from support.terminals import on_terminal


def test_show_tells_what_a_dataset_has(run: Run, lab: Path) -> None:
    out = run("show", lab).stdout
    assert "4 images, Zarr v3" in out
    assert "indexer radon_report (schema version 1) of kymflow-indexers-builtin 1.0.0" in out

    content = read_json(run("show", lab, "--json"))
    assert content["images"] == 4
    tables = {table["name"]: table for table in content["tables"]}
    assert list(tables) == ["images", "radon_report", "velocity_events"]
    column = next(c for c in tables["radon_report"]["columns"] if c["name"] == "mean_velocity")
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
    assert len(run("show", lab, "radon_report", "--limit", 2).stdout.splitlines()) == 3

    content = read_json(run("show", lab, "radon_report", "--limit", 1, "--json"))
    assert content["rows"] == 3
    assert len(content["data"]) == 1
    assert read_json(run("show", lab, "radon_report", "--limit", 0, "--json"))["data"] == []


def test_a_terminal_shows_twenty_rows_unless_told_and_a_pipe_gets_all(
    run: Run, lab: Path, site: Path
) -> None:
    KymDataset(lab).ds.save_table("long", frame(image_id=["a"] * 30, x=range(30)))

    assert len(run("show", lab, "long").stdout.splitlines()) == 31
    out, _ = on_terminal("show", lab, "long", site=site, cwd=lab.parent)
    assert "long: 20 of 30 rows" in out
    out, _ = on_terminal("show", lab, "long", "--limit", 25, site=site, cwd=lab.parent)
    assert "long: 25 of 30 rows" in out


def test_a_pipe_gets_fields_that_cut_and_pandas_understand(run: Run, lab: Path) -> None:
    table = KymDataset(lab, "r").get_table("radon_report", with_source=True).sort_values("rel_path")

    out = run("show", lab, "radon_report").stdout

    found = read_csv(out.encode(), sep="\t")
    assert list(found.columns[:3]) == ["rel_path", "roi_id", "channel"]
    assert found.columns[-1] == "image_id"
    assert found["rel_path"].tolist() == table["rel_path"].tolist()
    assert found["image_id"].tolist() == table["image_id"].tolist()
    assert found["mean_velocity"].tolist() == table["mean_velocity"].tolist()


def test_texts_in_a_pipe_stay_in_their_field(run: Run, lab: Path) -> None:
    odd = "tab\there, line\nthere, escape \x1b[31m"
    KymDataset(lab).ds.save_table("odd", frame(image_id=["a"], note=[odd]))

    lines = run("show", lab, "odd", "--columns", "note,image_id").stdout.splitlines()

    assert lines == ["note\timage_id", "tab\\there, line\\nthere, escape \\x1b[31m\ta"]


def test_a_terminal_takes_no_text_for_a_command(run: Run, lab: Path, site: Path) -> None:
    odd = {"image_id": ["a"], "\x1b[2Jnote": ["\x1b[31mred\x07\u202e"], "\x1b[2Jlong": ["long " * 20]}
    KymDataset(lab).ds.save_table("odd", pd.DataFrame(odd))

    out, _ = on_terminal("show", lab, "odd", site=site, cwd=lab.parent)

    assert "\\x1b[31mred\\x07\\u202e" in out
    assert "\\x1b[2Jnote" in out
    assert "one more column: \\x1b[2Jlong" in out


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


def test_show_takes_an_image_by_name(run: Run, lab: Path) -> None:
    row = KymDataset(lab, "r").get_table("radon_report", with_source=True).iloc[1]

    for name in (row["file_name"], row["rel_path"], row["image_id"][:8]):
        (found,) = read_json(run("show", lab, "radon_report", "--image", name, "--json"))["data"]
        assert found["image_id"] == row["image_id"]


def test_show_of_an_image_without_rows_has_none(run: Run, lab: Path) -> None:
    content = read_json(run("show", lab, "velocity_events", "--image", "capillary_0001.tif", "--json"))

    assert (content["rows"], content["data"]) == (0, [])


def test_rows_are_chosen_ordered_and_cut(run: Run, lab: Path) -> None:
    values = KymDataset(lab, "r").get_table("radon_report")["mean_velocity"].sort_values().tolist()

    def shown(*options: object) -> list[float]:
        rows = read_json(run("show", lab, "radon_report", *options, "--json"))["data"]
        return [row["mean_velocity"] for row in rows]

    assert shown("--sort", "mean_velocity") == values
    assert shown("--sort", "-mean_velocity") == values[::-1]
    assert shown("--sort", "mean_velocity", "--desc", "--limit", 1) == [max(values)]
    assert (
        shown("--where", f"mean_velocity > {values[0]!r}", "--sort", "channel,-mean_velocity")
        == (values[:0:-1])
    )


def test_rows_are_chosen_by_what_is_known_of_their_images(run: Run, lab: Path) -> None:
    options = ("radon_report", "--where", "folder = 'day 1' and n_events = 0")

    assert "has no column 'folder', but --with-images brings it" in one_line(
        run("show", lab, *options, code=1)
    )
    rows = read_json(run("show", lab, *options, "--with-images", "--json"))["data"]
    assert [row["rel_path"] for row in rows] == ["day 1/capillary_0001.tif"]
    assert rows[0]["image_condition"] == rows[0]["condition"] == "simulated"


def test_images_shows_a_row_for_each_image(run: Run, lab: Path) -> None:
    rows = read_json(run("images", lab, "--json"))["data"]
    assert [row["file_name"] for row in rows] == [f"capillary_000{number}.tif" for number in (1, 2, 3, 4)]

    out = run("images", lab, "--where", "not analysed", "--columns", "file_name,analysed").stdout
    assert out == "file_name\tanalysed\ncapillary_0004.tif\tFalse\n"


def test_images_of_an_earlier_dataset_says_what_makes_them(run: Run, lab: Path) -> None:
    KymDataset(lab).ds.drop_table("images")

    for arguments in (
        ("images", lab),
        ("show", lab, "images"),
        ("show", lab, "radon_report", "--with-images"),
        ("export", lab, "images", "-o", lab.parent / "images.csv"),
    ):
        assert "has no table 'images' yet; `kymflow refresh " in one_line(run(*arguments, code=1))


def test_csv_goes_to_standard_output(run: Run, lab: Path) -> None:
    out = run("show", lab, "radon_report", "-o", "-", "--columns", "file_name,n_valid", "--limit", 1).stdout

    header, row = out.splitlines()
    assert header == "file_name,n_valid"
    assert row.startswith("capillary_0001.tif,")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--columns", "file_nam,n_valid"), "has no column 'file_nam'; did you mean 'file_name'?"),
        (
            ("--sort", "-n_vald"),
            "--sort: table 'radon_report' has no column 'n_vald'; did you mean 'n_valid'?",
        ),
        (("--where", "n_vald > 1"), "'n_vald > 1': table 'radon_report' has no column 'n_vald'; did you"),
        (("--image", "capillary_9"), "has no image 'capillary_9'; did you mean 'capillary_0"),
    ],
)
def test_a_wrong_name_is_one_line_with_similar_ones(
    run: Run, lab: Path, options: tuple[str, str], message: str
) -> None:
    assert message in one_line(run("show", lab, "radon_report", *options, code=1))


@pytest.mark.parametrize("options", [("--where", "1"), ("-o", "x.csv"), ("--image", "a"), ("--source",)])
def test_options_about_rows_need_a_table(run: Run, lab: Path, options: tuple[str, ...]) -> None:
    assert "without the name of a table" in run("show", lab, *options, code=2).stderr


def test_json_and_csv_do_not_go_to_the_same_stream(run: Run, lab: Path) -> None:
    assert "both want" in run("show", lab, "radon_report", "-o", "-", "--json", code=2).stderr


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet", ".CSV"])
def test_show_writes_all_rows_to_a_file(run: Run, lab: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out put{suffix}"
    kd = KymDataset(lab, "r")
    # In the order of the files.
    table = kd.get_table("radon_report", with_source=True).sort_values("rel_path", ignore_index=True)
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
