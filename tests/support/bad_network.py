"""A bad network before an S3 server: a proxy on loopback that loses, breaks, delays and makes up answers.

What it does to a request is told beforehand (`Faults.next`) or drawn by lot from a seed (`Faults.by_lot`);
each request is noted with what was done to it.
"""

from __future__ import annotations

import http.client
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

# What can be done to a request, apart from an answer that is made up (a status, or a status and a body):
RESET = "reset"  # it never arrives, and the connection breaks off
LOST = "lost"  # it is carried out, and the connection breaks off before the answer
HANG = "hang"  # it never arrives, and nothing ever comes back
LOST_HANG = "lost and hang"  # it is carried out, and nothing ever comes back
LATE = "late"  # nothing comes back, and it is carried out when the test says so
TRUNCATED = "truncated"  # half of the answer's body comes back
STALE = "stale"  # a listing as it was at the first time of asking
Fault = str | int | tuple[int, str]


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_listing(self) -> bool:
        return self.method == "GET" and "list-type" in self.path

    @property
    def is_conditional(self) -> bool:
        return self.method == "PUT" and any(name.lower().startswith("if-") for name in self.headers)

    def matches(self, method: str, part: str) -> bool:
        kind = "LIST" if self.is_listing else self.method
        return method in ("", kind) and part in self.path


@dataclass
class _Told:
    fault: Fault
    method: str
    part: str
    times: int


@dataclass
class Faults:
    """What is done to requests, and what was."""

    told: list[_Told] = field(default_factory=list)
    lot: Callable[[Request], Fault | None] = lambda request: None
    # What a test does before a request goes on.
    before: Callable[[Request], None] = lambda request: None
    # Each request, and what was done to it.
    noted: list[tuple[Request, Fault | None]] = field(default_factory=list)
    # What waits to be carried out.
    late: list[Callable[[], None]] = field(default_factory=list)

    def next(self, fault: Fault, method: str = "", part: str = "", times: int = 1) -> None:
        """Do something to the next requests of a kind: of a method (``LIST``: a listing), to such a path."""
        self.told.append(_Told(fault, method, part, times))

    def by_lot(self, seed: int, chances: Mapping[Fault, float]) -> None:
        """Do something to so many of all requests."""
        lot = random.Random(seed)
        faults, weights = [*chances], [*chances.values()]
        self.lot = lambda request: lot.choices([None, *faults], [1 - sum(weights), *weights])[0]

    def none(self) -> None:
        """Leave requests alone from now on."""
        self.told.clear()
        self.lot = lambda request: None

    def carry_out_late(self) -> None:
        """Carry out what was held back."""
        while self.late:
            self.late.pop(0)()

    def count(self, method: str = "", part: str = "") -> int:
        """Return how many requests of a kind came."""
        return sum(request.matches(method, part) for request, _ in self.noted)

    def choose(self, request: Request) -> Fault | None:
        for told in self.told:
            if told.times and request.matches(told.method, told.part):
                told.times -= 1
                return told.fault
        fault = self.lot(request)
        return None if fault == STALE and not request.is_listing else fault


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that a test leaves open do not keep it from ending.
    block_on_close = False
    request_queue_size = 128

    def __init__(self, server_port: int, faults: Faults) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = server_port
        self.faults = faults
        self.first_listings: dict[str, tuple[int, list[tuple[str, str]], bytes]] = {}
        self.ended = threading.Event()
        self.choosing = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        # A client that has gone is part of the game.
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length))
        faults = self.server.faults
        faults.before(request)
        with self.server.choosing:
            fault = faults.choose(request)
            faults.noted.append((request, fault))
        if isinstance(fault, int):
            fault = (fault, "")
        if isinstance(fault, tuple):
            body = b"" if self.command == "HEAD" else fault[1].encode()
            self._answer(fault[0], [("Content-Type", "application/xml")], body)
        elif fault == RESET:
            self._break_off()
        elif fault == HANG:
            self._hang()
        elif fault == LATE:
            faults.late.append(lambda: _forward(self.server.behind, request) and None)
            self._hang()
        else:
            self._carry_out(request, fault)

    do_PUT = do_HEAD = do_POST = do_DELETE = do_GET

    def _carry_out(self, request: Request, fault: Fault | None) -> None:
        # Of a listing, the first answer is kept to be given again.
        key = re.sub(r"&?(start-after|continuation-token)=[^&]*", "", request.path)
        answer = _forward(self.server.behind, request)
        if request.is_listing:
            first = self.server.first_listings.setdefault(key, answer)
            answer = first if fault == STALE else answer
        if fault == LOST:
            self._break_off()
        elif fault == LOST_HANG:
            self._hang()
        else:
            self._answer(*answer, truncated=fault == TRUNCATED)

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, truncated: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if truncated else body)
        if truncated:
            self._break_off()

    def _break_off(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _hang(self) -> None:
        """Say nothing until the client has gone."""
        self.close_connection = True
        self.connection.settimeout(0.05)
        while not self.server.ended.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue


def _forward(port: int, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        connection.request(request.method, request.path, request.body or None, headers)
        answer = connection.getresponse()
        body = answer.read()
        dropped = ("connection", "transfer-encoding", "date", "server")
        if request.method != "HEAD":
            dropped += ("content-length",)
        return answer.status, [one for one in answer.getheaders() if one[0].lower() not in dropped], body
    finally:
        connection.close()


@dataclass(frozen=True)
class BadNetwork:
    """A place for a dataset behind a proxy, and what the proxy does."""

    url: str
    faults: Faults
    monkeypatch: pytest.MonkeyPatch

    def patience(self, total_s: float, answer_s: float = 20) -> None:
        """Let stores that are opened from now on repeat requests for so long, each given up after so long."""
        self.monkeypatch.setenv("KYMFLOW_STORE_TIMEOUT_S", str(total_s))
        self.monkeypatch.setenv("AWS_READ_TIMEOUT", f"{round(1000 * answer_s)} ms")


@contextmanager
def between(server_port: int) -> Iterator[tuple[int, Faults]]:
    """Run a proxy in front of a server; its port, and what to do to requests, are yielded."""
    faults = Faults()
    with _Proxy(server_port, faults) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield int(proxy.server_address[1]), faults
        finally:
            proxy.ended.set()
            proxy.shutdown()
            thread.join()
