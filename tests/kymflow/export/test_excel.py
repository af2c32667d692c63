"""Tables as an Excel workbook, read back by another library."""

from __future__ import annotations

import datetime
import math
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from kymflow import ColumnError, ColumnInfo, TableContent
from kymflow.export import excel
from kymflow.export.excel import check_fits, write_workbook
from kymflow_zarr.errors import InstallationError


def rows_of(name: str = "t", /, **columns: Any) -> TableContent:
    infos = [ColumnInfo("score", "double", "mm/s", "Height of the edge")]
    return TableContent.of(name, pd.DataFrame(columns), infos)


def read(path: Path, sheet: str) -> list[list[Any]]:
    book = openpyxl.load_workbook(path)
    return [[cell.value for cell in row] for row in book[sheet].iter_rows()]


def test_there_is_a_sheet_for_each_table_and_one_about_columns(tmp_path: Path) -> None:
    path = tmp_path / "lab.xlsx"
    write_workbook([rows_of("events", score=[1.5, -2.0]), rows_of("notes", x=["a"])], path)

    assert openpyxl.load_workbook(path).sheetnames == ["events", "notes", "columns"]
    assert read(path, "events") == [["score"], [1.5], [-2]]
    assert read(path, "columns") == [
        ["table", "column", "type", "unit", "description"],
        ["events", "score", "double", "mm/s", "Height of the edge"],
        ["notes", "x", "", "", ""],
    ]


def test_values_are_excels_own_or_text_where_it_would_change_them(tmp_path: Path) -> None:
    columns = {
        "number": [0.1, math.inf, math.nan],
        "whole": pd.array([1, None, 2**60], dtype="Int64"),
        "truth": [True, False, True],
        "when": pd.to_datetime(["2024-05-01 10:00:00", None, "1850-01-01 00:00:00"]),
        "zoned": pd.to_datetime(["2024-05-01 10:00:00"] * 3, utc=True),
        "day": [datetime.date(2024, 5, 1), None, datetime.date(1899, 1, 1)],
        "trace": [[1.0, 2.0], None, []],
    }
    write_workbook([rows_of(**columns)], tmp_path / "t.xlsx")

    assert read(tmp_path / "t.xlsx", "t")[1:] == [
        [
            0.1,
            1,
            True,
            datetime.datetime(2024, 5, 1, 10),
            "2024-05-01 10:00:00+00:00",
            datetime.datetime(2024, 5, 1),
            "[1.0, 2.0]",
        ],
        ["inf", None, False, None, "2024-05-01 10:00:00+00:00", None, None],
        [
            None,
            str(2**60),
            True,
            "1850-01-01 00:00:00",
            "2024-05-01 10:00:00+00:00",
            "1899-01-01",
            "[]",
        ],
    ]


def test_a_text_is_no_formula_link_or_number(tmp_path: Path) -> None:
    texts = ["=1+1", "{=1}", "+1", "-1", "@x", "\t=1", "https://example.org", "12", "ctrl \x01"]
    write_workbook([rows_of(**{"=name": texts})], tmp_path / "t.xlsx")

    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    cells = [row[0] for row in book["t"].iter_rows()]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells][:9] == ["=name", *texts[:8]]
    assert not any(cell.hyperlink for cell in cells)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (
            pd.to_datetime(["2024-05-01 10:00:00", None, "2024-05-01 10:00:00.000000001"], format="ISO8601"),
            ["2024-05-01 10:00:00", None, "2024-05-01 10:00:00.000000001"],
        ),
        (
            pd.to_datetime(["2024-05-01 10:00:00.000250"]).as_unit("us"),
            ["2024-05-01 10:00:00.000250"],
        ),
        (
            pd.to_datetime(["2024-05-01 10:00:00.250", None, "2024-05-01"], format="ISO8601"),
            [datetime.datetime(2024, 5, 1, 10, 0, 0, 250_000), None, datetime.datetime(2024, 5, 1)],
        ),
        (
            pd.Series([pd.Timestamp("2024-05-01 10:00:00.000000001"), "unknown"], dtype=object),
            ["2024-05-01 10:00:00.000000001", "unknown"],
        ),
    ],
    ids=["nanoseconds", "microseconds", "milliseconds", "among texts"],
)
def test_a_time_keeps_all_its_digits(tmp_path: Path, times: Any, expected: list[Any]) -> None:
    write_workbook([rows_of(when=times)], tmp_path / "t.xlsx")

    assert [row for (row,) in read(tmp_path / "t.xlsx", "t")[1:]] == expected


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a" * 32, "a sheet's name has at most 31 characters, this one has 32"),
        ("columns", "another sheet has this name"),
        ("Events", "another sheet has this name"),
        ("history", "no sheet can have this name"),
        ("what[1]", "no sheet can have this name"),
    ],
)
def test_a_name_that_no_sheet_can_have_is_an_error(tmp_path: Path, name: str, reason: str) -> None:
    tables = [rows_of("events", x=[1]), rows_of(name, x=[1])]

    with pytest.raises(ColumnError, match=f"does not go into Excel: {reason}"):
        write_workbook(tables, tmp_path / "t.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_what_excel_cannot_hold_is_an_error_and_not_cut_off(tmp_path: Path) -> None:
    rows = rows_of(x=range(excel.MAX_ROWS))
    with pytest.raises(ColumnError, match=r"'t' does not go into Excel: it has 1048576 rows.*Write \.csv"):
        check_fits([rows])
    check_fits([rows_of(x=range(excel.MAX_ROWS - 1))])
    with pytest.raises(ColumnError, match="it has 16385 columns, Excel holds 16384"):
        check_fits([rows_of(**{f"c{number}": [1] for number in range(16_385)})])

    write_workbook([rows_of(x=["x" * 32_767])], tmp_path / "t.xlsx")
    with pytest.raises(
        ColumnError, match=r"'t', column 'x', row 2: .* 32767 characters, this text has 32768"
    ):
        write_workbook([rows_of(x=["y", "x" * 32_768])], tmp_path / "t.xlsx")


def test_without_the_library_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)

    with pytest.raises(InstallationError, match=r"pip install XlsxWriter \(it is kymflow's extra `excel`\)$"):
        write_workbook([rows_of(x=[1])], tmp_path / "t.xlsx")
