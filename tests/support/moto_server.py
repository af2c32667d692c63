"""moto as an S3 server that heeds the conditions of a put: it takes one write at a time.

By itself it looks at ``If-Match`` and stores the object in two steps, between which another thread of it
can store another one: then both writers are told that they were first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

_application = DomainDispatcherApplication(create_backend_app)
_writing = threading.Lock()


def one_write_at_a_time(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return _application(environ, start_response)
    with _writing:
        return list(_application(environ, start_response))


if __name__ == "__main__":
    run_simple("127.0.0.1", 0, one_write_at_a_time, threaded=True, request_handler=MotoRequestHandler)
