"""The page, and the files that it needs: all of them from this package, kept in memory."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kymflow_view.server.scripts import is_script, join_scripts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

STATIC = Path(__file__).resolve().parent.parent / "static"
PAGES = ("/", "/images", "/tables/{name}", "/plots/{name}", "/status")
_INDEX = "index.html"
FIRST_SCRIPT = "app/main.js"
# Stylesheets that are sent as one, in this order: each file that it asks for costs a page some milliseconds.
JOINED = {
    "styles.css": [f"css/{name}.css" for name in ("theme", "shell", "table", "pages", "image")],
    "vendor/styles.css": ["vendor/tabulator/tabulator_simple.min.css", "vendor/uplot/uPlot.min.css"],
}

# Not from the system: on Windows, any program may have changed what it says of .js, and a browser runs
# no module of another type.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class _File:
    content: bytes
    headers: Mapping[str, str]


@functools.cache
def _files() -> Mapping[str, _File]:
    """Return all files by their path below `STATIC`.

    A megabyte, read once; each would be opened in a thread. What is not
    among them is not there, whatever a path looks like.
    """
    contents = {
        path.relative_to(STATIC).as_posix(): path.read_bytes() for path in STATIC.rglob("*") if path.is_file()
    }
    styles = {name: b"\n".join(contents[part] for part in parts) for name, parts in JOINED.items()}
    scripts = join_scripts(contents, FIRST_SCRIPT)
    # A part that is sent by itself as well would run twice.
    others = {name: content for name, content in contents.items() if not is_script(name)}
    return {name: _file(name, content) for name, content in {**others, **styles, **scripts}.items()}


def _file(name: str, content: bytes) -> _File:
    headers = {
        "Content-Type": _TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream"),
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        # Asked for again each time, and answered by 304 while it is the same: after an update, nobody
        # sees old parts.
        "Cache-Control": "no-cache",
    }
    return _File(content, headers)


# Asynchronous, as nothing here waits: a plain function would be handed to a thread.
async def _page(request: Request) -> Response:
    return _answer(request, _files()[_INDEX])


async def _static(request: Request) -> Response:
    file = _files().get(request.path_params["path"])
    if file is None:
        raise HTTPException(404, "there is no such file")
    return _answer(request, file)


def _answer(request: Request, file: _File) -> Response:
    if file.headers["ETag"] in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=file.headers)
    return Response(file.content, headers=file.headers)


routes: list[BaseRoute] = [
    *(Route(path, _page) for path in PAGES),
    Route("/static/{path:path}", _static),
]
