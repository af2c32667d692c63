"""``/api/jobs``: refresh and rebuild, begun and cancelled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kymflow_view.server.jobs import BusyError
from kymflow_view.server.parameters import bad_request

if TYPE_CHECKING:
    from starlette.requests import Request

    from kymflow_view.server.context import Context

_MAX_BYTES = 100_000
_EXPECTED = 'the body must be {"what": "refresh" or "rebuild", "tables": a list of names, or null}'


async def _start(request: Request) -> Response:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BYTES:
            raise HTTPException(413, f"the body must have at most {_MAX_BYTES} bytes")
    return await run_in_threadpool(_begin, request.app.state.context, body)


def _begin(context: Context, body: bytes) -> Response:
    if not context.writable:
        raise HTTPException(403, "the dataset is shown read-only: its tables cannot be written from here")
    wanted = _read(body)
    try:
        job = context.jobs.start(wanted["what"], _indexers(context, wanted["tables"]))
    except BusyError as error:
        raise HTTPException(409, str(error)) from error
    return JSONResponse({"job": job}, 202)


def _read(body: bytes) -> dict[str, Any]:
    try:
        wanted = {"tables": None, **json.loads(body)}
    except (ValueError, TypeError, RecursionError) as error:
        raise bad_request(_EXPECTED) from error
    tables = wanted["tables"]
    fits = tables is None or (
        isinstance(tables, list) and tables and all(isinstance(one, str) for one in tables)
    )
    if wanted.get("what") not in ("refresh", "rebuild") or len(wanted) > 2 or not fits:
        raise bad_request(_EXPECTED)
    return wanted


def _indexers(context: Context, tables: list[str] | None) -> list[str] | None:
    if tables is None:
        return None
    makers = {info.table_name: info.name for info in context.kd().registry.list() if info.status == "ok"}
    for table in tables:
        if table not in makers:
            raise bad_request(
                f"no installed indexer makes a table {table!r}; they make: {', '.join(sorted(makers))}"
            )
    return list(dict.fromkeys(makers[table] for table in tables))


def _current(request: Request) -> Response:
    return JSONResponse({"job": request.app.state.context.jobs.current()})


def _cancel(request: Request) -> Response:
    jobs = request.app.state.context.jobs
    jobs.cancel()
    return JSONResponse({"job": jobs.current()}, 202)


routes: list[BaseRoute] = [
    Route("/api/jobs", _start, methods=["POST"]),
    Route("/api/jobs/current", _current),
    Route("/api/jobs/current", _cancel, methods=["DELETE"]),
]
