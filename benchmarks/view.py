"""The viewer's server, as a browser asks it: a click on an image, zooms, a picture of a very large image.

    python benchmarks/view.py --repeats 9 --large-gb 4

Starts ``kymflow view`` as a process of its own, with an empty cache folder, on images that are made up
before; 4 GB take a minute or two. Everything is read from the page cache. Peak memory is told on Linux.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from memory import peak_mb

from kymflow import KymDataset, ZarrDataset, ZarrImageRecord

PIXELS = 600
CALIBRATED: dict[str, Any] = {"scale": (0.001, 0.3), "units": ("second", "micrometer")}


class LineScan:
    """Lines of noise with slow waves, made as they are written, with one flash."""

    def __init__(self, lines: int) -> None:
        self.shape, self.dtype = (lines, PIXELS), np.dtype(np.uint16)
        self._noise = np.random.default_rng(lines).poisson(300, (20_000, PIXELS)).astype(np.uint16)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray[Any, Any]:
        lines = np.arange(key[0].start, key[0].stop)
        values = self._noise[lines % len(self._noise)][:, key[1]]
        values += (200 + 200 * np.sin(lines / 50_000)).astype(np.uint16)[:, np.newaxis]
        values[lines == self.shape[0] * 2 // 3] = 60_000
        return values

    def __array__(self) -> np.ndarray[Any, Any]:
        raise MemoryError("read it piece by piece")


def add_analysed(dataset: ZarrDataset, lines: int) -> ZarrImageRecord:
    """Add an image with three ROIs, their traces, and 300 events."""
    record = dataset.add_image(LineScan(lines), **CALIBRATED)
    rois = [
        {"roi_id": n, "data": {"x0": 200 * n - 200, "x1": 200 * n, "y0": 0, "y1": lines}} for n in (1, 2, 3)
    ]
    record.save_metadata_payload({"rois": rois})
    time_s = np.arange(2, lines, 4) * 0.001
    lot = np.random.default_rng(0)
    traces = [
        pd.DataFrame({"roi_id": n, "channel": 1, "time": time_s, "velocity": lot.normal(size=len(time_s))})
        for n in (1, 2, 3)
    ]
    record.save_df_parquet("radon", pd.concat(traces))
    starts = np.sort(lot.uniform(0, lines * 0.001, 300))
    events = [{"roi_id": 1, "kind": "stall", "t0_s": start, "t1_s": start + 0.2} for start in starts.tolist()]
    record.save_json("velocity_events", events)
    return record


class Server:
    """A viewer that runs, asked as a browser asks it."""

    def __init__(self, process: subprocess.Popen[str], link: str) -> None:
        self._process = process
        self._origin = link[: link.index("/", len("http://"))]
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self._opener.open(link).read()

    def get(self, path: str) -> tuple[float, bytes, Any]:
        """Return how long an answer took, s, and its body and headers."""
        began = time.perf_counter()
        with self._opener.open(self._origin + path) as answer:
            body = answer.read()
        return time.perf_counter() - began, body, answer.headers

    def picture(self, path: str) -> tuple[float, dict[str, Any]]:
        """Return how long a picture took, s, and what its header says."""
        took, _, headers = self.get(path)
        return took, json.loads(headers["Kymflow-Picture"])

    def peak_mb(self) -> float:
        """Return the most memory that it has had, in MB."""
        return peak_mb(self._process.pid)


@contextmanager
def running(dataset: Path, cache: Path) -> Iterator[Server]:
    """Run the viewer, and say how long it took until it listened."""
    program = "from kymflow.cli.main import main; main()"
    command = [sys.executable, "-c", program, "view", str(dataset), "--no-browser"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"}
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        link = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+token=\S+", line)))
        server = Server(process, link)
        print(f"{'listening, first page':48} {time.perf_counter() - began:7.3f} s")
        try:
            yield server
        finally:
            process.terminate()


def told(what: str, times: list[float]) -> None:
    """Print the median and the range."""
    low, high = min(times), max(times)
    print(f"{what:48} {statistics.median(times) * 1e3:7.1f} ms   {low * 1e3:.1f} to {high * 1e3:.1f}")


def measure_clicks(folder: Path, repeats: int) -> None:
    """Measure clicks on images of 30,000 lines: ones that were not looked at before, and one that was."""
    dataset = ZarrDataset(folder / "clicks.zarr")
    ids = [add_analysed(dataset, 30_000).image_id for _ in range(repeats + 1)]
    KymDataset(dataset, "a")
    with running(folder / "clicks.zarr", folder / "cache") as server:

        def click(image_id: str) -> float:
            began = time.perf_counter()
            for part in ("", "/pixels?columns=1300", "/traces?columns=1300"):
                server.get(f"/api/images/{image_id}{part}")
            return time.perf_counter() - began

        click(ids[0])
        told("click, 30,000 x 600, not looked at before", [click(image_id) for image_id in ids[1:]])
        told("click, 30,000 x 600, warm", [click(ids[-1]) for _ in range(repeats)])
        for part in ("", "/pixels?columns=1300", "/traces?columns=1300", "/histogram"):
            path = f"/api/images/{ids[-1]}{part}"
            told(f"  {part or 'info'}", [server.get(path)[0] for _ in range(repeats)])
        zoom = f"/api/images/{ids[-1]}/pixels?columns=1300&from=12000&to=13000"
        told("  zoom to 1,000 lines", [server.get(zoom)[0] for _ in range(repeats)])
        print(f"{'peak memory of the server':48} {server.peak_mb():7.0f} MB")


def measure_large(folder: Path, repeats: int, gigabytes: float) -> None:
    """Measure a picture of one large image: the first, the whole, and then zooms."""
    lines = int(gigabytes * 1e9 / 2 / PIXELS)
    dataset = ZarrDataset(folder / "large.zarr")
    path = f"/api/images/{dataset.add_image(LineScan(lines), **CALIBRATED).image_id}"
    with running(folder / "large.zarr", folder / "cache") as server:
        began = time.perf_counter()
        server.get(path)
        _, first = server.picture(f"{path}/pixels?columns=1300")
        print(
            f"{'info and first picture, ' + str(gigabytes) + ' GB':48} {time.perf_counter() - began:7.3f} s",
            end="",
        )
        print(f"   complete: {first['complete']}")
        while not server.picture(f"{path}/pixels?columns=1300")[1]["complete"]:
            time.sleep(0.5)
        print(f"{'whole picture after':48} {time.perf_counter() - began:7.1f} s")
        print(f"{'peak memory of the server until then':48} {server.peak_mb():7.0f} MB")
        for what, query in {
            "whole image, 1,300 columns": "columns=1300",
            "a quarter of it": f"columns=1300&from=0&to={lines // 4}",
            "a twentieth": f"columns=1300&from={lines // 2}&to={lines // 2 + lines // 20}",
            "80,000 lines, read as they are": f"columns=1300&from={lines // 2}&to={lines // 2 + 80_000}",
            "1,000 lines": f"columns=1300&from={lines // 2}&to={lines // 2 + 1000}",
        }.items():
            told(what, [server.picture(f"{path}/pixels?{query}")[0] for _ in range(repeats)])
        told("histogram of a sample", [server.get(f"{path}/histogram")[0] for _ in range(repeats)])
        print(f"{'peak memory of the server':48} {server.peak_mb():7.0f} MB")
    with running(folder / "large.zarr", folder / "cache") as server:
        took, again = server.picture(f"{path}/pixels?columns=1300")
        print(f"{'first picture after a new start':48} {took:7.3f} s   complete: {again['complete']}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--large-gb", type=float, default=4.0)
    parser.add_argument("--folder", help="where images are made; by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure_clicks(Path(folder), options.repeats)
        measure_large(Path(folder), options.repeats, options.large_gb)


if __name__ == "__main__":
    main()
