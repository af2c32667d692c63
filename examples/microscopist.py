"""From a folder of kymographs to what goes into a talk: a workbook, and a picture of each stall.

Run it from anywhere: `python examples/microscopist.py [KYMOGRAPHS] [RESULTS]`. KYMOGRAPHS is only read, and
RESULTS is `results` if you give none; run it again after the next session, and what is new is taken in.
Without a folder it simulates a lab, and deletes it and its results at the end. On the command line:
`kymflow ingest`, `export` and `plot`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import kymflow_view
from kymflow import KymDataset, KymflowError, TableContent, write_tables
from kymflow.testing import simulate_folder


def main(kymographs: Path, results: Path) -> None:
    """Take `kymographs` in, and write what they show into `results`."""
    kd = KymDataset(results / "lab.zarr")  # made by the ingest, with the folders around it
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
    print(f"all of it is in {results.resolve()}")


def run_as_program() -> None:
    """Take the folders of the command line, or a simulated lab."""
    parser = argparse.ArgumentParser(description="From a folder of kymographs to a workbook and pictures.")
    parser.add_argument("kymographs", nargs="?", type=Path, help="is only read; a simulated lab, if absent")
    parser.add_argument("results", nargs="?", type=Path, default=Path("results"), help="is made, if absent")
    given = parser.parse_args()
    if given.kymographs is not None:
        main(given.kymographs, given.results)
        return
    with tempfile.TemporaryDirectory() as temporary:
        simulate_folder(Path(temporary) / "kymographs", n_images=6)
        main(Path(temporary) / "kymographs", Path(temporary) / "results")
        print("... which is deleted now: give a folder of kymographs to keep what is made of it")


if __name__ == "__main__":
    try:
        run_as_program()
    except KymflowError as error:
        sys.exit(str(error))
