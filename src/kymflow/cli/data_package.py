"""A description of exported tables, as archives want it: a Frictionless Data Package (version 2).

https://datapackage.org/standard/data-package/ says what the keys mean. ``unit`` is not among those of
the standard, which allows further ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kymflow.cli.writers import contents
from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.tables.image_columns import IMAGES_TABLE
from kymflow.export.write import replaced

if TYPE_CHECKING:
    from kymflow.cli.rows import Rows

FILE_NAME = "datapackage.json"
_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
_MEDIA_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def write_data_package(files: Sequence[tuple[Path, Sequence[Rows]]], folder: Path) -> Path:
    """Describe the tables in these files, and return where that is written.

    Parameters
    ----------
    files : sequence of (Path, sequence of Rows)
        Each file with the tables in it.
    folder : Path
        Where the files are, and the description, too.
    """
    names = {rows.info.name for _, tables in files for rows in tables}
    resources = [
        _resource(rows, os.path.relpath(path, folder).replace(os.sep, "/"), names)
        for path, tables in files
        for rows in tables
    ]
    path = folder / FILE_NAME
    with replaced(path) as temporary:
        content = {"$schema": _PROFILE, "resources": resources}
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")
    return path


def _resource(rows: Rows, path: str, tables: set[str]) -> dict[str, Any]:
    kind = path.rpartition(".")[2].lower()
    resource: dict[str, Any] = {
        "name": rows.info.name,
        "type": "table",
        "path": path,
        "format": kind,
        "mediatype": _MEDIA_TYPES[kind],
        "schema": _schema(rows, kind, tables),
    }
    if kind == "csv":
        resource["encoding"] = "utf-8"
        resource["description"] = "A text that begins with = + - @ has an apostrophe before it."
    if kind == "xlsx":
        resource["dialect"] = {"sheetName": rows.info.name}
    return resource


def _schema(rows: Rows, kind: str, tables: set[str]) -> dict[str, Any]:
    (content,) = contents([rows])
    (table,) = content.arrow()
    schema: dict[str, Any] = {"fields": [_field(field, kind) for field in table.schema]}
    if IMAGE_ID in rows.frame.columns:
        if rows.info.name == IMAGES_TABLE:
            schema["primaryKey"] = [IMAGE_ID]
        elif IMAGES_TABLE in tables:
            reference = {"resource": IMAGES_TABLE, "fields": [IMAGE_ID]}
            schema["foreignKeys"] = [{"fields": [IMAGE_ID], "reference": reference}]
    return schema


def _field(field: pa.Field, kind: str) -> dict[str, Any]:
    found = {"name": field.name, "type": _type(field.type)}
    if found["type"] == "boolean" and kind == "csv":
        found |= {"trueValues": ["True"], "falseValues": ["False"]}
    notes = {key.decode(): said.decode() for key, said in (field.metadata or {}).items()}
    return found | {key: notes[key] for key in ("unit", "description") if key in notes}


def _type(kind: pa.DataType) -> str:
    """Return the type in the words of Table Schema."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = {
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "number": lambda found: pa.types.is_floating(found) or pa.types.is_decimal(found),
        "datetime": pa.types.is_timestamp,
        "date": pa.types.is_date,
        "time": pa.types.is_time,
        "string": lambda found: pa.types.is_string(found) or pa.types.is_large_string(found),
        "array": lambda found: pa.types.is_list(found) or pa.types.is_large_list(found),
        "object": pa.types.is_struct,
    }
    return next((name for name, fits in tests.items() if fits(kind)), "any")
