"""Tables as CSV in which no text is a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from kymflow.export.content import TableContent
from kymflow.export.plain import json_text

# With one of these, a spreadsheet takes a text for something to compute.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# By it, Excel knows UTF-8.
BOM = "\ufeff"


def csv_pieces(table: TableContent) -> Iterator[str]:
    """Yield a table as CSV: the names of its columns, and then its rows."""
    for number, frame in enumerate(table.frames()):
        in_pieces = len(frame) < table.n_rows
        yield _text(_harmless(frame, in_pieces=in_pieces), header=number == 0)


def _text(frame: pd.DataFrame, *, header: bool) -> str:
    text: str = frame.to_csv(index=False, header=header, lineterminator="\n")
    if "\r" not in text:
        return text
    # Python's csv module puts no quotes around it, and others take it for the end of a line.
    quoted: str = frame.to_csv(index=False, header=header, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return quoted


def _harmless(frame: pd.DataFrame, *, in_pieces: bool) -> pd.DataFrame:
    """Return rows in which no text is a formula, and lists and objects are JSON."""
    columns = {}
    for place, (name, values) in enumerate(frame.items()):
        kind: Any = values.dtype
        if pd.api.types.is_datetime64_any_dtype(kind):
            # pandas writes as many digits as the times of one piece need.
            values = values.astype(object).map(str, na_action="ignore") if in_pieces else values
        elif not pd.api.types.is_numeric_dtype(kind):
            values = values.astype(object).map(_cell, na_action="ignore")
        columns[place] = values
        columns[place].name = name
    out = pd.DataFrame(columns, index=frame.index)
    out.columns = pd.Index([_cell(str(name)) for name in frame.columns])
    return out


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json_text(value) if isinstance(value, np.ndarray | list | dict) else value
