"""The page, and the files that it needs: all of them from this package."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    import os

    from starlette.requests import Request
    from starlette.types import Scope

STATIC = Path(__file__).resolve().parent.parent / "static"
PAGES = ("/", "/images", "/tables/{name}", "/plots/{name}", "/status")

# Not from the system: on Windows, any program may have changed what it says of .js, and a browser runs
# no module of another type.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/plain",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
# Asked for again each time, and answered by 304 while it is the same: after an update, nobody sees old parts.
_REVALIDATED = {"Cache-Control": "no-cache"}


class _Files(StaticFiles):
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        try:
            return super().lookup_path(path)
        except ValueError:
            # It holds NUL, which older versions of Starlette do not expect.
            return "", None

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        if isinstance(response, FileResponse):
            kind = _TYPES.get(PurePath(full_path).suffix.lower(), "application/octet-stream")
            is_text = kind.startswith("text/") or kind == "application/json"
            response.headers["Content-Type"] = f"{kind}; charset=utf-8" if is_text else kind
        response.headers.update(_REVALIDATED)
        return response


def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", media_type="text/html", headers=_REVALIDATED)


routes: list[BaseRoute] = [
    *(Route(path, _page) for path in PAGES),
    Mount("/static", _Files(directory=STATIC)),
]
