"""Rows to files that other programs read: CSV, Excel, Parquet, JSON; written whole or not at all."""

from __future__ import annotations

import csv
import json
import math
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kymflow.cli.excel import write_workbook
from kymflow.cli.failures import USAGE, fail
from kymflow_zarr.formats import frames

if TYPE_CHECKING:
    from kymflow.cli.rows import Rows

FORMATS = (".csv", ".xlsx", ".parquet", ".json")
# With one of these, a spreadsheet takes a text for something to compute.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"


def check_outside(output: Path, dataset: str) -> None:
    """Refuse to write into the dataset itself, where tables would be taken for kymflow's own."""
    inside = os.path.join(os.path.realpath(output), "")
    if inside.startswith(os.path.join(os.path.realpath(dataset), "")):
        fail(f"{output} lies inside the dataset {dataset}; write it somewhere else", USAGE)


def write_file(tables: Sequence[Rows], path: Path, *, bom: bool = True) -> None:
    """Write tables to a file in the form that its suffix names; only a workbook holds several.

    Parameters
    ----------
    tables : sequence of Rows
        What to write.
    path : Path
        Where to; an old file stays until the new one is whole.
    bom : bool
        Begin a CSV file with the mark by which Excel knows that it is UTF-8.
    """
    suffix = path.suffix.lower()
    with replaced(path) as temporary:
        if suffix == ".xlsx":
            write_workbook(tables, temporary)
        else:
            (rows,) = tables
            _WRITERS[suffix](rows, temporary, bom)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, and put what was written there in its place."""
    if not path.parent.is_dir():
        fail(f"there is no folder {path.parent} to write {path.name} into")
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def csv_text(rows: Rows) -> str:
    """Return rows as CSV, as a file has them but for the mark at its beginning."""
    frame = _csv_frame(rows.frame)
    text: str = frame.to_csv(index=False, lineterminator="\n")
    if "\r" not in text:
        return text
    # Python's csv module puts no quotes around it, and others take it for the end of a line.
    quoted: str = frame.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return quoted


def _csv_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows in which no text is a formula, and lists and objects are JSON."""
    columns = {}
    for place, (name, values) in enumerate(frame.items()):
        kind: Any = values.dtype
        if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)):
            values = values.astype(object).map(_csv_cell, na_action="ignore")
        columns[place] = values
        columns[place].name = name
    out = pd.DataFrame(columns, index=frame.index)
    out.columns = pd.Index([_csv_cell(str(name)) for name in frame.columns])
    return out


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, np.ndarray | list | dict):
        return json.dumps(_plain(value.tolist() if isinstance(value, np.ndarray) else value))
    return value


def to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain values that JSON can hold; what is missing or infinite is null."""
    return [
        {name: _plain(value) for name, value in row.items()}
        for row in frames.frame_to_arrow(frame).to_pylist()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def arrow_with_notes(rows: Rows) -> pa.Table:
    """Return rows as Arrow; each column tells its unit and description, as in the dataset's own tables."""
    table = frames.frame_to_arrow(rows.frame)
    fields = []
    for column in table.schema:
        info = rows.columns.get(column.name)
        notes = {"unit": info.unit, "description": info.description} if info is not None else {}
        fields.append(column.with_metadata({key: said for key, said in notes.items() if said}))
    return table.cast(pa.schema(fields, metadata=table.schema.metadata))


def _write_csv(rows: Rows, path: Path, bom: bool) -> None:
    path.write_bytes(((_BOM if bom else "") + csv_text(rows)).encode("utf-8"))


def _write_json(rows: Rows, path: Path, _bom: bool) -> None:
    path.write_text(json.dumps(to_records(rows.frame), indent=2, ensure_ascii=False), encoding="utf-8")


def _write_parquet(rows: Rows, path: Path, _bom: bool) -> None:
    path.write_bytes(frames.arrow_to_parquet(arrow_with_notes(rows)))


_WRITERS: dict[str, Callable[[Rows, Path, bool], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
}
