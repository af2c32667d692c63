"""``kymflow delete``: images out of a dataset, and their rows out of its tables."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from kymflow.cli.datasets import open_existing
from kymflow.cli.failures import FAILED, USAGE, fail, interrupted, say
from kymflow.cli.hints import here
from kymflow.cli.lines import counted, in_lines, print_line
from kymflow.cli.output import print_json
from kymflow.cli.progress import progress
from kymflow.cli.reports import all_fresh, print_unfinished, reports_to_dict
from kymflow.cli.unusable import tell_unusable
from kymflow.core.zarr.image_names import find_images, short_ids, told_apart
from kymflow.core.zarr.refresh.configured import ConfiguredIndexers
from kymflow.core.zarr.tables.counts import rows_per_image
from kymflow.core.zarr.tables.state import find_state
from kymflow_zarr import TableError
from kymflow_zarr.sources.gone import GoneSources, find_gone
from kymflow_zarr.sources.table import load_rows

if TYPE_CHECKING:
    from kymflow.core.plugins.info import IndexerInfo
    from kymflow.core.runs.reports import UpdateReport
    from kymflow.core.zarr.kym_dataset import KymDataset


@dataclass(frozen=True)
class KeptRows:
    """A table that no installed indexer updates, and how many rows of deleted images it keeps."""

    table: str
    rows: int
    reason: str


@dataclass(frozen=True)
class _Doomed:
    """The images that are to go, or source files that are none: the file of each, and its rows by table."""

    image_ids: Sequence[str]
    there: Collection[str]
    files: Mapping[str, str]
    rows: Mapping[str, Counter[str]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        short = short_ids(self.image_ids)
        return [
            f"  {self.files.get(one) or 'of no file'} ({short[one]}): {self._rows_of(one)}"
            for one in self.image_ids
        ]

    def _rows_of(self, image_id: str) -> str:
        if image_id not in self.there:
            return "no image, its file is excluded"
        counts = {name: rows[image_id] for name, rows in self.rows.items() if rows[image_id]}
        return ", ".join(f"{counted(n, 'row')} of {name}" for name, n in counts.items()) or "no rows"


def run_delete(
    dataset: str, images: Sequence[str], *, missing: bool, exclude: bool, yes: bool, as_json: bool
) -> None:
    """Delete images, after asking on a terminal; end with exit code 1 if a table was left stale."""
    if bool(images) == missing:
        fail("name the images to delete, or give --missing for those whose source file is gone", USAGE)
    kd = open_existing(dataset)
    # A setting that is wrong is told before anything is deleted.
    ConfiguredIndexers(kd.ds, kd.registry).some([info.name for info in _makers(kd)])
    gone = find_gone(load_rows(kd.ds.store), kd.ds.list_image_ids()) if missing else GoneSources()
    image_ids = (
        sorted(gone.gone, key=gone.gone.__getitem__) if missing else find_images(kd, images, absent=exclude)
    )
    for reason, ids in gone.unsure.items():
        say(f"kymflow: {counted(len(ids), 'image')} left alone: {reason}")
    there = kd.ds.existing(image_ids)
    if image_ids and not yes:
        _ask(kd, dataset, _look_at(kd, image_ids, there), exclude=exclude)
    if image_ids:
        kd.ds.delete_images(image_ids, exclude=exclude)
    reports = _update_tables(kd, image_ids)
    _finish(kd, image_ids, there, reports, gone, exclude=exclude, as_json=as_json)


def _look_at(kd: KymDataset, image_ids: Sequence[str], there: Collection[str]) -> _Doomed:
    sources = told_apart(kd.ds.store.source_files())
    rows = {name: _count(kd, name, image_ids) for name in kd.ds.list_table_names()}
    return _Doomed(image_ids, there, sources, rows)


def _count(kd: KymDataset, table: str, image_ids: Collection[str]) -> Counter[str]:
    try:
        return rows_per_image(kd.ds, table, image_ids)
    except TableError:
        # A damaged table must not keep anybody from deleting; an update makes it anew.
        return Counter()


def _ask(kd: KymDataset, dataset: str, doomed: _Doomed, *, exclude: bool) -> None:
    n = len(doomed.there)
    if not sys.stdin.isatty():
        fail(
            f"{counted(n, 'image')} would be deleted, and nobody can be asked here; "
            "--yes deletes without asking",
            USAGE,
        )
    for line in (
        f"{here(dataset)}: to be deleted, {n} of {counted(len(kd.ds.list_image_ids()), 'image')}:",
        *doomed.lines(),
    ):
        print(in_lines(line, sys.stderr), file=sys.stderr)
    say(_what_comes_back(exclude=exclude))
    if not typer.confirm("Delete?", err=True):
        fail("nothing was deleted")


def _what_comes_back(*, exclude: bool) -> str:
    back = "the next ingest takes those that are there in again, unless --exclude"
    if exclude:
        back = "no ingest takes them in again"
    return f"Source files stay as they are; {back}. Edits that were made in the dataset are lost."


def _makers(kd: KymDataset) -> list[IndexerInfo]:
    """Return what is known of the indexers of the dataset's tables; of others, no plugin is imported."""
    made = set(kd.ds.list_table_names())
    return [info for info in kd.registry.known() if info.status == "ok" and info.table_name in made]


