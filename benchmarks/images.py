"""The table ``images`` against ``radon_report``, on an ingested folder of small simulated kymographs.

    python benchmarks/images.py --images 10000 --repeats 3

Rebuild, then a refresh that finds nothing, in turn in one process after a round that is not counted; medians
of wall and CPU time, and the ratios. Ingesting 10,000 images takes a minute or two before.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from kymflow import IndexerRegistry, KymDataset
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import ImagesIndexer, RadonReportIndexer

INDEXERS = (RadonReportIndexer(), ImagesIndexer())


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU time of a call, s."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        simulate_folder(Path(folder, "kymographs"), options.images, n_lines=50)
        kd = KymDataset(Path(folder, "lab.zarr"), mode="a", registry=IndexerRegistry(()))
        kd.ingest_folder(Path(folder, "kymographs"))
        for what in ("rebuild", "refresh"):
            found: dict[str, list[tuple[float, float]]] = {indexer.name: [] for indexer in INDEXERS}
            for _ in range(options.repeats + 1):
                for indexer in INDEXERS:
                    found[indexer.name].append(timed(partial(getattr(kd, what), indexer)))
            medians = {
                name: [statistics.median(values) for values in zip(*times[1:], strict=True)]
                for name, times in found.items()
            }
            for name, (wall, cpu) in medians.items():
                print(f"{what:8} {name:13} {wall:7.3f} s, CPU {cpu:7.3f} s")
            ratios = [a / b for a, b in zip(medians["images"], medians["radon_report"], strict=True)]
            print(f"{what:8} images / radon_report: {ratios[0]:.2f}x, CPU {ratios[1]:.2f}x")


if __name__ == "__main__":
    main()
