"""``kymflow ingest``: a folder's new and changed kymographs in, tables updated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from kymflow.cli.datasets import hint_at_indexers
from kymflow.cli.failures import FAILED, fail, interrupted, say
from kymflow.cli.output import any_failed, print_json, print_reports
from kymflow.cli.progress import progress
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow_zarr import is_dataset

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow.core.runs.reports import IngestReport


def run_ingest(
    dataset: str,
    folder: str,
    pattern: str | None,
    *,
    overwrite: bool,
    new_only: bool,
    verify: bool,
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
    kd = KymDataset(dataset, mode="a")
    with progress("kymographs") as bar:
        report = kd.ingest_folder(
            folder,
            pattern,
            mode="skip" if new_only else "reingest_if_changed",
            overwrite=overwrite,
            verify=verify,
            on_error="skip",
            on_progress=bar.step,
            on_table=bar.begin,
            cancel=interrupted,
            executor=executor,
        )
    hint_at_indexers(kd)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report, folder, pattern, f"{kd.ds.path}{' (made)' if is_new else ''}")
    if report.failed or any_failed(report.tables):
        raise typer.Exit(FAILED)


def _print(report: IngestReport, folder: str, pattern: str | None, dataset: str) -> None:
    counts = f"{len(report.new)} new, {len(report.changed)} changed, {report.unchanged} unchanged"
    print(f"{folder} -> {dataset}: {counts}, {len(report.failed)} failed")
    if not (report.new or report.changed or report.unchanged or report.failed):
        named = "is one that a reader takes" if pattern is None else f"that a reader takes is named {pattern}"
        say(f"kymflow: no file in {folder} {named}; `kymflow readers` lists them")
    for source, cause in report.failed.items():
        print(f"failed: {source}: {cause}")
    for source, remarks in report.remarks.items():
        for remark in remarks:
            print(f"note: {source}: {remark}")
    if report.missing:
        print(
            f"missing: {len(report.missing)} ingested before are not in the folder any more, "
            f"{report.missing[0]} for one; their images stay"
        )
    for group in report.duplicates:
        print(f"twice: {', '.join(group)} have the same content; each is an image of its own")
    for reason, paths in _by_reason(report.passed_over).items():
        print(f"passed over ({len(paths)}), {reason}: {', '.join(paths[:2])}{', ...' if paths[2:] else ''}")
    for conflict in report.conflicts:
        print(
            f"kept: {conflict.part} of image {conflict.image_id} was edited in the dataset and changed "
            f"in {conflict.source}, too; --overwrite takes the folder's"
        )
    if report.tables:
        print_reports(report.tables)


def _by_reason(passed_over: dict[str, str]) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = {}
    for path, reason in passed_over.items():
        paths.setdefault(reason, []).append(path)
    return paths
