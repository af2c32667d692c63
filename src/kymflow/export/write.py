"""Tables to a file, whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kymflow.errors import ExportError
from kymflow.export.comma_separated import BOM, csv_pieces
from kymflow.export.content import TableContent
from kymflow.export.excel import write_workbook
from kymflow.export.plain import records_text
from kymflow_zarr.formats.frames import write_parquet

FORMATS = (".csv", ".xlsx", ".parquet", ".json")


def write_tables(tables: Sequence[TableContent], path: str | os.PathLike[str], *, bom: bool = True) -> None:
    """Write tables to a file in the form that its suffix names; only a workbook holds several.

    In CSV and in workbooks no text is a formula. Parquet keeps units and descriptions in its fields, as a
    dataset's own tables do; a workbook has them in its sheet ``columns``.

    Parameters
    ----------
    tables : sequence of TableContent
        What to write.
    path : str or path
        Where to, ending in ``.csv``, ``.xlsx``, ``.parquet`` or ``.json``. An old file stays until
        the new one is whole.
    bom : bool
        Begin a CSV file with the mark by which Excel knows that it is UTF-8.

    Raises
    ------
    ExportError
        There is no such form, no such folder, or not one table where the form holds one.
    ColumnError
        A value that the form cannot hold; nothing is cut off.
    InstallationError
        A workbook needs XlsxWriter, which is not installed.

    Examples
    --------
    >>> from kymflow import TableContent, write_tables
    >>> import pandas as pd
    >>> content = TableContent.of("cells", pd.DataFrame({"cell": ["cell-1"], "note": ["=1+1"]}))
    >>> write_tables([content], "cells.csv", bom=False)
    >>> pd.read_csv("cells.csv")["note"].tolist()
    ["'=1+1"]
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ExportError(
            f"{path} cannot be written: a table's file ends with {', '.join(FORMATS)}", path=str(path)
        )
    if suffix != ".xlsx" and len(tables) != 1:
        raise ExportError(
            f"{path} holds one table, not {len(tables)}; write a file for each, or one .xlsx", path=str(path)
        )
    with replaced(path) as temporary:
        if suffix == ".xlsx":
            write_workbook(tables, temporary)
        else:
            _WRITERS[suffix](tables[0], temporary, bom)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, and put what was written there in its place.

    Raises
    ------
    ExportError
        There is no such folder.
    """
    if not path.parent.is_dir():
        raise ExportError(f"there is no folder {path.parent} to write {path.name} into", path=str(path))
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.filename != str(temporary):
            raise
        # Of the file that was asked for, not of one that nobody knows.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_csv(table: TableContent, path: Path, bom: bool) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM if bom else "")
        file.writelines(csv_pieces(table))


def _write_json(table: TableContent, path: Path, _bom: bool) -> None:
    path.write_text(records_text(table), encoding="utf-8")


def _write_parquet(table: TableContent, path: Path, _bom: bool) -> None:
    with path.open("wb") as file:
        write_parquet(table.arrow(), file)


_WRITERS: dict[str, Callable[[TableContent, Path, bool], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
}
