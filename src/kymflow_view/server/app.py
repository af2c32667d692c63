"""The application: pages, data and jobs of one dataset, behind the guard of :mod:`.security`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware

from kymflow_view.server import dataset_routes, pages, panel_routes
from kymflow_view.server.errors import HANDLERS, unexpected
from kymflow_view.server.security import Security

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from kymflow_view.server.context import Context

# Each has `routes`.
_MORE = ("table_routes", "plot_routes", "image_routes")


def create_app(context: Context, token: str, port: int) -> Starlette:
    """Return the viewer of a dataset as an ASGI application.

    Parameters
    ----------
    context : Context
        The dataset.
    token : str
        The secret of the link that lets a browser in.
    port : int
        Where the application is served; requests to any other are refused.
    """
    routes: list[BaseRoute] = [*pages.routes, *dataset_routes.routes, *panel_routes.routes]
    for name in _MORE:
        if find_spec(f"kymflow_view.server.{name}"):
            routes += import_module(f"kymflow_view.server.{name}").routes
    app = Starlette(
        routes=routes,
        exception_handlers=HANDLERS,
        middleware=[
            Middleware(Security, token=token, port=port),
            # Starlette's own stands before the guard, and its answers would lack the guard's headers.
            Middleware(ServerErrorMiddleware, handler=unexpected),
        ],
    )
    app.state.context = context
    return app
