"""A real S3 server on this machine that takes its time for every request, and counts them by kind.

    python benchmarks/slow_s3.py PORT LATENCY_MS

It is moto's server with a thread per connection; connections stay open. ``/_counts`` answers with what
was asked for since the last time, as JSON; ``/_latency/MS`` sets another latency.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

Environ = dict[str, Any]
KINDS = {"GET": "GET", "HEAD": "HEAD", "PUT": "PUT", "DELETE": "DELETE", "POST": "DELETE many"}


class SlowServer:
    """The application of the server, each request of which takes so much longer."""

    def __init__(self, latency_s: float) -> None:
        self._application = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self.latency_s = latency_s
        self.counts: Counter[str] = Counter()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        if path == "/_counts":
            return self._answer(json.dumps(self._taken()), start_response)
        if path.startswith("/_latency/"):
            self.latency_s = float(path.rpartition("/")[2]) / 1000
            return self._answer("{}", start_response)
        time.sleep(self.latency_s)
        status = []

        def note(line: str, *more: Any) -> Any:
            status.append(line)
            return start_response(line, *more)

        answer = list(self._application(environ, note))
        self._count(environ, status[0])
        return answer

    def _count(self, environ: Environ, status: str) -> None:
        kind = KINDS[environ["REQUEST_METHOD"]]
        if "list-type" in environ.get("QUERY_STRING", ""):
            kind = "LIST"
        elif status.startswith("404"):
            kind += " (not there)"
        elif "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ:
            kind += " (conditional)"
        with self._lock:
            self.counts[kind] += 1

    def _taken(self) -> Counter[str]:
        with self._lock:
            taken, self.counts = self.counts, Counter()
        return taken

    def _answer(self, text: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text.encode()]


class Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Say nothing: to print costs more than to answer."""


if __name__ == "__main__":
    run_simple(
        "127.0.0.1",
        int(sys.argv[1]),
        SlowServer(float(sys.argv[2]) / 1000),  # type: ignore[arg-type]
        threaded=True,
        request_handler=Handler,
    )
