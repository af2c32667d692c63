"""What more processes bring to an indexer that computes, and what the framework costs beside one.

    python benchmarks/executors.py --images 1000 --repeats 5

First an indexer that computes in Python for about 5 ms per record: one process against two, in turn,
the pool being warm. Then one that returns small tables it has in memory: what a rebuild takes beyond
the indexer itself, per record, in time of the processor and by the clock.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from kymflow import IndexerRegistry, KymDataset, ZarrDataset, ZarrImageRecord

ROWS_PER_IMAGE = 50
# As many turns take about 5 ms on a processor of today.
TURNS = 125_000


class Computing:
    name = table_name = "computing"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        total = 0
        for turn in range(TURNS):
            total += turn * turn % 7
        return pd.DataFrame({"total": [total]})


class Small:
    """Six columns of fifty rows, made beforehand."""

    name = table_name = "small"

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        t0 = np.sort(random.uniform(0, 30, ROWS_PER_IMAGE))
        self.rows = pd.DataFrame(
            {
                "roi_id": 1,
                "event_id": [f"1:1:{i}" for i in range(ROWS_PER_IMAGE)],
                "t0_s": t0,
                "t1_s": t0 + 0.5,
                "kind": random.choice(["baseline_drop", "baseline_rise"], ROWS_PER_IMAGE),
                "score": random.normal(size=ROWS_PER_IMAGE),
            }
        )
        self.seconds = self.cpu_seconds = 0.0

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        started, cpu_started = time.perf_counter(), time.process_time()
        frame = self.rows.copy()
        self.seconds += time.perf_counter() - started
        self.cpu_seconds += time.process_time() - cpu_started
        return frame


def make_dataset(path: Path, n_images: int) -> None:
    ds = ZarrDataset(path)
    pixels = np.zeros((4, 4), np.uint16)
    for number in range(n_images):
        ds.record(f"{number:08d}").save_array(pixels)


def seconds_of(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def compare_processes(path: Path, repeats: int) -> None:
    kd = KymDataset(path, registry=IndexerRegistry(()))
    one: list[float] = []
    two: list[float] = []
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool:
        kd.rebuild(Computing(), executor=pool)
        for _ in range(repeats):
            one.append(seconds_of(lambda: kd.rebuild(Computing())))
            two.append(seconds_of(lambda: kd.rebuild(Computing(), executor=pool)))
    images = len(kd.ds.list_image_ids())
    each = 1000 * statistics.median(one) / images
    print(f"{images} images, {each:.1f} ms each, median of {repeats}")
    for name, values in (("one process", one), ("two processes", two)):
        print(f"{name:14} {statistics.median(values):7.3f} s  ({min(values):.3f} to {max(values):.3f})")
    print(
        f"two processes are {statistics.median(one) / statistics.median(two):.2f} times as fast (target: 1.7)"
    )


def measure_overhead(path: Path, repeats: int) -> None:
    kd = KymDataset(path, registry=IndexerRegistry(()))
    images = len(kd.ds.list_image_ids())
    clock: list[float] = []
    cpu: list[float] = []
    for _ in range(repeats + 1):
        indexer = Small()
        started, cpu_started = time.perf_counter(), time.process_time()
        kd.rebuild(indexer)
        clock.append((time.perf_counter() - started - indexer.seconds) / images)
        cpu.append((time.process_time() - cpu_started - indexer.cpu_seconds) / images)
    print(f"{images} images, 6 columns x {ROWS_PER_IMAGE} rows each, beyond the indexer itself, per record:")
    for name, values in (("clock", clock[1:]), ("processor", cpu[1:])):
        low, high = 1000 * min(values), 1000 * max(values)
        print(f"{name:14} {1000 * statistics.median(values):7.3f} ms ({low:.3f} to {high:.3f}; target: 0.3)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kymflow-bench-"))
    try:
        make_dataset(folder / "lab.zarr", options.images)
        compare_processes(folder / "lab.zarr", options.repeats)
        measure_overhead(folder / "lab.zarr", options.repeats)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
