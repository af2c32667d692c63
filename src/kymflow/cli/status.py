"""``kymflow status``: how every table stands, and what is to be known of images and their sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow.cli.datasets import hint_at_indexers, open_existing
from kymflow.cli.failures import interrupted, say
from kymflow.cli.hints import call, here
from kymflow.cli.lines import counted, print_line
from kymflow.cli.output import print_json, print_table
from kymflow.cli.passed_over import NAMED, named, tell_passed_over
from kymflow.cli.progress import progress
from kymflow.cli.reasons import by_reason, files_of
from kymflow.cli.sources import print_excluded, print_failed_sources, print_odd_sources
from kymflow.core.zarr.refresh.plan import FAILED_BEFORE

if TYPE_CHECKING:
    from kymflow.core.zarr.kym_dataset import KymDataset
    from kymflow.core.zarr.refresh.status import DatasetStatus, TableStatus


def show_status(dataset: str, *, as_json: bool) -> None:
    """Print how every table stands; nothing is written."""
    kd = open_existing(dataset, "r")
    with progress("images") as bar:
        status = kd.status(on_progress=bar, cancel=interrupted)
    if as_json:
        print_json({"dataset": kd.ds.path, **status.to_dict()})
        return
    hint_at_indexers(kd)
    print_table(
        f"{here(kd.ds.path)}: {counted(status.images, 'image')}",
        ("table", "rows", "images fresh", "stale", "failed", "not in it yet", "removed"),
        [(table.table_name, table.rows, *_image_counts(table)) for table in status.tables],
        right=range(1, 7),
    )
    for table in status.tables:
        if table.sources:
            how = "fresh" if table.is_fresh else "stale"
            why = f": {table.problem}" if table.problem else ""
            print_line(f"{table.table_name}: of {', '.join(table.sources)}; {how}{why}")
        elif table.problem:
            print_line(f"{table.table_name}: {table.problem}")
    _print_failed_images(kd, status)
    _print_not_analysed(kd, status)
    print_failed_sources(status.sources)
    print_odd_sources(status.sources)
    print_excluded(status.sources)
    if status.missing_sources:
        paths = [here(path) for path in status.missing_sources.values()]
        images = counted(len(paths), "image")
        say(f"kymflow: the source files of {images} are not where they were: {named(paths)}")
    tell_passed_over(kd.ds)
    if status.problem:
        say(f"kymflow: {status.problem}")
    _say_what_to_do(status.tables, dataset)


def _say_what_to_do(tables: Sequence[TableStatus], dataset: str) -> None:
    refresh = call("refresh", dataset)
    if any(table.stale or table.missing or table.removed or table.rewrite for table in tables):
        say(f"kymflow: `{refresh}` brings the tables up to date")
    if any(table.failed for table in tables):
        say(f"kymflow: `{refresh}` tries images that failed again, once their artifacts are mended")


def _image_counts(table: TableStatus) -> tuple[object, ...]:
    counts = (table.fresh, table.stale, table.failed, table.missing, table.removed)
    # Nothing is known of images where a table is made of other tables, or by no plugin that is here.
    return ("",) * 5 if table.sources or (table.problem and not any(counts)) else counts


def _print_failed_images(kd: KymDataset, status: DatasetStatus) -> None:
    for name, plan in status.plans.items():
        told = by_reason(kd, {image_id: plan.stale[image_id] for image_id in plan.failed})
        for reason, images in list(told.items())[:NAMED]:
            print_line(f"failed: table {name}, {named(images)}: {reason.removeprefix(FAILED_BEFORE)}")
        more = sum(len(images) for images in list(told.values())[NAMED:])
        if more:
            how = call("refresh", kd.ds.path, "--dry-run")
            print_line(f"failed: table {name}, {counted(more, 'more image')}; `{how}` names the causes")


def _print_not_analysed(kd: KymDataset, status: DatasetStatus) -> None:
    if status.not_analysed:
        paths = files_of(kd)
        files = [paths.get(image_id, path) for image_id, path in status.not_analysed.items()]
        print_line(f"not analysed: {len(files)} of {counted(status.images, 'image')}: {named(files)}")
