"""How soon the viewer answers in a real Chromium, against what it must reach.

    make test-view       # once: it makes .venv-view, and brings Chromium
    .venv-view/bin/python benchmarks/view_browser.py --repeats 9

Medians of the repeats. ``many`` looks at a table of so many images, ``events`` at one of 45 times as many
events; ``image`` clicks on a picture of 30,000 x 600 that was looked at before; ``large`` on one of 4 GB,
with an empty cache each time; ``size`` is what is installed. What the server alone takes: ``view.py`` and
``view_tables.py``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from memory import peak_mb
from playwright.sync_api import Browser, Page, sync_playwright
from view import CALIBRATED, PIXELS, LineScan, add_analysed
from view_tables import make_dataset

from kymflow import KymDataset
from kymflow_indexers_builtin import ImagesIndexer

REPO = Path(__file__).resolve().parents[1]
LINK = re.compile(r"http://127\.0\.0\.1:\d+/\S*")

# Until what is watched is another text, and on the screen.
UNTIL_CHANGED = """async act => {
    const text = () => document.querySelector(act.watched)?.textContent;
    const before = text();
    const event = act.key
        ? new KeyboardEvent('keydown', { key: act.key, bubbles: true })
        : new MouseEvent('click', { bubbles: true });
    const begun = performance.now();
    document.querySelector(act.selector).dispatchEvent(event);
    while (text() === before && performance.now() < begun + 30000) await new Promise(requestAnimationFrame);
    return performance.now() - begun;
}"""
SCROLL = """async frames => {
    const holder = document.querySelector('.tabulator-tableholder');
    const times = [];
    for (let frame = 0; frame < frames; frame += 1) {
        holder.scrollTop += 300;
        times.push(await new Promise(requestAnimationFrame));
    }
    return times.slice(1).map((time, index) => time - times[index]);
}"""
LOADED = """() => performance.getEntriesByType('resource')
    .filter(it => it.name.includes('/static/') && !it.name.includes('/vendor/'))
    .reduce((sum, it) => sum + it.decodedBodySize, 0)"""
UNTIL_PICTURE = """async () => {
    const begun = performance.now();
    document.querySelector('[role=row][aria-rowindex="2"]').click();
    const drawn = () => document.querySelector('#detail [aria-busy=false] canvas');
    while (!drawn()) await new Promise(requestAnimationFrame);
    return performance.now() - begun;
}"""


@dataclass
class Result:
    """One line of what is printed."""

    what: str
    wanted: float
    got: float
    unit: str

    def __str__(self) -> str:
        verdict = "" if self.got <= self.wanted else "  MISSED"
        return f"{self.what:52} {self.wanted:8,.0f} {self.got:8,.0f} {self.unit}{verdict}"


class Server:
    """A viewer as a process of its own; ``listening_s`` after its start it had printed its link."""

    def __init__(self, dataset: Path, cache: Path) -> None:
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            [Path(sys.executable).with_name("kymflow"), "view", dataset, "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdout is not None
        links = (LINK.search(line) for line in self._process.stdout)
        self.link = next(found[0] for found in links if found)
        self.listening_s = time.perf_counter() - begun

    def peak_mb(self) -> float:
        """Return the most memory that it ever had."""
        return peak_mb(self._process.pid)

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def serving(dataset: Path, cache: Path) -> Iterator[Server]:
    server = Server(dataset, cache)
    try:
        yield server
    finally:
        server.stop()


def median_ms(run: Callable[[], float], repeats: int) -> float:
    return statistics.median(run() for _ in range(repeats))


def first_view(browser: Browser, link: str) -> float:
    """Return how long it takes from the link to rows, in a browser that has nothing of it yet, ms."""
    context = browser.new_context()
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(link, wait_until="commit")
    page.locator('[role=row][aria-rowindex="2"] [role=gridcell]').first.wait_for()
    took = time.perf_counter() - begun
    context.close()
    return took * 1000


def sort_ms(page: Page) -> float:
    act = {"selector": "[aria-label=file_name] button", "watched": '[role=row][aria-rowindex="2"]'}
    return float(page.evaluate(UNTIL_CHANGED, act))


def filter_ms(page: Page, texts: Iterator[str]) -> float:
    """Return what a filter takes from Enter on; while somebody types, the page waits for a pause besides."""
    page.get_by_label("Filter condition", exact=True).evaluate(
        "(field, text) => { field.value = text; }", next(texts)
    )
    act = {"selector": '[aria-label="Filter condition"]', "key": "Enter", "watched": "#row-count"}
    return float(page.evaluate(UNTIL_CHANGED, act))


def many(browser: Browser, folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    """Tables of very many rows."""
    make_dataset(folder / "many.zarr", options.images, 1)
    rows = f"{options.images:,} images"
    listening = []
    for _ in range(options.repeats):
        with serving(folder / "many.zarr", folder / "cache") as server:
            listening.append(server.listening_s * 1000)
    yield Result("listening after the command", 2000, statistics.median(listening), "ms")
    with serving(folder / "many.zarr", folder / "cache") as server:
        first = median_ms(lambda: first_view(browser, server.link), options.repeats)
        yield Result(f"first view of {rows}", 1000, first, "ms")
        page = browser.new_page()
        page.goto(server.link)
        page.locator('[role=row][aria-rowindex="2"]').wait_for()
        yield Result(f"sort {rows}", 150, median_ms(lambda: sort_ms(page), options.repeats), "ms")
        texts = iter(["= drug", "= control"] * options.repeats)
        took = median_ms(lambda: filter_ms(page, texts), options.repeats)
        yield Result(f"filter {rows}", 150, took, "ms")
        frames = sorted(page.evaluate(SCROLL, 300))
        yield Result("scroll, 95th percentile of frames", 20, frames[int(0.95 * len(frames))], "ms")
        yield Result(f"server's peak memory with {rows}", 400, server.peak_mb(), "MB")


def events(browser: Browser, folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    """The largest table that a lab has."""
    make_dataset(folder / "events.zarr", options.images, 45)
    with serving(folder / "events.zarr", folder / "cache") as server:
        page = browser.new_page()
        page.goto(server.link)
        page.get_by_role("link", name="velocity_events").click()
        page.locator("#row-count", has_text=f"{45 * options.images:,} rows").wait_for()
        sort_ms(page)
        page.get_by_role("link", name="Plot", exact=True).click()
        page.locator("#plot-picture").wait_for()
        yield Result(
            f"server's peak memory with {45 * options.images:,} events", 1000, server.peak_mb(), "MB"
        )


def picture_ms(browser: Browser, link: str) -> tuple[float, float]:
    """Return how long a click takes until its picture, ms, and what the page has loaded of its own, bytes."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.locator('[role=row][aria-rowindex="2"] [role=gridcell]').first.wait_for()
    took = float(page.evaluate(UNTIL_PICTURE))
    loaded = float(page.evaluate(LOADED))
    context.close()
    return took, loaded


