"""Full rebuild of both built-in tables against a pandas loop, DuckDB and Polars on the same artifact files.

Run it with `make bench`, or `python benchmarks/rebuild.py --images 1000 --repeats 5`. All run in
turn in one process, after one round that is not counted; medians and ratios are printed, of wall
and of CPU time. The artifacts are in the page cache, and all of them write their tables as Parquet
with the same codec. Of events alone, without reports in the dataset, and what a file costs:

    python benchmarks/rebuild.py --tables velocity_events
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from kymflow import IndexerRegistry, KymDataset, ZarrDataset
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer
from kymflow_zarr.formats.bulk import read_alike

TABLES = ("velocity_events", "radon_report")
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


def make_dataset(path: Path, n_images: int, seed: int = 0, tables: Sequence[str] = TABLES) -> ZarrDataset:
    """Make a dataset with what these tables are made from."""
    random = np.random.default_rng(seed)
    ds = ZarrDataset(path)
    pixels = np.zeros((4, 4), np.uint16)
    for number in range(n_images):
        record = ds.record(f"{number:08d}")
        record.save_array(pixels)
        if "radon_report" in tables:
            record.save_json(
                "radon_report",
                {"mean_velocity": random.normal(), "median_velocity": 1.0, "n_valid": 7, "notes": ""},
            )
        if number % WITHOUT_EVENTS and "velocity_events" in tables:
            record.save_df_parquet("velocity_events", make_events(random))
    return ds


def open_dataset(location: Path | str, tables: Sequence[str] = TABLES) -> KymDataset:
    """Open a dataset with the built-in indexers of these tables, whatever else is installed."""
    registry = IndexerRegistry(())
    for indexer in (RadonReportIndexer(), VelocityEventsIndexer()):
        if indexer.table_name in tables:
            registry.register(indexer)
    return KymDataset(location, mode="a", registry=registry)


def rebuild_kymflow(path: Path, tables: Sequence[str]) -> None:
    open_dataset(path, tables).rebuild_all()


def rebuild_pandas(path: Path, chosen: Sequence[str]) -> None:
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
    if "velocity_events" in chosen:
        pd.concat(events, ignore_index=True).to_parquet(tables / "velocity_events.parquet")
    if "radon_report" in chosen:
        pd.DataFrame(reports).to_parquet(tables / "radon_report.parquet")


def rebuild_duckdb(path: Path, chosen: Sequence[str]) -> None:
    tables = path.parent / "duckdb"
    tables.mkdir(exist_ok=True)
    image_id = "regexp_extract(filename, 'images/([^/]+)/', 1) AS image_id"
    with duckdb.connect() as connection:
        for name, read in (
            ("velocity_events", "read_parquet('{}', union_by_name=true, filename=true)"),
            ("radon_report", "read_json('{}', filename=true)"),
        ):
            if name not in chosen:
                continue
            suffix = "parquet" if "parquet" in read else "json"
            source = read.format(path / "images" / "*" / "analysis" / f"{name}.{suffix}")
            connection.execute(
                f"COPY (SELECT {image_id}, * EXCLUDE (filename) FROM {source} ORDER BY image_id) "
                f"TO '{tables / name}.parquet' (FORMAT parquet, COMPRESSION snappy)"
            )


def event_files(path: Path) -> list[Path]:
    """List the Parquet files of a dataset's events."""
    records = sorted((path / "images").iterdir())
    return [file for record in records if (file := record / "analysis" / "velocity_events.parquet").exists()]


def rebuild_polars(path: Path, chosen: Sequence[str]) -> None:
    tables = path.parent / "polars"
    tables.mkdir(exist_ok=True)
    if "velocity_events" in chosen:
        files = event_files(path)
        schema = pl.read_parquet_schema(files[0])
        events = pl.scan_parquet(files, schema=schema, include_file_paths="path")
        image_id = pl.col("path").str.extract("images/([^/]+)/").alias("image_id")
        table = events.select(image_id, pl.exclude("path")).collect()
        table.write_parquet(tables / "velocity_events.parquet", compression="snappy")
    if "radon_report" in chosen:
        reports = []
        for record in sorted((path / "images").iterdir()):
            file = record / "analysis" / "radon_report.json"
            if file.exists():
                reports.append({"image_id": record.name, **json.loads(file.read_bytes())})
        pl.DataFrame(reports).write_parquet(tables / "radon_report.parquet", compression="snappy")


