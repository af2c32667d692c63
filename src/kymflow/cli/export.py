"""``kymflow export``: tables to files for spreadsheets, statistics programs and archives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from kymflow.cli.data_package import write_data_package
from kymflow.cli.datasets import open_existing
from kymflow.cli.failures import USAGE, fail
from kymflow.cli.hints import call
from kymflow.cli.lines import print_line
from kymflow.cli.output import print_json
from kymflow.cli.rows import Rows, Selection, read_rows
from kymflow.cli.writers import check_outside, contents
from kymflow.export.excel import check_fits
from kymflow.export.write import FORMATS, write_tables

DEFAULT_FORMAT = "csv"


def run_export(
    dataset: str,
    tables: Sequence[str],
    output: str,
    selection: Selection,
    *,
    form: str | None,
    bom: bool,
    describe: bool,
    as_json: bool,
) -> None:
    """Write tables to one file, or to a folder with a file for each."""
    if output == "-":
        fail("export writes files; `kymflow show DATASET TABLE -o -` writes CSV to standard output", USAGE)
    target = Path(output)
    is_folder = output.endswith(("/", os.sep)) or target.is_dir() or not target.suffix
    suffix = _suffix(target, form, is_folder=is_folder)
    kd = open_existing(dataset, "r")
    check_outside(target, kd.ds.path)
    names = list(dict.fromkeys(tables)) or kd.ds.list_table_names()
    if not names:
        fail(f"{kd.ds.path} has no tables yet; `{call('refresh', kd.ds.path)}` makes them")
    if len(names) > 1:
        if not is_folder and suffix != ".xlsx":
            fail(
                f"{output} holds one table, not {len(names)} ({', '.join(names)}): "
                "give a folder, such as -o tables/, or name one table",
                USAGE,
            )
        if selection.where or selection.columns:
            fail("--where and --columns take one table; name it", USAGE)
    found = [read_rows(kd, name, selection) for name in names]
    if suffix == ".xlsx":
        check_fits(contents(found))
    if is_folder:
        target.mkdir(parents=True, exist_ok=True)
    files: list[tuple[Path, Sequence[Rows]]] = [(target, found)]
    if is_folder:
        files = [(target / f"{rows.info.name}{suffix}", [rows]) for rows in found]
    for path, content in files:
        write_tables(contents(content), path, bom=bom)
    description = write_data_package(files, target if is_folder else target.parent) if describe else None
    _report(files, description, as_json=as_json)


def _suffix(target: Path, form: str | None, *, is_folder: bool) -> str:
    known = ", ".join(kind.removeprefix(".") for kind in FORMATS)
    if form is not None and f".{form}" not in FORMATS:
        fail(f"--format takes {known}, got {form!r}", USAGE)
    if is_folder:
        return f".{form or DEFAULT_FORMAT}"
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        fail(
            f"--output must be a folder, such as -o tables/, or end with {', '.join(FORMATS)}, "
            f"got {str(target)!r}",
            USAGE,
        )
    if form is not None and f".{form}" != suffix:
        fail(f"--format {form} and --output {target} do not go together", USAGE)
    return suffix


def _report(files: Sequence[tuple[Path, Sequence[Rows]]], description: Path | None, *, as_json: bool) -> None:
    if as_json:
        content = [
            {
                "path": str(path),
                "tables": [{"table_name": rows.info.name, "rows": len(rows.frame)} for rows in tables],
            }
            for path, tables in files
        ]
        print_json({"files": content, "description": None if description is None else str(description)})
        return
    for path, tables in files:
        what = ", ".join(f"{rows.info.name} ({len(rows.frame)} rows)" for rows in tables)
        print_line(f"{what} -> {path}")
    if description is not None:
        print_line(f"description -> {description}")
