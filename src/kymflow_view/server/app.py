"""The application: pages, data and jobs of one dataset, behind the guard of :mod:`.security`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware

from kymflow_view.server import (
    change_routes,
    dataset_routes,
    image_routes,
    job_routes,
    pages,
    panel_routes,
    plot_routes,
    status_routes,
    table_routes,
)
from kymflow_view.server.errors import HANDLERS, unexpected
from kymflow_view.server.security import Security

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from kymflow_view.server.context import Context

_MODULES = (
    pages,
    dataset_routes,
    table_routes,
    plot_routes,
    image_routes,
    panel_routes,
    status_routes,
    job_routes,
    change_routes,
)


def create_app(context: Context, token: str, port: int, *, token_once: str | None = None) -> Starlette:
    """Return the viewer of a dataset as an ASGI application.

    Parameters
    ----------
    context : Context
        The dataset.
    token : str
        The secret of the link that lets a browser in.
    port : int
        Where the application is served; requests to any other are refused.
    token_once : str, optional
        Another secret that lets a browser in, but only once.
    """
    routes: list[BaseRoute] = [route for module in _MODULES for route in module.routes]
    app = Starlette(
        routes=routes,
        exception_handlers=HANDLERS,
        middleware=[
            Middleware(Security, token=token, port=port, token_once=token_once),
            # Starlette's own stands before the guard, and its answers would lack the guard's headers.
            Middleware(ServerErrorMiddleware, handler=unexpected),
        ],
    )
    app.state.context = context
    return app
