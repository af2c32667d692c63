"""``kymflow ingest``: a folder's new and changed kymographs in, tables updated."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from kymflow.cli.datasets import (
    dataset_around,
    explain_order,
    hint_at_indexers,
    names_dataset,
    refuse_inner_path,
)
from kymflow.cli.failures import FAILED, fail, interrupted, say
from kymflow.cli.hints import call, here
from kymflow.cli.lines import counted, print_line
from kymflow.cli.output import print_json
from kymflow.cli.passed_over import tell_passed_over
from kymflow.cli.progress import progress
from kymflow.cli.reports import all_fresh, print_reports
from kymflow.cli.settings import check_settings, read_settings, tell_settings
from kymflow.cli.sources import print_twice
from kymflow.cli.unusable import tell_unusable
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow_zarr import is_dataset
from kymflow_zarr.sources.account import EXCLUDED
from kymflow_zarr.store.source_files import SOURCES_KEY

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
    include_excluded: bool,
    settings: Sequence[str] | None,
    executor: Executor | None,
    as_json: bool,
) -> None:
    """Ingest a folder into a dataset, which is made if it is absent."""
    _check_arguments(dataset, folder)
    is_new = not is_dataset(dataset)
    typed = read_settings(settings)
    if is_new:
        check_settings(typed)
    kd = KymDataset(dataset, mode="a", settings=typed)
    of_no_file = 0 if is_new else _images_of_no_file(kd)
    with progress("kymographs") as bar:
        report = kd.ingest_folder(
            folder,
            pattern,
            mode="skip" if new_only else "reingest_if_changed",
            overwrite=overwrite,
            verify=verify,
            include_excluded=include_excluded,
            on_error="skip",
            on_progress=bar,
            on_table=bar.begin,
            cancel=interrupted,
            executor=executor,
        )
    tell_settings(kd, typed)
    if of_no_file and report.new:
        there = counted(of_no_file, "image")
        say(
            f"kymflow: before this ingest, nothing told from which files the {there} of the dataset came "
            "(there was no tables/sources.parquet): what had been taken in already is there twice now; "
            f"`{call('delete', dataset, 'IMAGE')}` takes one out"
        )
    unusable = tell_unusable(kd, report.tables)
    tell_passed_over(kd.ds)
    if not report.tables and not unusable:
        hint_at_indexers(kd)
    if as_json:
        print_json(report.to_dict() | {"unusable": [one.to_dict() for one in unusable]})
    else:
        _print(kd, report, folder, pattern, f"{kd.ds.path}{' (made)' if is_new else ''}")
    if report.failed or unusable or not all_fresh(report.tables):
        raise typer.Exit(FAILED)


def _images_of_no_file(kd: KymDataset) -> int:
    """Count the images of a dataset that has no table of files; 0 where it has one."""
    return 0 if kd.ds.store.stat(SOURCES_KEY) else len(kd.ds.list_image_ids())


def _check_arguments(dataset: str, folder: str) -> None:
    # Path.is_dir() raises where the path is too long for the system.
    if not os.path.isdir(folder):
        if not folder:
            fail("the folder to ingest from is an empty text; the present folder is '.'")
        fail(f"{folder} is no folder to ingest from. Usage: {call('ingest', 'DATASET', 'FOLDER')}")
    if os.path.isdir(dataset):
        explain_order("ingest", dataset, [folder])
    around = folder if names_dataset(folder) else dataset_around(folder)
    if around is not None:
        fail(f"{folder} is {'' if around == folder else 'inside '}a dataset, no folder of kymographs")
    refuse_inner_path(dataset)


def _print(kd: KymDataset, report: IngestReport, folder: str, pattern: str | None, dataset: str) -> None:
    counts = f"{len(report.new)} new, {len(report.changed)} changed, {report.unchanged} unchanged"
    print_line(f"{here(folder)} -> {here(dataset)}: {counts}, {len(report.failed)} failed")
    if not (report.new or report.changed or report.unchanged or report.failed):
        named = "is one that a reader takes" if pattern is None else f"that a reader takes is named {pattern}"
        say(f"kymflow: no file in {folder} {named}; `{call('readers')}` lists them")
    for source, cause in report.failed.items():
        print_line(f"failed: {source}: {cause}")
    for source, remarks in report.remarks.items():
        for remark in remarks:
            print_line(f"note: {source}: {remark}")
    if report.missing:
        print_line(
            f"missing: {len(report.missing)} ingested before are not in the folder any more, "
            f"{report.missing[0]} for one; their images stay"
        )
    print_twice(report.duplicates)
    for reason, paths in _by_reason(report.passed_over).items():
        shown = f"{', '.join(paths[:2])}{', ...' if paths[2:] else ''}"
        back = "; --include-excluded takes them in" if reason == EXCLUDED else ""
        print_line(f"passed over ({len(paths)}), {reason}: {shown}{back}")
    for conflict in report.conflicts:
        print_line(
            f"kept: {conflict.part} of image {conflict.image_id} was edited in the dataset and changed "
            f"in {conflict.source}, too; --overwrite takes the folder's"
        )
    if report.tables:
        print_reports(kd, report.tables)


def _by_reason(passed_over: dict[str, str]) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = {}
    for path, reason in passed_over.items():
        paths.setdefault(reason, []).append(path)
    return paths
