"""Everything that writes a dataset, as actions to be tried with faults; and the dataset that they work on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kymflow import KymDataset, ZarrImageRecord
from kymflow.testing import simulate_folder

NOTES = "notes"
FIRST, SECOND, THIRD = "first", "second", "third"


def make_lab(root: Path) -> None:
    """A folder taken in, one of its files edited and one added since; another image edited in the dataset."""
    folder = root / "in"
    labs = [image.tiff for image in simulate_folder(folder, 3, n_lines=40, n_pixels=8)]
    late = labs[2].rename(root / "late.tif")
    kd = KymDataset(root / "lab.zarr", mode="a")
    kd.ingest_folder(folder)
    late.rename(labs[2])
    for source in folder.rglob("*_0002_events.json"):
        source.write_text(source.read_text("utf-8").replace("unreviewed", "true_stall"), "utf-8")
    for number, image_id in enumerate((FIRST, SECOND, THIRD)):
        record = kd.ds.record(image_id)
        record.save_array(np.full((40, 8), number, np.uint16))
        record.save_json("radon_report", {"mean_velocity": 1.0 + number, "n_valid": 10})
        record.save_array_artifact("mask", np.full((4, 4), number, np.uint8))
    kd.refresh_all()
    kd.ds.save_table(NOTES, pd.DataFrame({"image_id": [FIRST, SECOND], "note": ["one", "two"]}))
    kd.ds.record(FIRST).save_json("radon_report", {"mean_velocity": 7.0, "n_valid": 11})


def _command(*arguments: str) -> Callable[[Path], None]:
    def run(root: Path) -> None:
        from kymflow.cli.main import main

        places = {"DATASET": root / "lab.zarr", "FOLDER": root / "in"}
        sys.argv = ["kymflow", *(str(places.get(argument, argument)) for argument in arguments)]
        main()

    return run


def _with_record(edit: Callable[[ZarrImageRecord], object]) -> Callable[[Path], None]:
    return lambda root: _ignore(edit(KymDataset(root / "lab.zarr", "r+").ds.record(FIRST)))


def _with_dataset(edit: Callable[[KymDataset], object]) -> Callable[[Path], None]:
    return lambda root: _ignore(edit(KymDataset(root / "lab.zarr", "r+")))


def _ignore(_: object) -> None:
    return None


def _edit_table(kd: KymDataset) -> None:
    kd.load_tables([NOTES])
    kd.tables[NOTES]["note"] = "edited"
    kd.save_table(NOTES)


_ROWS = pd.DataFrame({"image_id": SECOND, "note": ["new", "newer"]})
_FRAME = pd.DataFrame({"roi_id": [1, 2], "mean_velocity": [0.5, 0.25], "n_valid": [3, 4]})

# Run as the command line is: they print, and end with an exit code.
COMMANDS: dict[str, Sequence[str]] = {
    "refresh": ["refresh", "DATASET"],
    "rebuild": ["rebuild", "DATASET"],
    "update": ["update", "DATASET", FIRST],
    "ingest": ["ingest", "DATASET", "FOLDER"],
    "delete": ["delete", "DATASET", SECOND, "--yes"],
    "check": ["check", "DATASET"],
    "check --repair": ["check", "DATASET", "--repair"],
    "status": ["status", "DATASET"],
}

CALLS: dict[str, Callable[[Path], None]] = {
    "save_json": _with_record(lambda record: record.save_json("radon_report", {"mean_velocity": 9.0})),
    "save_df_parquet": _with_record(lambda record: record.save_df_parquet("velocity_events", _FRAME)),
    "save_df_csv_gz": _with_record(lambda record: record.save_df_csv_gz("trace", _FRAME)),
    "save_array": _with_record(lambda record: record.save_array(np.full((40, 8), 9, np.uint16))),
    "save_array_artifact": _with_record(
        lambda record: record.save_array_artifact("mask", np.full((4, 4), 9, np.uint8))
    ),
    "save_metadata_payload": _with_record(lambda record: record.save_metadata_payload({"note": "new"})),
    "delete_analysis": _with_record(lambda record: record.delete_analysis()),
    "add_image": _with_dataset(lambda kd: kd.ds.record("new").save_array(np.ones((4, 4), np.uint16))),
    "delete_image": _with_dataset(lambda kd: kd.ds.delete_image(SECOND)),
    "replace_rows": _with_dataset(lambda kd: kd.ds.replace_rows_for_image_id(NOTES, SECOND, _ROWS)),
    "save_table": _with_dataset(_edit_table),
    "drop_table": _with_dataset(lambda kd: kd.ds.drop_table(NOTES)),
    "refresh_from_folder": lambda root: _ignore(
        KymDataset(root / "lab.zarr", "r+").ds.refresh_from_folder(root / "in", mode="reingest_if_changed")
    ),
}

ACTIONS = {**{name: _command(*arguments) for name, arguments in COMMANDS.items()}, **CALLS}
