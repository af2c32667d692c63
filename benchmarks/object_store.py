"""Rebuild, refresh and update on a real S3 server with a latency: requests by kind, and how long.

    python benchmarks/object_store.py --images 2000 --latency-ms 20

The time is compared with what a program that asks 64 things at once needs: its requests, 64 in one
latency, and the longest chain of those that wait for each other. All is counted by hand for each run, in
:func:`needed`; the proxy counts what was really asked. There are two such chains: as kymflow asks, and
with the pages of a listing one after the other, as each tells where the next one begins.

The server alone is measured, too: 64 threads that read small objects, and all pages of a listing of
the images asked for at once. With ``--latency-ms 0``, what server and client take by themselves on one
machine is to be seen: at short latencies that is the limit (``--latency-ms 0 20 50 100``).
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import math
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import obstore
import pandas as pd
from obstore.store import from_url
from rebuild import EVENTS_PER_IMAGE, WITHOUT_EVENTS, open_dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support import s3_servers

AT_ONCE = 64
PAGE = 1000
BUCKET = "bench"


class Server:
    """A server, and the proxy in front of it that takes its time; processes of their own."""

    def __init__(self, server: str) -> None:
        with ExitStack() as stack:
            server_port = stack.enter_context(s3_servers.running(server, BUCKET))
            (self.port,) = s3_servers.free_ports()
            command = [sys.executable, str(Path(__file__).parent / "slow_s3.py")]
            process = subprocess.Popen([*command, str(self.port), str(server_port), "0"])
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            os.environ.update(s3_servers.environment(self.port))
            deadline = time.monotonic() + 60
            while not self._answers():
                assert time.monotonic() < deadline, "the proxy does not answer"
                time.sleep(0.1)
            self._stack = stack.pop_all()

    def _answers(self) -> bool:
        try:
            self.ask("/_counts")
        except ConnectionError:
            return False
        return True

    def ask(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def counts(self) -> dict[str, int]:
        return dict(sorted(json.loads(self.ask("/_counts")).items()))

    def stop(self) -> None:
        self._stack.close()


def bare_rate(n: int = 3000) -> float:
    """Return how many small objects a second the server gives to 64 who ask at once."""
    store = from_url(f"s3://{BUCKET}/bare")
    obstore.put(store, "x", b"x" * 4000)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda _: obstore.get(store, "x").bytes(), range(AT_ONCE)))
        started = time.perf_counter()
        list(threads.map(lambda _: obstore.get(store, "x").bytes(), range(n)))
    return n / (time.perf_counter() - started)


def bare_listing(url: str, repeats: int = 5) -> float:
    """Return the seconds that all pages of a listing of the images take, asked for at once."""
    store = from_url(url)
    ends = [page[-1]["path"] for page in obstore.list(store, "images/", chunk_size=PAGE)]
    befores = [None, *ends[:-1]]

    def page(before: str | None) -> int:
        return len(next(iter(obstore.list(store, "images/", offset=before, chunk_size=PAGE))))

    seconds = []
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for _ in range(repeats):
            started = time.perf_counter()
            list(threads.map(page, befores))
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def image_id(number: int) -> str:
    """Return the id of an image: spread evenly, as those of ``add_image`` are, and the same in each run."""
    return str(uuid.UUID(bytes=hashlib.md5(b"%d" % number).digest(), version=4))


def make_dataset(url: str, n_images: int) -> None:
    kd = open_dataset(url)
    random = np.random.default_rng(0)

    def add(number: int) -> None:
        record = kd.ds.record(image_id(number))
        record.save_array(np.zeros((4, 4), np.uint16))
        record.save_json("radon_report", {"mean_velocity": number / 7, "n_valid": 7, "notes": ""})
        if number % WITHOUT_EVENTS:
            record.save_df_parquet("velocity_events", events(random))

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(add, range(n_images)))


def events(random: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "roi_id": 1,
            "event_id": [f"1:1:{i}" for i in range(EVENTS_PER_IMAGE)],
            "t0_s": np.sort(random.uniform(0, 30, EVENTS_PER_IMAGE)),
            "kind": "baseline_drop",
        }
    )


@dataclass(frozen=True)
class Needed:
    """What a run cannot do without.

    Attributes
    ----------
    requests : int
        How many requests.
    chain : int
        The longest chain of those that wait for each other, as kymflow asks.
    chain_of_pages : int
        The same for one who gets the pages of a listing one after the other: each tells where the next
        one begins.
    """

    requests: int
    chain: int
    chain_of_pages: int


def needed(
    n_images: int,
    n_objects: int,
    n_reads: int,
    n_tables: int,
    *,
    first: bool = False,
    n_plans: int = 0,
) -> Needed:
    """Say what a run needs.

    Parameters
    ----------
    n_images : int
        Images of the dataset.
    n_objects : int
        Objects below its images.
    n_reads : int
        Artifacts to read.
    n_tables : int
        Tables that are written.
    first : bool
        Whether there is no table yet.
    n_plans : int
        Tables of which it is first looked up what is stale: the table and its ledger are read.
    """
    in_turn = math.ceil(n_objects / PAGE)
    all_images = n_reads >= n_images
    # All artifacts are looked at again in a listing, few of them one by one, all at once. What changed
    # may be the same after all: it is read to know that, and then read once more.
    again = in_turn if all_images else n_reads
    to_know = 0 if all_images or not n_plans else n_reads
    # The first page tells about where the others begin: they are asked for at once.
    pages = min(in_turn, 2)
    # Two tables at once, each with its ledger, are read beside the listing.
    states = 2 * math.ceil(n_plans / 2)
    # To commit: the old table, which ledgers there are; the new ledger, the new table. If there was
    # one before, its ledger is read and goes.
    commit = 4 if first else 6
    requests = in_turn + 2 * n_plans + to_know + n_reads + n_tables * (commit + again)
    # For each table that is written, one after the other, the artifacts are read at once, and looked at
    # again at once.
    rest = min(to_know, 1) + n_tables * (2 + commit)
    chain_of_pages = max(in_turn, states) + rest + (n_tables * (in_turn - 1) if all_images else 0)
    return Needed(requests, max(pages, states) + rest, chain_of_pages)


def measure(what: str, server: Server, latency_s: float, run: Callable[[], object], need: Needed) -> None:
    server.counts()
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    counts = server.counts()
    print(f"{what:24} {seconds:7.2f} s", end="")
    for chain in (need.chain, need.chain_of_pages):
        bound = (need.requests / AT_ONCE + chain) * latency_s
        print(f"; chain of {chain}: {bound:.2f} s" + (f", {seconds / bound:.2f}x" if bound else ""), end="")
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    print(f"; {need.requests} requests needed, {sum(counts.values())} made: {told}", flush=True)


def bench(server: Server, url: str, n_images: int, latency_ms: float) -> None:
    latency_s = latency_ms / 1000
    kd = open_dataset(url)
    n_objects = sum(1 for _ in kd.ds.store.list("images"))
    n_artifacts = 2 * n_images - math.ceil(n_images / WITHOUT_EVENTS)
    changed = [image_id(number) for number in range(1, n_images, 100)]
    random = np.random.default_rng(int(latency_ms))

    def edit(image_ids: list[str]) -> None:
        server.ask("/_latency/0")
        with ThreadPoolExecutor(AT_ONCE) as threads:
            save = lambda one: kd.ds.record(one).save_df_parquet("velocity_events", events(random))  # noqa: E731
            list(threads.map(save, image_ids))
        server.ask(f"/_latency/{latency_ms}")

    def run(what: str, action: Callable[[], object], need: Needed) -> None:
        measure(what, server, latency_s, action, need)

    print(f"{n_images} images, {n_objects} objects, {latency_ms:g} ms")
    for name in kd.ds.list_table_names():
        kd.ds.drop_table(name)
    server.ask(f"/_latency/{latency_ms}")
    print(f"the server alone: all pages of a listing at once take {bare_listing(url):.2f} s")
    args = (n_images, n_objects)
    run("rebuild, no tables yet", kd.rebuild_all, needed(*args, n_artifacts, 2, first=True))
    run("rebuild", kd.rebuild_all, needed(*args, n_artifacts, 2))
    run("refresh, nothing to do", kd.refresh_all, needed(*args, 0, 0, n_plans=2))
    edit(changed)
    run("refresh, 1 % changed", kd.refresh_all, needed(*args, len(changed), 1, n_plans=2))
    edit(changed[:1])
    update = lambda: kd.update_image("velocity_events", changed[0])  # noqa: E731
    run("update_image", update, needed(n_images, 0, 1, 1))
    server.ask("/_latency/0")
    rows = {name: len(kd.ds.load_table(name)) for name in kd.ds.list_table_names()}
    n_events = (n_artifacts - n_images) * EVENTS_PER_IMAGE
    assert rows == {"radon_report": n_images, "velocity_events": n_events}, rows
    assert all(kd.plan(name).is_empty for name in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[20.0])
    parser.add_argument("--server", choices=s3_servers.ALL_SERVERS, default="rclone")
    options = parser.parse_args()
    server = Server(options.server)
    try:
        print(f"the server alone: {bare_rate():.0f} requests/s for {AT_ONCE} at once")
        url = f"s3://{BUCKET}/lab.zarr"
        make_dataset(url, options.images)
        for latency_ms in options.latency_ms:
            bench(server, url, options.images, latency_ms)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
