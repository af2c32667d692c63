"""Rows to files: CSV that a spreadsheet reads, Parquet with units, JSON; whole or not at all."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow import ColumnInfo, ExportError, TableContent, write_tables
from kymflow.export.write import FORMATS

TEXTS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=1", "it's", "", 'ü, "quoted"\nline']


def rows_of(**columns: Any) -> TableContent:
    infos = [ColumnInfo("score", "double", "mm/s", "Height of the edge")]
    return TableContent.of("t", pd.DataFrame(columns), infos)


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_a_text_is_no_formula_in_csv(tmp_path: Path) -> None:
    write_tables([rows_of(**{"=name": TEXTS, "score": [-1.5] * len(TEXTS)})], tmp_path / "t.csv")

    header, *rows = read_csv(tmp_path / "t.csv")
    assert header == ["'=name", "score"]
    assert [row[0] for row in rows] == ["'" + text for text in TEXTS[:6]] + TEXTS[6:]
    assert {row[1] for row in rows} == {"-1.5"}


def test_categories_and_objects_are_no_formulas_either(tmp_path: Path) -> None:
    columns = {"kind": pd.Categorical(["=x", "y", None]), "trace": [[1.0, math.nan], None, []]}
    write_tables([rows_of(**columns)], tmp_path / "t.csv")

    assert read_csv(tmp_path / "t.csv")[1:] == [["'=x", "[1.0, null]"], ["y", ""], ["", "[]"]]


def test_csv_tells_excel_that_it_is_utf_8_unless_told(tmp_path: Path) -> None:
    write_tables([rows_of(name=["größe"])], tmp_path / "with.csv")
    write_tables([rows_of(name=["größe"])], tmp_path / "without.csv", bom=False)

    assert (tmp_path / "with.csv").read_bytes() == b"\xef\xbb\xbf" + "name\ngröße\n".encode()
    assert (tmp_path / "without.csv").read_bytes() == "name\ngröße\n".encode()


def test_values_of_every_kind_are_written_as_csv(tmp_path: Path) -> None:
    columns = {
        "score": [0.1 + 0.2, math.inf, math.nan],
        "n": pd.array([1, None, 2**60], dtype="Int64"),
        "ok": [True, False, True],
        "when": pd.to_datetime(["2024-05-01 10:00:00.25", None, "1850-01-01 00:00:00"], format="mixed"),
    }
    write_tables([rows_of(**columns)], tmp_path / "t.csv")

    assert read_csv(tmp_path / "t.csv")[1:] == [
        ["0.30000000000000004", "1", "True", "2024-05-01 10:00:00.250"],
        ["inf", "", "False", ""],
        ["", str(2**60), "True", "1850-01-01 00:00:00.000"],
    ]


@given(st.lists(st.floats(), min_size=1))
def test_numbers_come_back_from_csv_exactly(tmp_path_factory: pytest.TempPathFactory, values: Any) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    write_tables([rows_of(x=values, place=range(len(values)))], path)

    found = [float(row[0] or "nan") for row in read_csv(path)[1:]]
    np.testing.assert_array_equal(found, values)


def test_parquet_keeps_values_units_and_descriptions(tmp_path: Path) -> None:
    rows = rows_of(image_id=["a", "b"], score=[1.5, math.inf], note=["=1", None])
    (frame,) = rows.frames()
    write_tables([rows], tmp_path / "t.parquet")

    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), frame)
    schema = pq.read_schema(tmp_path / "t.parquet")
    assert schema.field("score").metadata == {b"unit": b"mm/s", b"description": b"Height of the edge"}
    assert schema.field("note").metadata is None


def test_json_has_null_for_what_it_cannot_hold(tmp_path: Path) -> None:
    write_tables([rows_of(score=[1.5, math.inf], note=["=ü", None])], tmp_path / "t.json")

    content = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert content == [{"score": 1.5, "note": "=ü"}, {"score": None, "note": None}]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_text("old")
    rows = rows_of(x=pd.Series(["\ud800"] if suffix != ".xlsx" else ["x" * 40_000], dtype=object))

    with pytest.raises(ValueError, match=r"utf-8|UTF-8|32767"):
        write_tables([rows], path)

    assert path.read_text() == "old"
    assert [other.name for other in tmp_path.iterdir()] == [path.name]


def test_a_table_in_pieces_is_written_as_one(tmp_path: Path) -> None:
    when = pd.to_datetime(["2024-05-01 00:00:00", "2024-05-01 10:00:00.25", None], format="mixed")
    frame = pd.DataFrame({"name": ["a", "=b", None], "n": pd.array([1, None, 3], "Int64"), "when": when})
    whole = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    about = {"n": ColumnInfo("n", "int64", "mm/s", "A number")}
    for suffix in FORMATS:
        pieces = (whole.slice(place, 1) for place in range(3))
        content = TableContent("t", whole.column_names, 3, pieces, about)
        write_tables([content], tmp_path / f"t{suffix}")

    found = pq.read_table(tmp_path / "t.parquet")
    assert found.equals(whole)
    assert found.schema.field("n").metadata == {b"unit": b"mm/s", b"description": b"A number"}
    assert read_csv(tmp_path / "t.csv") == [
        ["name", "n", "when"],
        ["a", "1", "2024-05-01 00:00:00"],
        ["'=b", "", "2024-05-01 10:00:00.250000"],
        ["", "3", ""],
    ]
    assert [row["name"] for row in json.loads((tmp_path / "t.json").read_text("utf-8"))] == ["a", "=b", None]
    assert pd.read_excel(tmp_path / "t.xlsx", sheet_name="t")["n"].tolist()[::2] == [1, 3]


@pytest.mark.parametrize(
    ("name", "n_tables", "message"),
    [
        ("t.txt", 1, r"t\.txt cannot be written: a table's file ends with \.csv, \.xlsx, \.parquet, \.json"),
        ("t.csv", 2, r"t\.csv holds one table, not 2; write a file for each, or one \.xlsx"),
        ("absent/t.csv", 1, r"there is no folder .*absent to write t\.csv into"),
    ],
)
def test_a_file_that_cannot_be_written_is_an_error(
    tmp_path: Path, name: str, n_tables: int, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        write_tables([rows_of(x=[1])] * n_tables, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    target.mkdir()

    with pytest.raises(OSError, match=r"t.csv'$") as error:
        write_tables([rows_of(name=["a"])], target)

    assert error.value.filename == str(target)
    assert list(tmp_path.iterdir()) == [target]