def check_equal(path: Path, tables: Sequence[str]) -> None:
    """All must have made the same tables, or the times mean nothing."""
    for name in tables:
        ours = pd.read_parquet(path / "tables" / f"{name}.parquet")
        for other in ("pandas", "duckdb", "polars"):
            theirs = pd.read_parquet(path.parent / other / f"{name}.parquet")
            shared = [column for column in ours.columns if column in theirs.columns]
            left = ours[shared].sort_values(shared, ignore_index=True)
            right = theirs[shared].sort_values(shared, ignore_index=True)
            pd.testing.assert_frame_equal(left, right, check_dtype=False)


def steps_of_files(path: Path) -> dict[str, Callable[[], object]]:
    """Give what a rebuild does with the Parquet files themselves: read their bytes, and decode these."""
    store = ZarrDataset(path, "r").store
    keys = [file.relative_to(path).as_posix() for file in event_files(path)]
    blobs = [found[0] for found in store.read_many(keys) if found is not None]
    return {"read files": lambda: store.read_many(keys), "decode files": lambda: list(read_alike(blobs))}


# Wall and CPU time of each round, s.
Times = list[tuple[float, float]]


def measure(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, Times]:
    times: dict[str, Times] = {name: [] for name in actions}
    for repeat in range(repeats + 1):
        for name, action in actions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            action()
            if repeat:
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def medians(times: Times) -> tuple[float, float]:
    """Return the medians of wall and of CPU time."""
    wall, cpu = zip(*times, strict=True)
    return statistics.median(wall), statistics.median(cpu)


def ratios(ours: Times, others: Times) -> tuple[float, float]:
    """Return the medians of the ratios round by round, of wall and of CPU time."""
    return medians([(mine[0] / its[0], mine[1] / its[1]) for mine, its in zip(ours, others, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kymflow-bench-"))
    try:
        path = folder / "lab.zarr"
        make_dataset(path, options.images, tables=options.tables)
        rebuilds = {
            "kymflow": rebuild_kymflow,
            "pandas loop": rebuild_pandas,
            "DuckDB": rebuild_duckdb,
            "Polars": rebuild_polars,
        }
        actions: dict[str, Callable[[], object]] = {
            name: partial(rebuild, path, options.tables) for name, rebuild in rebuilds.items()
        }
        steps = steps_of_files(path) if "velocity_events" in options.tables else {}
        times = measure(actions | steps, options.repeats)
        check_equal(path, options.tables)
        n_files = len(event_files(path))
    finally:
        shutil.rmtree(folder)
    ours = times["kymflow"]
    print(f"{' and '.join(options.tables)}: {options.images} images, median of {options.repeats}")
    for name in actions:
        seconds, cpu_seconds = medians(times[name])
        spread = f"{min(times[name])[0]:.3f} to {max(times[name])[0]:.3f}"
        wall, cpu = ratios(ours, times[name])
        print(
            f"{name:12} {seconds:7.3f} s ({spread}), {cpu_seconds:7.3f} s of CPU;"
            f"  kymflow takes {wall:.2f}x of it, {cpu:.2f}x of its CPU"
        )
    for name in steps:
        seconds, cpu_seconds = medians(times[name])
        share, _ = ratios(times[name], ours)
        us, cpu_us = seconds / n_files * 1e6, cpu_seconds / n_files * 1e6
        print(f"{name:12} {us:4.0f} us a file, {cpu_us:4.0f} us of CPU;  {share:.0%} of kymflow's time")


if __name__ == "__main__":
    main()
