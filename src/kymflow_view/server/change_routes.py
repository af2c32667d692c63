"""``/api/changes``: server-sent events of tables, jobs and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from kymflow_view.server.context import Context


async def _changes(request: Request) -> Response:
    context: Context = request.app.state.context
    return StreamingResponse(context.changes.stream(), media_type="text/event-stream")


routes: list[BaseRoute] = [Route("/api/changes", _changes)]