def _update_tables(kd: KymDataset, image_ids: Sequence[str]) -> dict[str, UpdateReport]:
    """Take the rows of deleted images out of each table that speaks of them, or may do so."""
    reports: dict[str, UpdateReport] = {}
    if not image_ids:
        return reports
    with progress("tables") as bar:
        for info in _makers(kd):
            state = find_state(kd.ds.store, info.table_name)
            is_lost = state is None or state.ledger is None
            known = sorted(state.known_ids().intersection(image_ids)) if state is not None else []
            if not (known or is_lost):
                continue
            bar.begin(info.table_name)
            # Without a ledger nothing tells of which images the table speaks: it is made anew.
            run = kd.refresh_all if is_lost else partial(kd.rebuild_all, image_ids=known)
            reports |= run(indexers=[info.name], on_error="skip", on_progress=bar, cancel=interrupted)
    return reports


def _finish(
    kd: KymDataset,
    image_ids: Sequence[str],
    there: Collection[str],
    reports: Mapping[str, UpdateReport],
    gone: GoneSources,
    *,
    exclude: bool,
    as_json: bool,
) -> None:
    deleted = [image_id for image_id in image_ids if image_id in there]
    kept = _kept_rows(kd, image_ids)
    unusable = tell_unusable(kd, reports) if kept else []
    left = len(kd.ds.list_image_ids())
    if as_json:
        content: dict[str, Any] = {
            "dataset": kd.ds.path,
            "deleted": deleted,
            "excluded": exclude,
            "images": left,
            "left_alone": [{"reason": reason, "image_ids": ids} for reason, ids in gone.unsure.items()],
            "kept_rows": [asdict(one) for one in kept],
            "unusable": [one.to_dict() for one in unusable],
        }
        print_json(content | reports_to_dict(reports))
    else:
        out = f"; {counted(len(image_ids), 'source file')} excluded" if exclude and image_ids else ""
        print_line(f"{here(kd.ds.path)}: {counted(len(deleted), 'image')} deleted, {left} left{out}")
        for name, report in reports.items():
            print_line(f"{name}: {counted(report.rows, 'row')} left")
        print_unfinished(kd, reports)
        for one in kept:
            print_line(f"{one.table} keeps {counted(one.rows, 'row')} of deleted images: {one.reason}")
    if unusable or not all_fresh(reports):
        raise typer.Exit(FAILED)


def _kept_rows(kd: KymDataset, image_ids: Sequence[str]) -> list[KeptRows]:
    counts = {name: _count(kd, name, image_ids).total() for name in kd.ds.list_table_names() if image_ids}
    kept = {name: rows for name, rows in counts.items() if rows}
    if not kept:
        return []
    problems = {table.table_name: table.problem for table in kd.status().tables}
    return [KeptRows(name, rows, problems.get(name) or "refresh it") for name, rows in kept.items()]
