"""``/api/images/{id}/panels/{name}``: what a plugin shows of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kymflow_view.panels.plain import PanelError

if TYPE_CHECKING:
    from starlette.requests import Request

    from kymflow_view.server.context import Context


def _panel(request: Request) -> Response:
    context: Context = request.app.state.context
    record = context.kd().ds.record(request.path_params["image_id"])
    # Of an image that is not there, the panel would be wrongly accused.
    record.get_attrs()
    try:
        panel = context.panels.draw(request.path_params["name"], record)
    except PanelError as error:
        # Told where the panel would be; there is nothing wrong with the request.
        return JSONResponse({"error": str(error)})
    return JSONResponse(panel)


routes: list[BaseRoute] = [Route("/api/images/{image_id}/panels/{name:path}", _panel)]
