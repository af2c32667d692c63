"""Fixtures for every test: places to keep a dataset, the shared real data, an object store."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from kymflow_zarr import ZarrDataset
from kymflow_zarr.store.base import SETTLED_AFTER_NS
from kymflow_zarr.store.disk import clock
from support import bad_network as bad_network_proxy
from support import s3_servers
from support.bad_network import BadNetwork
from support.faults.injector import build
from support.paths import REPO, TESTS
from support.processes import StartPython

# How long an example takes depends on what else the machine does.
settings.register_profile("kymflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kymflow")


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept in the user's cache folder (on Linux) is kept for these tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@dataclass(frozen=True)
class Place:
    """Where a dataset is (or will be), and in which Zarr format."""

    url: str
    zarr_format: int

    def open(self, mode: str = "a") -> ZarrDataset:
        return ZarrDataset(self.url, mode, zarr_format=self.zarr_format)


@pytest.fixture
def new_url(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Make URLs where nothing is yet: ``memory``, or ``s3`` of a server that starts when first asked for."""

    def make(kind: str) -> str:
        name = uuid.uuid4().hex
        if kind == "memory":
            return f"memory://{name}"
        return f"{request.getfixturevalue('s3_bucket')}/{name}/lab.zarr"

    return make


@pytest.fixture(params=["memory", "s3"])
def object_url(request: pytest.FixtureRequest, new_url: Callable[[str], str]) -> str:
    """A URL in each kind of object store."""
    return new_url(request.param)


@pytest.fixture(params=["local-v3", "local-v2", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, new_url: Callable[[str], str]) -> Place:
    """Somewhere without a dataset yet: a local path (Zarr v3, v2), a store in memory, an S3 server."""
    if request.param in ("memory", "s3"):
        return Place(new_url(request.param), 3)
    return Place(str(tmp_path / "lab.zarr"), int(request.param[-1]))


@pytest.fixture
def dataset(place: Place) -> ZarrDataset:
    """An empty dataset in each place."""
    return place.open()


@pytest.fixture
def local(tmp_path: Path) -> ZarrDataset:
    """An empty Zarr v3 dataset on the local disk, at ``tmp_path / "lab.zarr"``."""
    return ZarrDataset(tmp_path / "lab.zarr")


@pytest.fixture
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still: whatever is written from now on stays young, however slow the machine is."""
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns)

    def settled(self: clock.DiskClock, info: os.stat_result, *, look: bool) -> bool:
        return info.st_mtime_ns < now_ns - SETTLED_AFTER_NS

    monkeypatch.setattr(clock.DiskClock, "settled", settled)


@pytest.fixture(autouse=True)
def times_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is as old as its modification time says, so that tests can make old ones by ``os.utime``.

    Elsewhere the time of the last change counts, too, which nobody can set: ``store/disk/test_clock.py``.
    """
    monkeypatch.setattr(clock, "_latest_ns", lambda info: info.st_mtime_ns)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data beside the repository; never write into it."""
    folder = REPO.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data of ../shared/data are not here")
    return folder


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Start ``python -c code *args`` as a process that can import ``support``; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *args: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", code, *map(str, args)]
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def faults_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of ``support.faults``, compiled."""
    return build(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def start_faulty(
    start_python: StartPython, faults_library: Path, monkeypatch: pytest.MonkeyPatch
) -> StartPython:
    """Start a process as ``start_python`` does, whose system calls can be failed."""

    def start(code: str, *args: object) -> subprocess.Popen[str]:
        with monkeypatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(faults_library))
            return start_python(code, *args)

    return start


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--s3-server",
        choices=s3_servers.SERVERS,
        default="moto",
        help="which S3 server the tests run against",
    )
    parser.addoption(
        "--distributions",
        type=Path,
        help="folder with the distributions that tests/packaging/test_dist.py installs; built if not given",
    )


@pytest.fixture(scope="session")
def s3_bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a bucket on a real S3 server, on this machine only; ``AWS_*`` point to it."""
    bucket = "kymflow-tests"
    with (
        s3_servers.running(request.config.getoption("--s3-server"), bucket) as port,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in s3_servers.environment(port).items():
            patch.setenv(name, value)
        yield f"s3://{bucket}"


@pytest.fixture
def bad_network(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[BadNetwork]:
    """An S3 server behind a proxy that does to requests what the test says; ``AWS_*`` point to the proxy."""
    server_port = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    with bad_network_proxy.between(server_port) as (port, faults):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        yield BadNetwork(f"{s3_bucket}/{uuid.uuid4().hex}/lab.zarr", faults, monkeypatch)


# Whole command lines, pages and environments: each of these tests starts other processes.
SLOW_FOLDERS = ("docs/", "packaging/", "kymflow/cli/", "kymflow/testing/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what starts a server or a process, or tries many examples; others say it themselves."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        parameters = getattr(getattr(item, "callspec", None), "id", "")
        if (
            item.path.relative_to(TESTS).as_posix().startswith(SLOW_FOLDERS)
            or not {"start_python", "s3_bucket"}.isdisjoint(fixtures)
            or "s3" in parameters
            or is_hypothesis_test(getattr(item, "obj", None))
        ):
            item.add_marker(pytest.mark.slow)
