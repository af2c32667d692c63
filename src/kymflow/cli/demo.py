"""``kymflow demo``: everything once, on a simulated lab folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kymflow.cli.datasets import hint_at_indexers
from kymflow.cli.failures import fail
from kymflow.cli.hints import call, here
from kymflow.cli.lines import print_line
from kymflow.cli.output import print_json
from kymflow.cli.plugged import ENTRY_POINT_GROUP
from kymflow.cli.reports import reports_to_dict
from kymflow.core.plugins.discovery import installed_plugins
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow.testing import simulate_folder
from kymflow_zarr import ArtifactNotFoundError

T = TypeVar("T")

N_IMAGES = 6


class _Steps:
    """What was done, and how long it took."""

    def __init__(self) -> None:
        self.done: list[tuple[str, float]] = []

    def run(self, action: Callable[[], T], words: Callable[[T], str]) -> T:
        started = time.perf_counter()
        result = action()
        self.done.append((words(result), time.perf_counter() - started))
        return result


def run_demo(directory: Path, *, as_json: bool) -> None:
    """Simulate, ingest, rebuild, edit, update; print what was done."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        fail(f"{directory} is not empty; give the demo a folder of its own: {call('demo', 'DIR')}")
    folder, dataset = directory / "kymographs", directory / "lab.zarr"
    steps = _Steps()
    images = steps.run(
        lambda: simulate_folder(folder, N_IMAGES),
        lambda images: f"simulated {len(images)} kymographs, {sum(i.analysed for i in images)} analysed",
    )
    kd = steps.run(
        lambda: KymDataset(dataset, mode="a"), lambda kd: f"created the dataset {here(kd.ds.path)}"
    )
    ingested = steps.run(
        lambda: kd.ingest_folder(folder), lambda report: f"ingested {len(report.new)} of {len(images)} images"
    )
    steps.run(
        kd.rebuild_all,
        lambda reports: (
            "rebuilt "
            + (", ".join(f"{r.table_name} ({r.rows} rows)" for r in reports.values()) or "no table")
        ),
    )
    edited = steps.run(
        lambda: _edit_one(kd), lambda image_id: f"edited the events of {_file_of(kd, image_id)}"
    )
    steps.run(
        lambda: kd.rebuild_all(image_ids=[edited]),
        lambda reports: (
            "updated just that image in "
            + (
                ", ".join(f"{r.table_name} ({r.unchanged} others untouched)" for r in reports.values())
                or "no table"
            )
        ),
    )
    hint_at_indexers(kd)
    if as_json:
        _print_json(kd, folder, steps, edited, ingested.new)
    else:
        _print(kd, folder, steps)
    if ingested.failed:
        fail("; ".join(f"{source}: {cause}" for source, cause in ingested.failed.items()))


def _edit_one(kd: KymDataset) -> str:
    """Review one event of the first image that has any, as a person would; return the image's id."""
    # In the order of the files, so that each demo edits the same one.
    for record in map(kd.ds.record, kd.ds.load_sources_index()["image_id"]):
        if not any(key.endswith("/velocity_events.parquet") for key in record.list_analysis_keys()):
            continue
        events = record.load_df_parquet("velocity_events")
        if len(events):
            events["user_type"] = "true_stall"
            events.loc[0, "note"] = "reviewed in the demo"
            record.save_df_parquet("velocity_events", events)
            return record.image_id
    raise ArtifactNotFoundError("no image of the simulated folder has events", artifact="velocity_events")


def _file_of(kd: KymDataset, image_id: str) -> str:
    sources = kd.ds.load_sources_index()
    return str(sources.loc[sources["image_id"] == image_id, "source_rel_path"].iloc[0])


def _print_json(kd: KymDataset, folder: Path, steps: _Steps, edited: str, new: list[str]) -> None:
    content: dict[str, Any] = {
        "folder": str(folder.resolve()),
        "dataset": kd.ds.path,
        "new": new,
        "edited": edited,
        "steps": [{"step": words, "seconds": round(seconds, 4)} for words, seconds in steps.done],
        **reports_to_dict(kd.reports),
    }
    print_json(content)


def _print(kd: KymDataset, folder: Path, steps: _Steps) -> None:
    for words, seconds in steps.done:
        print_line(f"{seconds:6.3f} s  {words}")
    dataset = here(kd.ds.path)
    print_line(
        f"The simulated folder is {here(str(folder.resolve()))}, the dataset {dataset}, with a Parquet file "
        f"per table in {os.path.join(dataset, 'tables')}."
    )
    print("Type next, here:")
    print(f"  {call('status', dataset)}")
    for name in kd.ds.list_table_names():
        print(f"  {call('show', dataset, name)}")
    if any(source.name == "view" for source in installed_plugins(ENTRY_POINT_GROUP)):
        print(f"  {call('view', dataset)}")
