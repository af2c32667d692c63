"""Full rebuild of both built-in tables against a pandas loop, DuckDB and Polars on the same artifact files.

Run it with `make bench`, or `python benchmarks/rebuild.py --images 1000 --repeats 5`. All run in
turn in one process, after one round that is not counted; medians and ratios are printed. The
artifacts are in the page cache, and all of them write their tables as Parquet with the same codec.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from kymflow import IndexerRegistry, KymDataset, ZarrDataset
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer

EVENTS_PER_IMAGE = 50
# One image in ten has no events, as in real folders.
WITHOUT_EVENTS = 10


def make_events(random: np.random.Generator) -> pd.DataFrame:
    """Return the events of one image."""
    t0 = np.sort(random.uniform(0, 30, EVENTS_PER_IMAGE))
    return pd.DataFrame(
        {
            "roi_id": 1,
            "event_id": [f"1:1:{i}" for i in range(EVENTS_PER_IMAGE)],
            "t0_s": t0,
            "t1_s": t0 + 0.5,
            "kind": random.choice(["baseline_drop", "baseline_rise"], EVENTS_PER_IMAGE),
            "score": random.normal(size=EVENTS_PER_IMAGE),
        }
    )


def make_dataset(path: Path, n_images: int, seed: int = 0) -> ZarrDataset:
    random = np.random.default_rng(seed)
    ds = ZarrDataset(path)
    pixels = np.zeros((4, 4), np.uint16)
    for number in range(n_images):
        record = ds.record(f"{number:08d}")
        record.save_array(pixels)
        record.save_json(
            "radon_report",
            {"mean_velocity": random.normal(), "median_velocity": 1.0, "n_valid": 7, "notes": ""},
        )
        if number % WITHOUT_EVENTS:
            record.save_df_parquet("velocity_events", make_events(random))
    return ds


def open_dataset(location: Path | str) -> KymDataset:
    """Open a dataset with the two built-in indexers, whatever else is installed."""
    registry = IndexerRegistry(())
    for indexer in (RadonReportIndexer(), VelocityEventsIndexer()):
        registry.register(indexer)
    return KymDataset(location, registry=registry)


def rebuild_kymflow(path: Path) -> None:
    open_dataset(path).rebuild_all()


def rebuild_pandas(path: Path) -> None:
    """What one would write by hand: no ledger, no checks."""
    tables = path.parent / "pandas"
    tables.mkdir(exist_ok=True)
    events, reports = [], []
    for record in sorted((path / "images").iterdir()):
        analysis = record / "analysis"
        if (analysis / "velocity_events.parquet").exists():
            frame = pd.read_parquet(analysis / "velocity_events.parquet")
            frame.insert(0, "image_id", record.name)
            events.append(frame)
        if (analysis / "radon_report.json").exists():
            report = json.loads((analysis / "radon_report.json").read_text())
            reports.append({"image_id": record.name, **report})
    pd.concat(events, ignore_index=True).to_parquet(tables / "velocity_events.parquet")
    pd.DataFrame(reports).to_parquet(tables / "radon_report.parquet")


def rebuild_duckdb(path: Path) -> None:
    tables = path.parent / "duckdb"
    tables.mkdir(exist_ok=True)
    image_id = "regexp_extract(filename, 'images/([^/]+)/', 1) AS image_id"
    with duckdb.connect() as connection:
        for name, read in (
            ("velocity_events", "read_parquet('{}', union_by_name=true, filename=true)"),
            ("radon_report", "read_json('{}', filename=true)"),
        ):
            suffix = "parquet" if "parquet" in read else "json"
            source = read.format(path / "images" / "*" / "analysis" / f"{name}.{suffix}")
            connection.execute(
                f"COPY (SELECT {image_id}, * EXCLUDE (filename) FROM {source} ORDER BY image_id) "
                f"TO '{tables / name}.parquet' (FORMAT parquet, COMPRESSION snappy)"
            )


def rebuild_polars(path: Path) -> None:
    tables = path.parent / "polars"
    tables.mkdir(exist_ok=True)
    records = sorted((path / "images").iterdir())
    files = [file for record in records if (file := record / "analysis" / "velocity_events.parquet").exists()]
    schema = pl.read_parquet_schema(files[0])
    events = pl.scan_parquet(files, schema=schema, include_file_paths="path")
    image_id = pl.col("path").str.extract("images/([^/]+)/").alias("image_id")
    table = events.select(image_id, pl.exclude("path")).collect()
    table.write_parquet(tables / "velocity_events.parquet", compression="snappy")
    reports = []
    for record in records:
        file = record / "analysis" / "radon_report.json"
        if file.exists():
            reports.append({"image_id": record.name, **json.loads(file.read_bytes())})
    pl.DataFrame(reports).write_parquet(tables / "radon_report.parquet", compression="snappy")


def check_equal(path: Path) -> None:
    """All must have made the same tables, or the times mean nothing."""
    for name in ("velocity_events", "radon_report"):
        ours = pd.read_parquet(path / "tables" / f"{name}.parquet")
        for other in ("pandas", "duckdb", "polars"):
            theirs = pd.read_parquet(path.parent / other / f"{name}.parquet")
            shared = [column for column in ours.columns if column in theirs.columns]
            left = ours[shared].sort_values(shared, ignore_index=True)
            right = theirs[shared].sort_values(shared, ignore_index=True)
            pd.testing.assert_frame_equal(left, right, check_dtype=False)


def measure(actions: dict[str, Callable[[Path], None]], path: Path, repeats: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for repeat in range(repeats + 1):
        for name, action in actions.items():
            started = time.perf_counter()
            action(path)
            if repeat:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kymflow-bench-"))
    try:
        path = folder / "lab.zarr"
        make_dataset(path, options.images)
        actions = {
            "kymflow": rebuild_kymflow,
            "pandas loop": rebuild_pandas,
            "DuckDB": rebuild_duckdb,
            "Polars": rebuild_polars,
        }
        seconds = measure(actions, path, options.repeats)
        check_equal(path)
    finally:
        shutil.rmtree(folder)
    ours = seconds["kymflow"]
    print(f"{options.images} images x {EVENTS_PER_IMAGE} events, median of {options.repeats}")
    for name, values in seconds.items():
        ratio = statistics.median(mine / other for mine, other in zip(ours, values, strict=True))
        spread = f"{min(values):.3f} to {max(values):.3f}"
        print(f"{name:12} {statistics.median(values):7.3f} s  ({spread})  kymflow takes {ratio:.2f}x of it")


if __name__ == "__main__":
    main()
