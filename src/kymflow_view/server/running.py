"""The server while it runs: its port, its link, the browser, and its end."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from kymflow import KymflowError
from kymflow_view.server.allocation import give_back_large_arrays
from kymflow_view.server.app import create_app
from kymflow_view.server.context import Context
from kymflow_view.server.security import HOST

PORT = 8765
# So many ports are tried after the usual one, before the system may choose any.
_TRIED = 20
# So long are threads waited for after the server has ended.
LEAVES_WITHIN_S = 1.0


class PortError(KymflowError, OSError):
    """The port cannot be used."""


def serve(dataset: str, port: int | None, *, read_only: bool, open_browser: bool) -> None:
    """Show a dataset until Ctrl-C.

    The link is printed to standard output, alone; what else there is to say goes to standard error.

    Parameters
    ----------
    dataset : str
        Path or URL.
    port : int, optional
        Where; by default the usual one, so that bookmarks live on, or the next that is free.
    read_only : bool
        Offer nothing that writes.
    open_browser : bool
        Open the link, too.

    Raises
    ------
    DatasetError
        There is no dataset, or one that cannot be used.
    PortError
        The port is taken, or not permitted.
    """
    give_back_large_arrays()
    context = Context(dataset, read_only=read_only)
    listening = bind(port)
    port = listening.getsockname()[1]
    token, token_once = secrets.token_urlsafe(), secrets.token_urlsafe()
    config = uvicorn.Config(
        create_app(context, token, port, token_once=token_once),
        # No log of requests, and of faults what lies on the way to the terminal; nothing has a URL in it.
        log_config=None,
        log_level="error",
        access_log=False,
        # The parts that are tested, whatever else is installed.
        http="h11",
        loop="asyncio",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    server = _Server(config, context)
    link = f"http://{HOST}:{port}/?token="
    try:
        _say(context, open_browser=open_browser)
        print(link + token, flush=True)
        if open_browser:
            # Some browsers, those in a terminal among them, come back only when they are closed.
            _in_background("browser", lambda: _open(link + token_once))
        _in_background("warm-up", context.warm_up)
        server.run([listening])
    except KeyboardInterrupt as interruption:
        # The way to end it, and no failure; another signal, which raises a kind of it, is not.
        if type(interruption) is not KeyboardInterrupt:
            raise
    finally:
        listening.close()
        context.close()


def leave() -> None:
    """End the program at once if anything of the viewer still runs, such as a plugin that hangs.

    Python would wait for its thread for ever, or abort in the middle of Arrow's code. What a job leaves
    is the old table, as after a kill.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    deadline_s = time.monotonic() + LEAVES_WITHIN_S
    for thread in others:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def bind(port: int | None) -> socket.socket:
    """Return a socket that listens at a port, to this machine alone; who connects waits to be served.

    Raises
    ------
    PortError
        It is taken, or not permitted.
    """
    for candidate in [port] if port is not None else [*range(PORT, PORT + _TRIED), 0]:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # On Windows, the option that elsewhere frees the port of a program that has ended shares it with
        # one that runs.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        listening.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, candidate))
            # Two may be bound to a port while neither listens.
            listening.listen()
            return listening
        except OSError as error:
            listening.close()
            if port is None and error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            why = "another program uses it" if error.errno == errno.EADDRINUSE else error.strerror
            raise PortError(f"port {candidate} cannot be used: {why}; give --port another number") from error
    raise PortError("no port of this machine is free")


class _Server(uvicorn.Server):
    """uvicorn, with an end of the streams of events: it waits for them."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Heed a terminal that is closed, too: in the middle of the loop, that would be a fault."""
        with super().capture_signals():
            hang_up = getattr(signal, "SIGHUP", None)
            # Under nohup it is ignored.
            if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN:
                yield
                return
            before = signal.signal(hang_up, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(hang_up, before)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._context.stopping.set()
        self._context.changes.close()
        # Who still waits for an answer is cut off; that is no fault to tell of.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _say(context: Context, *, open_browser: bool) -> None:
    what = f"kymflow: showing {context.name}" + ("" if context.writable else ", read-only,")
    where = " in the browser" if open_browser else "; open this link"
    print(
        f"{what.rstrip(',') if not open_browser else what}{where}. Ctrl-C ends it.",
        file=sys.stderr,
        flush=True,
    )


def _open(link: str) -> None:
    if not webbrowser.open(link):
        print("kymflow: no browser could be opened: open the link above in one", file=sys.stderr, flush=True)


def _in_background(name: str, what: Callable[[], None]) -> None:
    threading.Thread(target=what, name=f"kymflow {name}", daemon=True).start()
