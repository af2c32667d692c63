"""``kymflow show``: the tables of a dataset, the rows of one, and rows to a file."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from kymflow.cli.datasets import open_existing
from kymflow.cli.failures import USAGE, fail, say
from kymflow.cli.output import print_json, print_rows, print_table
from kymflow.core.zarr.indexers.base import IMAGE_ID, normalize_table_name
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow.core.zarr.tables.info import TableInfo, describe_table
from kymflow_zarr import ColumnError, TableError
from kymflow_zarr.formats import frames

DEFAULT_LIMIT = 20


def show_dataset(dataset: str, *, as_json: bool) -> None:
    """Print which images and tables a dataset has."""
    kd = open_existing(dataset, "r")
    images = len(kd.ds.list_image_ids())
    infos = [_describe(kd, name) for name in kd.ds.list_table_names()]
    if as_json:
        tables = [{**info.to_dict(), "problem": _absent(kd, info)} for info in infos]
        print_json({"dataset": kd.ds.path, "images": images, "tables": tables})
        return
    print(f"{kd.ds.path}: {images} images, Zarr v{kd.ds.zarr_format}")
    if infos:
        print_table(
            "tables",
            ("table", "rows", "columns", "made by"),
            [(info.name, info.rows, len(info.columns), info.error or _made_by(kd, info)) for info in infos],
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


def show_table(
    dataset: str,
    table: str,
    *,
    limit: int | None,
    image: str | None,
    source: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Print a table's rows, or write them to a file."""
    if output is not None and output.suffix.lower() not in WRITERS:
        fail(f"--output must end with {', '.join(WRITERS)}, got {str(output)!r}", USAGE)
    kd = open_existing(dataset, "r")
    frame = kd.get_table(table, with_source=source)
    if image is not None:
        frame = _rows_of(kd, table, frame, image)
    if output is not None:
        _check_outside(output, kd.ds.path)
        shown = frame if limit is None else frame.head(limit)
        write_frame(shown, output)
        if as_json:
            print_json({"rows": len(frame), "written": len(shown), "output": str(output)})
        else:
            print(f"{len(shown)} of {len(frame)} rows -> {output}")
        return
    if as_json:
        shown = frame if limit is None else frame.head(limit)
        named = table if table in kd.ds.list_table_names() else normalize_table_name(table)
        info = describe_table(kd.ds, named)
        content = {**info.to_dict(), "problem": _absent(kd, info)}
        print_json({**content, "rows": len(frame), "data": to_records(shown)})
        return
    shown = frame.head(DEFAULT_LIMIT if limit is None else limit)
    cells = [
        ["" if pd.isna(cell) is True else _cell(cell) for cell in row]
        for row in shown.itertuples(index=False)
    ]
    left_out = print_rows(f"{table}: {len(shown)} of {len(frame)} rows", list(frame.columns), cells)
    if left_out:
        say(f"kymflow: {len(left_out)} more columns: {', '.join(left_out)}; --output FILE has them all")


def _check_outside(output: Path, dataset: str) -> None:
    """Refuse to write into the dataset itself, where tables would be taken for kymflow's own."""
    inside = os.path.realpath(output).startswith(os.path.join(os.path.realpath(dataset), ""))
    if inside:
        fail(f"{output} lies inside the dataset {dataset}; write it somewhere else", USAGE)


def _rows_of(kd: KymDataset, table: str, frame: pd.DataFrame, image: str) -> pd.DataFrame:
    if IMAGE_ID not in frame.columns:
        raise ColumnError(f"table {table!r} of {kd.ds.path} has no column {IMAGE_ID!r} to find an image by")
    # As plain objects: an id that is no UTF-8 cannot be compared with a text column.
    rows = frame[frame[IMAGE_ID].astype(object) == image].reset_index(drop=True)
    if rows.empty:
        # Without rows is an answer; without image is a mistake.
        kd.ds.record(image).get_attrs()
    return rows


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


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


def _write_json(frame: pd.DataFrame, path: Path) -> None:
    path.write_text(json.dumps(to_records(frame), indent=2, ensure_ascii=False), encoding="utf-8")


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False, encoding="utf-8"),
    ".json": _write_json,
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write rows to a file in the form that its suffix names; an old file stays until then."""
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        WRITERS[path.suffix.lower()](frame, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
