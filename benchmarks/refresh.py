"""A refresh that finds nothing to do, against a bare scandir and stat of the same artifact files.

    python benchmarks/refresh.py --images 1000 10000 50000

The same of events alone, in a dataset without reports:

    python benchmarks/refresh.py --images 1000 --tables velocity_events

And an update of one image in tables of 50 thousand and a million rows, against a bare pyarrow read,
filter, concatenation and write of the same file:

    python benchmarks/refresh.py --rows 50000 1000000

Peak memory is that of a process of its own that does it once, and of one that does the bare thing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rebuild import EVENTS_PER_IMAGE, TABLES, make_dataset, make_events, open_dataset


def look(images: Path) -> int:
    """Stat every artifact file below a folder of records."""
    total = 0
    with os.scandir(images) as records:
        for record in records:
            if not record.is_dir():
                continue
            # A record without artifacts has no such folder.
            with suppress(FileNotFoundError), os.scandir(os.path.join(record.path, "analysis")) as artifacts:
                for artifact in artifacts:
                    total += artifact.stat().st_size
    return total


def median_ratio(
    ours: Callable[[], object],
    other: Callable[[], object],
    repeats: int,
    prepare: Callable[[], object] = lambda: None,
) -> tuple[float, float, float]:
    pairs = []
    for repeat in range(repeats + 1):
        times = []
        for action in (ours, other):
            # Before each: what runs right after another finds the memory that it has let go of.
            prepare()
            started = time.perf_counter()
            action()
            times.append(time.perf_counter() - started)
        if repeat:
            pairs.append(times)
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def peak_mib(code: str, *arguments: object) -> float:
    """Return the peak memory of a fresh Python that runs `code`, in MiB."""
    # Not ru_maxrss: that counts the parent, too, until the new program has begun.
    code += "\nprint(next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    return float(done.stdout.split()[-1]) / 1024


BEGIN = "import sys; from pathlib import Path; from refresh import *\npath = Path(sys.argv[1])\n"
OURS = BEGIN + "kd = open_dataset(path)\n"
REFRESH = BEGIN + "open_dataset(path, sys.argv[2:]).refresh_all()"
COMMAND = """from kymflow.cli.main import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
"""
LOOK = BEGIN + "look(path / 'images')"
BARE = BEGIN + "rewrite(path, sys.argv[2])"


def no_op(folder: Path, n_images: int, repeats: int, tables: Sequence[str]) -> None:
    path = folder / f"{n_images}.zarr"
    make_dataset(path, n_images, tables=tables)
    kd = open_dataset(path, tables)
    kd.rebuild_all()
    # Times settle, and the ledgers note it: from then on listings do.
    time.sleep(2.1)
    kd.refresh_all()
    ours, bare, ratio = median_ratio(kd.refresh_all, lambda: look(path / "images"), repeats)
    print(f"{n_images:6} images: no-op refresh {ours:.3f} s, scandir+stat {bare:.3f} s, {ratio:.2f}x")
    started = time.perf_counter()
    kd.rebuild_all()
    seconds = time.perf_counter() - started
    peak = peak_mib(COMMAND, "rebuild", path, *(option for name in tables for option in ("--indexer", name)))
    print(f"{n_images:6} images: rebuild {seconds:.2f} s, `kymflow rebuild` {peak:.0f} MiB at its peak")
    mine, other = peak_mib(REFRESH, path, *tables), peak_mib(LOOK, path)
    print(f"{n_images:6} images: no-op refresh {mine:.0f} MiB at its peak, scandir+stat {other:.0f} MiB")


def one_image(folder: Path, n_rows: int, repeats: int) -> None:
    path = folder / f"{n_rows}-rows.zarr"
    kd = open_dataset(path)
    n_images = n_rows // EVENTS_PER_IMAGE
    random = np.random.default_rng(0)
    for number in range(n_images):
        record = kd.ds.record(f"{number:08d}")
        record.save_array([[0, 1], [2, 3]])
        record.save_df_parquet("velocity_events", make_events(random))
    kd.rebuild("velocity_events")
    image_id = f"{n_images // 2:08d}"
    record = kd.ds.record(image_id)

    def edit() -> None:
        record.save_df_parquet("velocity_events", make_events(random))

    def ours() -> None:
        kd.update_image("velocity_events", image_id)

    table_path = path / "tables" / "velocity_events.parquet"
    copy = folder / "bare.parquet"
    shutil.copy(table_path, copy)

    mine, other, ratio = median_ratio(ours, lambda: rewrite(copy, image_id), repeats, edit)
    print(f"{n_rows:8} rows: update_image {mine:.3f} s, bare pyarrow {other:.3f} s, {ratio:.2f}x")
    many = [f"{number:08d}" for number in range(0, n_images, max(1, n_images // 100))][:100]

    def edit_many() -> None:
        for one in [*many, image_id]:
            kd.ds.record(one).save_df_parquet("velocity_events", make_events(random))

    mine, other, ratio = median_ratio(
        lambda: kd.update_images("velocity_events", many), ours, repeats, edit_many
    )
    print(f"{n_rows:8} rows: {len(many)} images at once {mine:.3f} s, one {other:.3f} s, {ratio:.2f}x")
    update = f"{OURS}kd.update_image('velocity_events', sys.argv[2])"
    mine, other = peak_mib(update, path, image_id), peak_mib(BARE, copy, image_id)
    print(f"{n_rows:8} rows: update_image {mine:.0f} MiB at its peak, bare pyarrow {other:.0f} MiB")


def rewrite(path: Path, image_id: str) -> None:
    table = pq.read_table(path)
    kept = table.filter(pc.not_equal(table["image_id"], image_id))
    rows = table.filter(pc.equal(table["image_id"], image_id))
    pq.write_table(pa.concat_tables([kept, rows]), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="*", default=[])
    parser.add_argument("--rows", type=int, nargs="*", default=[])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kymflow-bench-"))
    try:
        for n_images in options.images:
            no_op(folder, n_images, options.repeats, options.tables)
        for n_rows in options.rows:
            one_image(folder, n_rows, options.repeats)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
