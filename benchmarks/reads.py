"""What reads cost: a small Parquet artifact, many of them at once, an array, many files without a listing.

Run it with `python benchmarks/reads.py --repeats 15`. Of another state of the code, side by side:

    git worktree add ../before <commit>
    python benchmarks/reads.py --before ../before

Each state of the code has a process of its own; in every round each is asked for all figures, in turn.
All figures are CPU time, of all threads, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import numpy as np
import pandas as pd

from kymflow_zarr import ZarrDataset
from kymflow_zarr.formats.bulk import read_alike

EVENTS_PER_IMAGE = 50
ARRAY_SHAPE = (100, 500)
ARRAY_READS = 20
# Older than this, a file is told by its times where nobody may look at the clock.
AGE_S = 3600


def make_dataset(path: Path, n_images: int) -> None:
    """Make a dataset with pixels of 100 kB in one image, and a Parquet artifact in each."""
    random = np.random.default_rng(0)
    ds = ZarrDataset(path)
    ds.record("pixels").save_array(random.integers(0, 4096, ARRAY_SHAPE, np.uint16))
    for number in range(n_images):
        record = ds.record(f"{number:08d}")
        record.save_array(np.ones((2, 2), np.uint16))
        columns = {name: random.normal(size=EVENTS_PER_IMAGE) for name in ("t0_s", "t1_s", "score")}
        kinds = random.choice(["baseline_drop", "baseline_rise"], EVENTS_PER_IMAGE)
        record.save_df_parquet("events", pd.DataFrame({"roi_id": 1, "kind": kinds, **columns}))
    then = time.time() - AGE_S
    for file in path.rglob("*"):
        os.utime(file, (then, then))


def figures(path: Path) -> dict[str, tuple[Callable[[], object], float, str]]:
    """Return what is measured: what to call, by how much to multiply its seconds, and the unit of that."""
    ds = ZarrDataset(path, mode="r")
    ids = [image_id for image_id in ds.list_image_ids() if image_id != "pixels"]
    records = [ds.record(image_id) for image_id in ids]
    pixels = ds.record("pixels")
    keys = [f"images/{image_id}/analysis/events.parquet" for image_id in ids]
    blobs = [ds.store.read(key)[0] for key in keys[:500]]

    def read_without_listing() -> None:
        # A store of its own has made no listing.
        ZarrDataset(path, mode="r").store.read_many(keys)

    return {
        "Parquet artifact, read and decoded": (
            lambda: [record.load_arrow("events") for record in records[:500]],
            1e6 / len(records[:500]),
            "us",
        ),
        f"{len(blobs)} alike decoded in bulk": (lambda: list(read_alike(blobs)), 1e3, "ms"),
        "load_array of 100 kB": (
            lambda: [pixels.load_array() for _ in range(ARRAY_READS)],
            1e3 / ARRAY_READS,
            "ms",
        ),
        "10,000 files read without a listing": (read_without_listing, 10_000 / len(keys), "s"),
    }


def answer(path: Path) -> None:
    """Measure each figure once for every line of the input."""
    asked = figures(path)
    for _ in sys.stdin:
        found = {}
        for name, (call, factor, unit) in asked.items():
            begin = time.process_time()
            call()
            found[name] = ((time.process_time() - begin) * factor, unit)
        print(json.dumps(found), flush=True)


def start(path: Path, tree: Path) -> subprocess.Popen[str]:
    """Start a process with the code of a working tree."""
    command = [sys.executable, __file__, "--answer", str(path)]
    environ = {**os.environ, "PYTHONPATH": str(tree / "src")}
    return subprocess.Popen(command, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def measure(path: Path, trees: list[Path], repeats: int) -> list[list[dict[str, tuple[float, str]]]]:
    """Return the figures of each round, of each tree; the first round is left out."""
    processes = [start(path, tree) for tree in trees]
    rounds = []
    for number in range(repeats + 1):
        found = []
        for process in processes:
            print(number, file=cast("IO[str]", process.stdin), flush=True)
            found.append(json.loads(cast("IO[str]", process.stdout).readline()))
        rounds.append(found)
    for process in processes:
        process.communicate()
    return rounds[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--before", type=Path, help="a working tree to compare with")
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.answer is not None:
        answer(args.answer)
        return
    trees = [Path(__file__).parents[1], *([args.before.resolve()] if args.before else [])]
    with tempfile.TemporaryDirectory() as folder:
        make_dataset(Path(folder) / "lab.zarr", args.images)
        rounds = measure(Path(folder) / "lab.zarr", trees, args.repeats)
    for name, (_, unit) in rounds[0][0].items():
        values = [[found[name][0] for found in one] for one in rounds]
        middles = [statistics.median(tree) for tree in zip(*values, strict=True)]
        line = f"{name:38} {middles[0]:8.3g} {unit}"
        if args.before:
            ratios = [now / before for now, before in values]
            spread = statistics.quantiles(ratios, n=4)
            line += f"   before {middles[1]:8.3g} {unit}   {statistics.median(ratios):.2f}x"
            line += f" (half of them {spread[0]:.2f} to {spread[2]:.2f})"
        print(line)


if __name__ == "__main__":
    main()