def image(browser: Browser, folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    """A picture of usual size, after the first look at it."""
    kd = KymDataset(folder / "image.zarr", "a")
    add_analysed(kd.ds, 30_000)
    kd.rebuild(ImagesIndexer())
    with serving(folder / "image.zarr", folder / "cache") as server:
        picture_ms(browser, server.link)
        took = median_ms(lambda: picture_ms(browser, server.link)[0], options.repeats)
        yield Result("click to picture, 30,000 x 600", 500, took, "ms")
        loaded = picture_ms(browser, server.link)[1]
        yield Result("page with an image, besides vendored libraries", 200, loaded / 1e3, "kB")


def large(browser: Browser, folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    """A picture of 4 GB, never looked at before."""
    kd = KymDataset(folder / "large.zarr", "a")
    lines = int(options.large_gb * 1e9 / 2 / PIXELS)
    kd.ds.add_image(LineScan(lines), **CALIBRATED)
    kd.rebuild(ImagesIndexer())
    times = []
    for repeat in range(3):
        with serving(folder / "large.zarr", folder / f"cache-{repeat}") as server:
            times.append(picture_ms(browser, server.link)[0])
    what = f"click to the first picture of {options.large_gb:.1f} GB"
    yield Result(what, 1000, statistics.median(times), "ms")


def size(browser: Browser, folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    """What is installed."""
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "-w",
        folder,
        REPO / "src" / "kymflow_view",
    ]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("kymflow_view-*.whl")
    yield Result("wheel", 2000, wheel.stat().st_size / 1e3, "kB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--large-gb", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--parts", nargs="+", choices=ACTIONS, default=[*ACTIONS])
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    print(f"{'':52} {'wanted':>8} {'got':>8}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=root)
        for part in options.parts:
            with tempfile.TemporaryDirectory(prefix="kymflow-view-") as folder:
                for result in ACTIONS[part](browser, Path(folder), options):
                    print(result, flush=True)


ACTIONS = {"many": many, "events": events, "image": image, "large": large, "size": size}

if __name__ == "__main__":
    main()
