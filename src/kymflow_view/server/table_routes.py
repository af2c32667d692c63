"""``/api/tables/...``: columns, pages of rows, positions, values, and files to take away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from kymflow import ColumnInfo, TableContent, write_tables
from kymflow_view.server.parameters import bad_request, get_choice, get_flag, get_integer, get_text
from kymflow_view.tables import Query, Tables, View, parse_query
from kymflow_view.tables.query import MAX_SEARCH, MAX_WHERE, parse_conditions
from kymflow_view.tables.view import MAX_ROWS
from kymflow_view.units import shown_unit

if TYPE_CHECKING:
    from starlette.requests import Request

_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
FORMATS = tuple(_MEDIA_TYPES)
_CHUNK = 2**20
MAX_OFFSET = 2**31 - 1
DEFAULT_ROWS = 100


def get_query(request: Request) -> Query:
    """Return what a request asks of a table."""
    return parse_query(
        q=get_text(request, "q", longest=MAX_SEARCH),
        where=get_text(request, "where", longest=MAX_WHERE),
        sort=get_text(request, "sort", longest=MAX_WHERE),
        images=get_flag(request, "images"),
    )


def get_tables(request: Request) -> Tables:
    """Return the tables of the dataset."""
    tables: Tables = request.app.state.context.tables
    return tables


def get_view(request: Request) -> View:
    """Return the rows that a request asks for."""
    return get_tables(request).view(request.path_params["name"], get_query(request))


def version_of(view: View) -> dict[str, str]:
    """Return of which version of the table the rows are; and of ``images``, where that is joined."""
    images = view.joined.images
    return {
        "version": view.joined.table.version,
        **({} if images is None else {"images_version": images.version}),
    }


def _table(request: Request) -> Response:
    name = request.path_params["name"]
    joined = get_tables(request).joined(name, images=get_flag(request, "images"))
    columns = [
        {
            "name": one.column.name,
            "kind": one.column.kind,
            "unit": shown_unit(one.column.unit),
            "description": one.column.description,
            "of": one.column.of,
            "empty": one.column.is_empty,
        }
        for one in joined.columns.values()
    ]
    table = joined.table
    return JSONResponse(
        {
            "name": table.name,
            "version": table.version,
            "n_rows": table.n_rows,
            "made_by": table.made_by,
            "columns": columns,
        }
    )


def _rows(request: Request) -> Response:
    view = get_view(request)
    offset = get_integer(request, "offset", 0, 0, MAX_OFFSET)
    limit = get_integer(request, "limit", DEFAULT_ROWS, 0, MAX_ROWS)
    columns = get_text(request, "columns", longest=MAX_WHERE) or None
    page = view.page(offset, limit, columns)
    found: dict[str, Any] = {
        **version_of(view),
        "total": view.total,
        "offset": offset,
        "columns": page.columns,
        "rows": page.rows,
    }
    return JSONResponse(found)


def _position(request: Request) -> Response:
    view = get_view(request)
    image_id = get_text(request, "image_id")
    if not image_id:
        raise bad_request("image_id is missing")
    row = parse_conditions(get_text(request, "row", longest=MAX_WHERE), "row")
    near = get_integer(request, "near", 0, 0, MAX_OFFSET)
    return JSONResponse({**version_of(view), "position": view.position(image_id, row, near)})


def _values(request: Request) -> Response:
    view = get_view(request)
    column = get_text(request, "column", longest=MAX_WHERE)
    values, more = view.values(column)
    return JSONResponse({**version_of(view), "values": values, "more": more})


def _export(request: Request) -> Response:
    view = get_view(request)
    form = get_choice(request, "format", "csv", FORMATS)
    name = f"{view.joined.table.name}.{form}"
    # Whole before the answer begins: what a form cannot hold is then told as an error.
    with tempfile.TemporaryDirectory(prefix="kymflow-") as folder:
        path = Path(folder, f"rows.{form}")
        write_tables([_content(view)], path)
        file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by who sends it)
        with path.open("rb") as written:
            shutil.copyfileobj(written, file)
    n_bytes = file.tell()
    file.seek(0)
    return StreamingResponse(
        _sent(file),
        media_type=_MEDIA_TYPES[form],
        headers={
            "Content-Length": str(n_bytes),
            "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        },
    )


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    # Once it is closed, it is gone; also if the browser leaves.
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _content(view: View) -> TableContent:
    columns = [one.column for one in view.joined.columns.values()]
    infos = {
        column.name: ColumnInfo(column.name, str(column.plain_type), column.unit, column.description)
        for column in columns
    }
    return TableContent(view.joined.table.name, list(infos), view.total, view.pieces(), infos)


routes: list[BaseRoute] = [
    Route("/api/tables/{name}", _table),
    Route("/api/tables/{name}/rows", _rows),
    Route("/api/tables/{name}/position", _position),
    Route("/api/tables/{name}/values", _values),
    Route("/api/tables/{name}/export", _export),
]
