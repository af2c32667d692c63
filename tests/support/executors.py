"""Executors of every kind that images are extracted on."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kymflow import KymDataset

from .reading_together import json, lab, put

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills processes, and forks them")


@contextmanager
def local_cluster(**config: Any) -> Iterator[Any]:
    """Start a Dask cluster of two processes on loopback, over TCP."""
    with warnings.catch_warnings():
        # Its own, of how it starts its event loop and closes its sockets; none is about us.
        warnings.simplefilter("ignore")
        import dask
        from distributed import Client, LocalCluster

        with (
            dask.config.set(config),
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                protocol="tcp://",
                dashboard_address=None,
            ) as cluster,
            Client(cluster) as client,
        ):
            assert client.scheduler.address.startswith("tcp://127.0.0.1:")
            yield client


# Of distributed's own sockets and loops, whenever the garbage collector meets them.
of_distributed = pytest.mark.filterwarnings(
    "ignore:.*(asyncio|socket|loop|transport|coroutine).*:ResourceWarning"
)


IDS = [f"i{number:02}" for number in range(40)]


TABLE = "rows"


def small_lab(tmp_path: Path) -> KymDataset:
    kd = lab(tmp_path / "lab.zarr", IDS)
    put(kd, {image_id: json(f'{{"a": {number}}}') for number, image_id in enumerate(IDS)})
    return kd


def table_bytes(kd: KymDataset) -> bytes:
    return (Path(kd.ds.path) / "tables" / f"{TABLE}.parquet").read_bytes()
