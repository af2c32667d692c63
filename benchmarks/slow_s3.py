"""A proxy in front of an S3 server: each request takes so much longer, and is counted by kind.

    python benchmarks/slow_s3.py PORT SERVER_PORT LATENCY_MS

Connections stay open, one to the server for each one to the proxy. ``/_counts`` answers with what was
asked for since the last time, as JSON; ``/_latency/MS`` sets another latency.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter, deque

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CONDITION = re.compile(rb"\r\nif-(?:none-)?match:", re.IGNORECASE)
KINDS = {b"POST": "DELETE many"}


class Proxy:
    """What all connections share."""

    def __init__(self, server_port: int, latency_s: float) -> None:
        self.server_port = server_port
        self.latency_s = latency_s
        self.counts: Counter[str] = Counter()

    def own_answer(self, path: str) -> bytes | None:
        """Return the answer to what the proxy is asked itself; None for all that is the server's."""
        if path.startswith("/_latency/"):
            self.latency_s = float(path.rpartition("/")[2]) / 1000
            body = b"{}"
        elif path == "/_counts":
            body = json.dumps(self.counts).encode()
            self.counts = Counter()
        else:
            return None
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


class FromClient(asyncio.Protocol):
    """Takes requests, one after the other, and hands each on when its time has come."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.transport: asyncio.Transport
        self.server: asyncio.Transport | None = None
        self.received = b""
        self.waiting: deque[bytes] = deque()
        self.kinds: deque[str] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self.server, _ = await loop.create_connection(
            lambda: FromServer(self), "127.0.0.1", self.proxy.server_port
        )
        while self.waiting:
            self.server.write(self.waiting.popleft())

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        head = self.received[:end]
        found = _LENGTH.search(head)
        end += int(found[1]) if found else 0
        if len(self.received) < end:
            return
        request, self.received = self.received[:end], self.received[end:]
        method, path, _ = head.split(b" ", 2)
        answer = self.proxy.own_answer(path.decode())
        if answer is not None:
            self.transport.write(answer)
            return
        kind = KINDS.get(method, method.decode())
        if b"list-type" in path:
            kind = "LIST"
        elif _CONDITION.search(head):
            kind += " (conditional)"
        asyncio.get_running_loop().call_later(self.proxy.latency_s, self._hand_on, request, kind)

    def _hand_on(self, request: bytes, kind: str) -> None:
        self.kinds.append(kind)
        if self.server is None:
            self.waiting.append(request)
        else:
            self.server.write(request)

    def connection_lost(self, error: Exception | None) -> None:
        self.connecting.cancel()
        if self.server is not None:
            self.server.close()


class FromServer(asyncio.Protocol):
    """Gives answers back; the first piece of each says how it went."""

    def __init__(self, client: FromClient) -> None:
        self.client = client

    def data_received(self, data: bytes) -> None:
        if self.client.kinds:
            kind = self.client.kinds.popleft()
            self.client.proxy.counts[kind + (" (not there)" if data[9:12] == b"404" else "")] += 1
        self.client.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.client.transport.close()


async def serve(port: int, server_port: int, latency_s: float) -> None:
    proxy = Proxy(server_port, latency_s)
    server = await asyncio.get_running_loop().create_server(lambda: FromClient(proxy), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
