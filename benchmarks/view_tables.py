"""What the viewer's server takes for tables: pages, sorts, filters, searches, values; and its memory.

    python benchmarks/view_tables.py --images 100000 --events 45 --repeats 9

Makes a dataset with the columns that kymflow's own indexers give, `--events` events for each image; then a
process of its own asks the server's routes as a browser does: each question for the first time, and then as
often as `--repeats` says, with the cache of views emptied in between. Medians, and resident memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from memory import peak_mb, resident_mb

from kymflow import KymDataset
from kymflow_indexers_builtin import ImagesIndexer, VelocityEventsIndexer

TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "str": pa.string(),
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us"),
}
IMAGES_QUESTIONS = {
    "columns": "images",
    "first page": "images/rows?limit=200",
    "sort by number": "images/rows?limit=200&sort=-duration_s",
    "sort by file": "images/rows?limit=200&sort=-rel_path",
    "sort by condition, file": "images/rows?limit=200&sort=condition,-file_name",
    "search": "images/rows?limit=200&q=cap_12",
    "filter number": 'images/rows?limit=200&where=[["duration_s",">",5]]',
    "filter text": 'images/rows?limit=200&where=[["file_name","contains","99"]]',
    "search, filter, sort": 'images/rows?limit=200&q=CAP&where=[["lines",">",500]]&sort=file_name',
    "position": "images/position?sort=file_name&image_id=",
    "values": "images/values?column=condition",
}
EVENTS_QUESTIONS = {
    "columns, joined": "velocity_events?images=1",
    "first page, joined": "velocity_events/rows?limit=200&images=1",
    "sort by score": "velocity_events/rows?limit=200&images=1&sort=-score",
    "sort by file": "velocity_events/rows?limit=200&images=1&sort=-file_name",
    "sort by condition, score": "velocity_events/rows?limit=200&images=1&sort=condition,-score",
    "search": "velocity_events/rows?limit=200&images=1&q=cap_12",
    "filter condition": 'velocity_events/rows?limit=200&images=1&where=[["condition","=","control"]]',
    "values": "velocity_events/values?images=1&column=condition",
    "plot by condition": "velocity_events/plot?images=1&y=score&by=condition&kind=violin",
    "plot by image": "velocity_events/plot?images=1&y=score&by=condition&average=image",
}


def made_up(columns: Any, n_rows: int, rng: np.random.Generator) -> dict[str, pa.Array]:
    """Return values of declared columns; a twentieth of the numbers is missing."""
    found = {}
    for column in columns:
        kind = TYPES[column.type]
        if column.type == "str":
            found[column.name] = pa.array(np.array(["control", "drug", "wash"])[rng.integers(0, 3, n_rows)])
        else:
            values = rng.random(n_rows) * 1000
            gone = rng.random(n_rows) < 0.05
            if column.type == "bool":
                found[column.name] = pa.array(values > 500, mask=gone)
            else:
                found[column.name] = (
                    pa.array(values, mask=gone).cast(pa.int64(), safe=False).cast(kind)
                    if (column.type != "float")
                    else pa.array(values, mask=gone)
                )
    return found


def make_dataset(path: Path, n_images: int, n_events: int) -> None:
    """Write both tables as other programs may."""
    rng = np.random.default_rng(1)
    KymDataset(path, mode="a")
    (path / "tables").mkdir(exist_ok=True)
    ids = np.sort(np.array([f"{rng.bytes(16).hex()}" for _ in range(n_images)]))
    images = {"image_id": pa.array(ids), **made_up(ImagesIndexer.columns, n_images, rng)}
    numbers = rng.permutation(n_images)
    images["file_name"] = pa.array([f"cap_{number}.tif" for number in numbers])
    images["rel_path"] = pa.array([f"2024-05-{number % 28:02}/cap_{number}.tif" for number in numbers])
    pq.write_table(pa.table(images), path / "tables" / "images.parquet", row_group_size=131_072)
    n_rows = n_images * n_events
    events = {"image_id": pa.array(ids).take(pa.array(np.repeat(np.arange(n_images), n_events)))}
    events |= made_up(VelocityEventsIndexer.columns, n_rows, rng)
    events["event_id"] = pa.array([f"{number:016x}" for number in range(n_rows)])
    events["note"] = pa.nulls(n_rows, pa.string())
    pq.write_table(pa.table(events), path / "tables" / "velocity_events.parquet", row_group_size=131_072)


def ask(path: str, questions: dict[str, str], repeats: int) -> None:
    """Ask a server in this process, and print how long it takes and how large it is."""
    from starlette.testclient import TestClient

    from kymflow_view.server.app import create_app
    from kymflow_view.server.context import Context
    from kymflow_view.server.security import cookie_name

    context = Context(path, read_only=True)
    with TestClient(create_app(context, "token", 8765), "http://127.0.0.1:8765") as client:
        client.cookies.set(cookie_name(8765), "token")
        first = client.get("/api/dataset").json()
        print(f"  {'before any table':26} {'':>9} {'':>9}   {resident_mb():.0f} MB")
        assert first["name"]
        for name, question in questions.items():
            times = []
            for _ in range(repeats + 1):
                context.tables._views.keep(lambda key: False)
                start = time.perf_counter()
                answer = client.get(f"/api/tables/{question}")
                times.append(time.perf_counter() - start)
                assert answer.status_code in (200, 400), answer.text
            median = statistics.median(times[1:])
            print(
                f"  {name:26} {times[0] * 1000:7.1f}ms {median * 1000:7.1f}ms   {resident_mb():.0f} MB",
                flush=True,
            )
    print(f"  peak {peak_mb():.0f} MB, of it tables and views {context.tables.nbytes // 10**6} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=45, help="of each image")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--dataset", help="one that is there already")
    parser.add_argument("--ask", choices=["images", "events"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        questions = IMAGES_QUESTIONS if options.ask == "images" else EVENTS_QUESTIONS
        ask(options.dataset, questions, options.repeats)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = options.dataset or str(Path(folder, "lab.zarr"))
        if not options.dataset:
            make_dataset(Path(path), options.images, options.events)
        info = {
            name: KymDataset(path, "r").describe_table(name).rows for name in ("images", "velocity_events")
        }
        for what in ("images", "events"):
            print(f"{what}: {json.dumps(info)}; the first time, and the median of {options.repeats} more")
            command = [sys.executable, __file__, "--dataset", path, "--ask", what]
            subprocess.run([*command, "--repeats", str(options.repeats)], check=True)


if __name__ == "__main__":
    main()
