"""Executors, each started once in a file of tests."""

from __future__ import annotations

import multiprocessing
import uuid
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from kymflow_zarr import ZarrDataset
from support.executors import linux


def _pool(method: str) -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(3) as pool:
        yield pool


@pytest.fixture(scope="module")
def forkserver() -> Iterator[Executor]:
    yield from _pool("forkserver")


@pytest.fixture(scope="module")
def spawn() -> Iterator[Executor]:
    yield from _pool("spawn")


@pytest.fixture(scope="module")
def fork() -> Iterator[Executor]:
    # Object stores were used here: their threads are not in a forked child.
    ZarrDataset(f"memory://{uuid.uuid4().hex}").add_image([[1, 2], [3, 4]])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        yield from _pool("fork")


@pytest.fixture(scope="module")
def dask(cluster: Any) -> Executor:
    executor: Executor = cluster.get_executor()
    return executor


EXECUTORS = [
    "threads",
    "forkserver",
    pytest.param("fork", marks=linux),
    pytest.param("spawn", marks=pytest.mark.long),
    "dask",
]


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    found: Executor = request.getfixturevalue(request.param)
    return found
