"""Who is let in: the browser that was given the link, asking for this server by its own name."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
_TOKEN = b"token="
_SAFE_METHODS = ("GET", "HEAD")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Without styles: those of the viewer are for whom it lets in.
_NO_COOKIE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>kymflow: not let in</title>
<h1>This browser has not been let in</h1>
<p>kymflow shows a dataset only to the browser that opened the link which <code>kymflow view</code> printed.
Each start of the viewer makes a new link, and the one before it ends.</p>
<p>Copy the link from the terminal in which the viewer runs, or end the viewer there (Ctrl-C) and start it
again: <code>kymflow view DATASET</code>. After that, bookmarks work again.</p>
<p>If you came by a link on another page, <a href="">open this page again</a>.</p>
</html>
"""


class Security:
    """Lets a request pass if its Host, Origin and cookie are right; adds headers to every answer.

    A link with the token is answered by a cookie and the same URL without the token, so that the
    token is in no history and no log, and is sent to nobody else.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    token : str
        The secret of the link, and of the cookie.
    port : int
        Of the server; browsers send cookies to every port of a host, so the name of ours holds it.
    token_once : str, optional
        Another secret, which a link can have once: the command line of a browser, which anybody on this
        machine may see, is no place for one that lasts.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, token_once: str | None = None) -> None:
        self._app = app
        self._token = token.encode()
        self._token_once = token_once.encode() if token_once else None
        self._hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
        self._cookie = cookie_name(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = self._refusal(scope) or self._app
            await answer(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "kymflow has no websockets"})

    def _refusal(self, scope: Scope) -> Response | None:
        """Return what to answer instead of what was asked for; None if it may pass."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self._hosts:
            return _refuse(scope, f"this server is not called {host!r}: open the link that kymflow printed")
        if origin is not None and origin != f"http://{host}":
            return _refuse(scope, f"requests from {origin!r} are not answered")
        if origin is None and scope["method"] not in _SAFE_METHODS:
            return _refuse(
                scope, "a request that changes something must say which page it comes from (Origin)"
            )
        parts = [part for part in scope["query_string"].split(b"&") if part]
        given = [part.removeprefix(_TOKEN) for part in parts if part.startswith(_TOKEN)]
        may_pass = self._has_cookie(scope)
        if given and scope["method"] in _SAFE_METHODS:
            if self._is_right(given[-1]):
                return self._without_token(scope, parts, set_cookie=True)
            if may_pass:
                return self._without_token(scope, parts, set_cookie=False)
        if may_pass:
            return None
        if scope["path"].startswith(("/api/", "/static/")):
            return _refuse(scope, "this browser has not been let in: open the link that kymflow printed")
        return HTMLResponse(_NO_COOKIE, 403)

    def _is_right(self, token: bytes) -> bool:
        if self._token_once is not None and hmac.compare_digest(token, self._token_once):
            self._token_once = None
            return True
        return hmac.compare_digest(token, self._token)

    def _has_cookie(self, scope: Scope) -> bool:
        # Starlette reads over what other servers of this host have set and the standard library stops at.
        mine = HTTPConnection(scope).cookies.get(self._cookie, "")
        return hmac.compare_digest(mine.encode(), self._token)

    def _without_token(self, scope: Scope, parts: list[bytes], *, set_cookie: bool) -> Response:
        # One slash: two of them would name another server.
        path = "/" + scope.get("raw_path", scope["path"].encode()).decode("latin-1").lstrip("/\\")
        query = b"&".join(part for part in parts if not part.startswith(_TOKEN)).decode("latin-1")
        response = RedirectResponse(f"{path}?{query}" if query else path, 303)
        if set_cookie:
            response.set_cookie(self._cookie, self._token.decode(), httponly=True, samesite="strict")
        return response


def cookie_name(port: int) -> str:
    """Return the name of the cookie of a server at a port."""
    return f"kymflow-{port}"


def _refuse(scope: Scope, why: str) -> Response:
    return JSONResponse({"error": why}, 403)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            # What a route says itself counts.
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers
