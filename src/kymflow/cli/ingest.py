"""``kymflow ingest``: a folder's new and changed kymographs in, tables updated."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from kymflow.cli.datasets import hint_at_indexers
from kymflow.cli.failures import FAILED, fail, interrupted, say
from kymflow.cli.output import any_failed, print_json, print_reports, reports_to_dict
from kymflow.cli.progress import progress
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow_zarr import is_dataset

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow.core.runs.reports import IngestReport


def run_ingest(
    dataset: str,
    folder: str,
    pattern: str,
    *,
    overwrite: bool,
    new_only: bool,
    executor: Executor | None,
    as_json: bool,
) -> None:
    """Ingest a folder into a dataset, which is made if it is absent."""
    # Path.is_dir() raises where the path is too long for the system.
    if not os.path.isdir(folder):
        if not folder:
            fail("the folder to ingest from is an empty text; the present folder is '.'")
        fail(f"{folder} is no folder to ingest from. Usage: kymflow ingest DATASET FOLDER")
    is_new = not is_dataset(dataset)
    kd = KymDataset(dataset)
    with progress("kymographs") as bar:
        report = kd.ingest_folder(
            folder,
            pattern,
            mode="skip" if new_only else "reingest_if_changed",
            overwrite=overwrite,
            on_error="skip",
            on_progress=bar.step,
            on_table=bar.begin,
            cancel=interrupted,
            executor=executor,
        )
    hint_at_indexers(kd)
    if as_json:
        print_json(ingest_to_dict(report))
    else:
        _print(report, folder, pattern, f"{kd.ds.path}{' (made)' if is_new else ''}")
    if report.failed or any_failed(report.tables):
        raise typer.Exit(FAILED)


def ingest_to_dict(report: IngestReport) -> dict[str, Any]:
    """Return the shape that ``ingest --json`` documents."""
    return {
        **reports_to_dict(report.tables),
        "new": report.new,
        "changed": report.changed,
        "conflicts": [asdict(conflict) for conflict in report.conflicts],
        "failed": [{"source": source, "error": cause} for source, cause in report.failed.items()],
    }


def _print(report: IngestReport, folder: str, pattern: str, dataset: str) -> None:
    counts = f"{len(report.new)} new, {len(report.changed)} changed, {report.unchanged} unchanged"
    print(f"{folder} -> {dataset}: {counts}, {len(report.failed)} failed")
    if not (report.new or report.changed or report.unchanged or report.failed):
        say(f'kymflow: no file in {folder} is named {pattern}; --pattern "*.tiff" takes others')
    for source, cause in report.failed.items():
        print(f"failed: {source}: {cause}")
    if report.missing:
        print(
            f"missing: {len(report.missing)} ingested before are not in the folder any more, "
            f"{report.missing[0]} for one; their images stay (delete_image() removes one)"
        )
    for conflict in report.conflicts:
        print(
            f"kept: {conflict.part} of image {conflict.image_id} was edited in the dataset and changed "
            f"in {conflict.source}, too; --overwrite takes the folder's"
        )
    if report.tables:
        print_reports(report.tables)
