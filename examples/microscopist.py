"""From a folder of kymographs to what goes into a talk: a workbook, and a picture of each stall.

Run it from anywhere: `python examples/microscopist.py [KYMOGRAPHS] [RESULTS]`. Without the first folder it
takes a simulated lab, without the second a temporary one. KYMOGRAPHS is only read; run it again after the
next session, and what is new is taken in. On the command line: `kymflow ingest`, `export` and `plot`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import kymflow_view
from kymflow import KymDataset, TableContent, write_tables
from kymflow.testing import simulate_folder


def main(kymographs: Path, results: Path) -> None:
    """Take `kymographs` in, and write what they show into `results`."""
    results.mkdir(parents=True, exist_ok=True)
    kd = KymDataset(results / "lab.zarr")
    taken = kd.ingest_folder(kymographs)
    print(f"{len(taken.new)} new, {len(taken.changed)} changed, {len(taken.failed)} failed")
    for path, reason in taken.failed.items():
        print(f"  {path}: {reason}")

    # One workbook, a sheet for each table, with the file of each row and its unit in the head of each column.
    names = ["images", "radon_report", "velocity_events"]
    sheets = [
        TableContent.of(name, kd.get_table(name, with_source=True), kd.describe_table(name).columns)
        for name in names
    ]
    write_tables(sheets, results / "lab.xlsx")

    # The kymograph of each image in which the flow drops, with its events and velocities.
    events = kd.get_table("velocity_events", with_source=True)
    drops = events[events["kind"] == "baseline_drop"]
    for image_id, rows in drops.groupby("image_id"):
        picture = results / (
            Path(rows["rel_path"].iloc[0]).with_suffix("").as_posix().replace("/", ", ") + ".png"
        )
        kymflow_view.figure(kd.ds.record(str(image_id))).savefig(picture)
        print(f"{picture.name}: drops at {', '.join(f'{t:.2f} s' for t in rows['t0_s'])}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        given = [Path(argument) for argument in sys.argv[1:]]
        if not given:
            simulate_folder(Path(temporary) / "kymographs", n_images=6)
        main(*[*given, Path(temporary) / "kymographs", Path(temporary) / "results"][:2])
