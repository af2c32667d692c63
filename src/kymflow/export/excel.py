"""Tables as an Excel workbook: a sheet for each, and one that tells what the columns are."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kymflow.export.content import TableContent
from kymflow_zarr.errors import ColumnError, InstallationError
from kymflow_zarr.formats.integers import LARGEST_EXACT_INT

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

# What Excel itself can hold.
MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
MAX_CHARACTERS = 32_767
MAX_SHEET_NAME = 31
_FORBIDDEN_IN_NAMES = frozenset("[]:*?/\\")

COLUMNS_SHEET = "columns"
_ABOUT = ("table", "column", "type", "unit", "description")


def write_workbook(tables: Sequence[TableContent], path: Path) -> None:
    """Write each table as a sheet, and the sheet ``columns`` about all of them.

    Raises
    ------
    ColumnError
        Something that Excel cannot hold; nothing is cut off.
    InstallationError
        XlsxWriter is not installed.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise InstallationError(
            "writing .xlsx needs XlsxWriter: pip install XlsxWriter (it is kymflow's extra `excel`)"
        ) from None
    check_fits(tables)
    # Texts stay texts, whatever they begin with.
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        for table in tables:
            _write_sheet(book, table)
        _write_about(book, tables)


def check_fits(tables: Sequence[TableContent]) -> None:
    """Refuse what Excel could not hold whole, before anything is written.

    Raises
    ------
    ColumnError
        Too many rows or columns, or a name that no sheet can have.
    """
    taken = {COLUMNS_SHEET}
    for table in tables:
        name, n_rows, n_columns = table.name, table.n_rows, len(table.names)
        reason = _why_no_sheet(name, taken)
        if n_rows + 1 > MAX_ROWS:
            reason = f"it has {n_rows} rows, Excel holds {MAX_ROWS - 1} below the header"
        elif n_columns > MAX_COLUMNS:
            reason = f"it has {n_columns} columns, Excel holds {MAX_COLUMNS}"
        if reason:
            raise ColumnError(
                f"table {name!r} does not go into Excel: {reason}. Write .csv or .parquet.", table_name=name
            )
        taken.add(name.lower())


def _why_no_sheet(name: str, taken: set[str]) -> str:
    if len(name) > MAX_SHEET_NAME:
        return f"a sheet's name has at most {MAX_SHEET_NAME} characters, this one has {len(name)}"
    odd = [char for char in name if char in _FORBIDDEN_IN_NAMES]
    if odd or name.startswith("'") or name.endswith("'") or name.lower() == "history":
        return "no sheet can have this name"
    return "another sheet has this name" if name.lower() in taken else ""


def _write_sheet(book: Workbook, table: TableContent) -> None:
    sheet = book.add_worksheet(table.name)
    day, second, millisecond = (
        book.add_format({"num_format": form})
        for form in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd hh:mm:ss.000")
    )
    _write_header(book, sheet, table.names)
    for place, cells in enumerate(_rows(table), 1):
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                _check_length(table, place, column, cell)
                sheet.write_string(place, column, cell)
            elif isinstance(cell, bool):
                sheet.write_boolean(place, column, cell)
            elif isinstance(cell, int | float):
                sheet.write_number(place, column, cell)
            elif isinstance(cell, datetime.datetime):
                sheet.write_datetime(place, column, cell, millisecond if cell.microsecond else second)
            elif cell is not None:
                sheet.write_datetime(place, column, cell, day)


def _rows(table: TableContent) -> Iterator[tuple[Any, ...]]:
    for frame in table.frames():
        yield from zip(*(_cells(values) for _, values in frame.items()), strict=True)


def _check_length(table: TableContent, place: int, column: int, cell: str) -> None:
    if len(cell) > MAX_CHARACTERS:
        name = table.names[column]
        raise ColumnError(
            f"table {table.name!r}, column {name!r}, row {place}: a cell of Excel holds {MAX_CHARACTERS} "
            f"characters, this text has {len(cell)}. Write .csv or .parquet.",
            table_name=table.name,
            column=name,
        )


def _write_header(book: Workbook, sheet: Worksheet, names: Sequence[str]) -> None:
    bold = book.add_format({"bold": True})
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, bold)
    sheet.freeze_panes(1, 0)


def _cells(values: pd.Series[Any]) -> list[Any]:
    missing = values.isna().to_numpy()
    plain = values.astype(object).tolist()
    # All of them as texts: Excel would sort its own times before them.
    as_cell = str if pd.api.types.is_datetime64_dtype(values.dtype) and any(map(_is_fine, plain)) else _cell
    return [None if gone else as_cell(value) for value, gone in zip(plain, missing, strict=True)]


def _is_fine(value: Any) -> bool:
    """Tell whether a time has more digits than Excel, which ends at milliseconds."""
    if not isinstance(value, datetime.datetime) or value is pd.NaT:
        return False
    return value.microsecond % 1000 != 0 or getattr(value, "nanosecond", 0) != 0


def _cell(value: Any) -> Any:
    """Return a value as Excel can hold it; as text, where it could not hold it exactly."""
    if isinstance(value, np.generic):
        value = value.item()
    if _is_fine(value):
        return str(value)
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_EXACT_INT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime.date):
        # Excel's calendar begins in 1900, and knows no time zones.
        fits = value.year >= 1900 and getattr(value, "tzinfo", None) is None
        return value if fits and type(value) in (datetime.datetime, datetime.date) else str(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)


def _write_about(book: Workbook, tables: Sequence[TableContent]) -> None:
    sheet = book.add_worksheet(COLUMNS_SHEET)
    _write_header(book, sheet, _ABOUT)
    place = 0
    for table in tables:
        for name in table.names:
            info = table.columns.get(name)
            said = (info.type, info.unit, info.description) if info is not None else ("", "", "")
            place += 1
            for column, text in enumerate((table.name, name, *said)):
                sheet.write_string(place, column, text)
