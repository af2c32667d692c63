"""``kymflow show`` and ``kymflow images``: the tables of a dataset, the rows of one, and rows to a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from kymflow.cli.datasets import open_existing
from kymflow.cli.failures import USAGE, fail
from kymflow.cli.groups import summed_up
from kymflow.cli.lines import counted, print_line
from kymflow.cli.output import print_data, print_json, print_table
from kymflow.cli.row_layout import print_as_text
from kymflow.cli.rows import Rows, Selection, read_rows, sorted_rows
from kymflow.cli.writers import check_outside, contents
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow.core.zarr.tables.image_columns import IMAGES_TABLE
from kymflow.core.zarr.tables.info import TableInfo, describe_table
from kymflow.export.comma_separated import csv_pieces
from kymflow.export.plain import to_records
from kymflow.export.write import FORMATS, write_tables
from kymflow_zarr import TableError

# On a terminal, unless --limit says otherwise.
DEFAULT_LIMIT = 20
STANDARD_OUTPUT = "-"


def show_dataset(dataset: str, *, as_json: bool) -> None:
    """Print which images and tables a dataset has."""
    kd = open_existing(dataset, "r")
    images = len(kd.ds.list_image_ids())
    infos = [_describe(kd, name) for name in kd.ds.list_table_names()]
    if as_json:
        tables = [{**info.to_dict(), "problem": _absent(kd, info)} for info in infos]
        print_json({"dataset": kd.ds.path, "images": images, "tables": tables})
        return
    print(f"{kd.ds.path}: {counted(images, 'image')}, Zarr v{kd.ds.zarr_format}")
    if infos:
        print_table(
            "tables",
            ("table", "rows", "columns", "made by"),
            [(info.name, info.rows, len(info.columns), info.error or _made_by(kd, info)) for info in infos],
            right=(1, 2),
        )


def _describe(kd: KymDataset, name: str) -> TableInfo:
    try:
        return describe_table(kd.ds, name)
    except TableError as error:
        return TableInfo(name, error=str(error))


def _made_by(kd: KymDataset, info: TableInfo) -> str:
    return "; ".join(filter(None, (info.made_by, _absent(kd, info))))


def _absent(kd: KymDataset, info: TableInfo) -> str:
    """Say if the plugin that made a table is not there; nothing is imported for it."""
    absent = kd.registry.why_absent(info.distribution) if info.distribution else ""
    return f"its plugin {absent}" if absent else ""


def show_table(dataset: str, table: str, selection: Selection, *, output: str | None, as_json: bool) -> None:
    """Print a table's rows, or write them to a file."""
    if output is not None and output != STANDARD_OUTPUT:
        suffix = Path(output).suffix.lower()
        if suffix not in FORMATS:
            fail(f"--output must end with {', '.join(FORMATS)}, or be -, got {output!r}", USAGE)
    kd = open_existing(dataset, "r")
    on_terminal = sys.stdout.isatty() and output is None and not as_json
    if on_terminal and selection.limit is None:
        selection = replace(selection, limit=DEFAULT_LIMIT)
    if output is not None and not selection.columns:
        # A file has what the screen shows: the image's file, too.
        selection = replace(selection, source=True)
    rows = _asked_rows(kd, table, selection)
    if output == STANDARD_OUTPUT:
        print_data(csv_pieces(*contents([rows])))
    elif output is not None:
        check_outside(Path(output), kd.ds.path)
        write_tables(contents([rows]), output)
        if as_json:
            print_json({"rows": rows.total, "written": len(rows.frame), "output": output})
        else:
            print_line(f"{len(rows.frame)} of {rows.total} rows -> {output}")
    elif as_json:
        content = {**rows.info.to_dict(), "problem": _absent(kd, rows.info)}
        print_json({**content, "rows": rows.total, "data": to_records(rows.frame)})
    else:
        print_as_text(rows, one_below_the_other=selection.image is not None)


def _asked_rows(kd: KymDataset, table: str, selection: Selection) -> Rows:
    if not selection.by:
        return read_rows(kd, table, selection)
    everything = replace(selection, columns=(), sort=None, limit=None, source=True)
    rows = summed_up(read_rows(kd, table, everything), selection.by, selection.columns)
    frame = sorted_rows(rows.info.name, rows.frame, selection, dict)
    return replace(rows, frame=frame if selection.limit is None else frame.head(selection.limit))


def show_images(dataset: str, selection: Selection, *, output: str | None, as_json: bool) -> None:
    """Print the images of a dataset, or write them to a file."""
    show_table(dataset, IMAGES_TABLE, selection, output=output, as_json=as_json)
