"""The check of tables against the records: everything is read and extracted again, nothing is trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from kymflow.core.runs.options import OnTable, RunOptions
from kymflow.core.runs.reports import CheckReport
from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.extraction.run import extract_images
from kymflow.core.zarr.from_tables.comparing import Stale, compare_derived
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.indexers.table_indexer import as_image_indexer, as_table_indexer
from kymflow.core.zarr.tables.ledger_file import commit_of
from kymflow.core.zarr.tables.merge import Kept, Merge
from kymflow.core.zarr.tables.schema import is_alike
from kymflow.core.zarr.tables.state import TableState, find_state
from kymflow.errors import SchemaError
from kymflow_zarr import layout
from kymflow_zarr.check.leftovers import LEFTOVER_AGE_S, put_back
from kymflow_zarr.check.problems import Kind, Problem
from kymflow_zarr.check.storage import check_storage
from kymflow_zarr.errors import TableError
from kymflow_zarr.formats import frames
from kymflow_zarr.sources.table import mend_index
from kymflow_zarr.store.comparison import compare, compare_reads
from kymflow_zarr.store.dependencies import Dependencies, same_contents

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.base import DatasetIndexer
    from kymflow.core.zarr.indexers.contract import TableContract
    from kymflow.core.zarr.indexers.table_indexer import AnyIndexer, TableIndexer
    from kymflow.core.zarr.tables.ledger import Ledger
    from kymflow_zarr import ZarrDataset

_BY_REBUILD = frozenset(
    {"unreadable table", "missing table", "no ledger", "wrong rows", "wrong columns", "bent footer"}
    | {"unknown image"}
)


@dataclass
class TableCheck:
    """What is wrong with one table, and which of its images, or sources, have only changed since."""

    ds: ZarrDataset
    table_name: str
    problems: list[Problem] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    stale_because: str = ""

    def add(self, kind: Kind, what: str, *, image_id: str = "", key: str = "") -> None:
        """Note a problem; `what` goes on after the name of the table."""
        message = f"table {self.table_name!r} of {self.ds.path} {what}"
        key = key or layout.table_key(self.table_name)
        self.problems.append(Problem(kind, message, key, image_id, self.table_name))


def check_table(
    ds: ZarrDataset,
    indexer: DatasetIndexer,
    contract: TableContract,
    options: RunOptions,
) -> TableCheck:
    """Extract every image, and compare the table with what a rebuild would make.

    Rows are wrong where the ledger says that they were made from just the artifacts that are there
    now, and an extraction gives others. Where artifacts have changed since, the image is stale.

    Raises
    ------
    CancelledError
        `cancel` was set.
    """
    found = TableCheck(ds, contract.table_name)
    # The table first: what changes while images are extracted is then newer, and counts as stale.
    state = _read(found)
    live = ds.list_image_ids()
    rows, errors = extract_images(ds, indexer, contract, live, options.skipping())
    for image_id, error in errors.items():
        found.problems.append(
            Problem("failed", str(error), image_id=image_id, table_name=contract.table_name)
        )
    if state is None:
        if live and all(problem.kind != "unreadable table" for problem in found.problems):
            found.add("missing table", "is not there yet. Rebuild it.")
        return found
    _check_ids(found, state, live)
    if state.ledger is None:
        found.add("no ledger", "was written by somebody else, or its ledger is lost or damaged. Refresh it.")
    elif not state.holds(contract):
        found.stale += live
    else:
        _compare(found, contract, state, state.ledger, rows)
    found.stale.sort()
    return found


def check_derived_table(ds: ZarrDataset, indexer: TableIndexer, contract: TableContract) -> TableCheck:
    """Derive a table of its sources as they are, and compare."""
    found = TableCheck(ds, contract.table_name)
    state = _read(found)
    if state is None:
        if not found.problems:
            found.add("missing table", "is not there yet. Rebuild it.")
        return found
    difference = compare_derived(ds, indexer, contract, state)
    if isinstance(difference, Stale):
        found.stale_because = difference.why
    elif difference is not None:
        found.add(difference.kind, difference.what)
    return found


def check_foreign_table(ds: ZarrDataset, table_name: str) -> TableCheck:
    """Read a table that no indexer makes, and look whether its images are there."""
    found = TableCheck(ds, table_name)
    state = _read(found)
    if state is not None:
        _check_ids(found, state, ds.list_image_ids())
    return found


def _read(found: TableCheck) -> TableState | None:
    key = layout.table_key(found.table_name)
    there = found.ds.store.exists(key)
    state = find_state(found.ds.store, found.table_name)
    try:
        if state is not None:
            frames.arrow_to_frame(state.table)
    except (pa.ArrowException, OSError, frames.UnreadableParquet, MemoryError) as error:
        found.add("unreadable table", f"cannot be read: {error}. Rebuild it.")
        return None
    if state is None and there:
        found.add("unreadable table", "is no readable Parquet table. Rebuild it, or drop it.")
    return state


def _check_ids(found: TableCheck, state: TableState, live: Sequence[str]) -> None:
    """Look for images that are not there: those that a ledger lists have been deleted since."""
    deleted = sorted(state.known_ids().difference(live))
    if state.ledger is not None:
        found.stale += deleted
        return
    for image_id in deleted:
        found.add("unknown image", f"has rows of image {image_id!r}, which is not there.", image_id=image_id)


def _compare(
    found: TableCheck,
    contract: TableContract,
    state: TableState,
    ledger: Ledger,
    rows: Batch,
) -> None:
    """Compare what images gave with what the table has of them, as far as it speaks of the same artifacts."""
    same = []
    for place, image_id in enumerate(rows.image_ids):
        entry = ledger.get(image_id)
        if entry is None or entry.error:
            found.stale.append(image_id)
            continue
        if same_contents(entry.dependencies, rows.dependencies.decode(place)):
            same.append(place)
            continue
        why = _why_wrong(found.ds, ledger.dependencies_of([image_id]), rows.dependencies.take([place]))
        if why is None:
            found.stale.append(image_id)
        else:
            what = f"does not have the present rows of image {image_id!r}: {why}."
            found.add("wrong rows", what, image_id=image_id)
    rows = rows.take(same)
    try:
        merge = Merge(contract, Kept(state.table, ledger), rows, {})
    except SchemaError as error:
        found.add("wrong columns", f"cannot hold what its images give: {error}")
        return
    if not merge.changes_rows_of(state.schema):
        return
    if not is_alike(state.schema, merge.schema):
        there, wanted = (
            [f"{field.name} ({field.type})" for field in one] for one in (state.schema, merge.schema)
        )
        found.add("wrong columns", f"has other columns than its images give: {there}, expected {wanted}.")
        return
    place = 0
    table = state.table.replace_schema_metadata(None)
    spans = ledger.spans(rows.image_ids)
    for image_id, n_rows, (begin, end) in zip(rows.image_ids, rows.counts.tolist(), spans, strict=True):
        if not table.slice(begin, end - begin).equals(merge.new.slice(place, n_rows)):
            what = f"has {end - begin} rows of image {image_id!r}, which are not the {n_rows} that it gives."
            found.add("wrong rows", what, image_id=image_id)
        place += n_rows


def _why_wrong(ds: ZarrDataset, before: Dependencies, after: Dependencies) -> str | None:
    """Say why a table counts as fresh for an image of which an extraction has read something else.

    None if it does not. What both have read, and found different, was written or deleted meanwhile,
    unless a listing would not tell. Nobody need look again at what others go on writing.
    """
    differs, unseen = compare_reads(before, after)
    if unseen:
        return "an artifact was changed under its old time"
    if not differs and all(compare(ds.store, one).holds.all() for one in (before, after)):
        return "its indexer reads other things than it did, under the same schema version"
    return None


def _check_ledgers(ds: ZarrDataset) -> list[Problem]:
    """Return ledgers of no table; a young one may belong to a commit that is under way."""
    problems = []
    for found in list(ds.store.list(layout.INDEX)):
        table_name, _, file = found.key[len(layout.INDEX) + 1 :].partition("/")
        if layout.is_litter(file or table_name) or not (layout.is_name(table_name) and layout.is_name(file)):
            # Somebody else's: no table can have this name, and no commit this one.
            continue
        old = found.mtime_ns < ds.store.now_ns() - LEFTOVER_AGE_S * 1e9
        state = find_state(ds.store, table_name) if old and file.endswith(".parquet") else None
        if old and (state is None or file != f"{commit_of(state.schema)}.parquet"):
            message = f"the ledger {found.key!r} belongs to no table; nothing needs it."
            problems.append(Problem("stray ledger", message, key=found.key, table_name=table_name))
    return problems


def check_dataset(
    ds: ZarrDataset,
    indexers: Iterable[AnyIndexer],
    options: RunOptions,
    *,
    rebuild: Callable[[AnyIndexer], object] | None = None,
    on_table: OnTable | None = None,
) -> CheckReport:
    """Check all that is stored, and then every table.

    Parameters
    ----------
    ds : ZarrDataset
        The dataset.
    indexers : iterable of DatasetIndexer or TableIndexer
        Those whose tables are compared with the records, or with the tables that they are made of; in the
        order in which their tables can be made.
    options : RunOptions
        Progress and cancellation.
    rebuild : callable, optional
        Rebuilds the table of an indexer. With it, what can be put right is: wrong tables are
        rebuilt and checked again, and what interrupted writes left behind is put back or deleted.
    on_table : callable, optional
        Called with the name of each table before it is begun.

    Raises
    ------
    CancelledError
        `cancel` was set.
    """
    stored = check_storage(ds.store, ds.zarr_format, on_progress=options.on_progress, cancel=options.cancel)
    faults = stored.problems
    if rebuild is not None:
        # Before the tables are checked, whose indexers may want the pixels.
        faults = put_back(ds.store, ds.zarr_format, faults)
    problems = [*faults, *_check_ledgers(ds)]
    if rebuild is not None:
        problems = [_with_mended_sources(ds, problem) for problem in problems]
    report = CheckReport(stored.images, stored.artifacts, problems=problems, sources=stored.sources)
    by_table = {contract_of(indexer).table_name: indexer for indexer in indexers}
    # What is made of other tables is looked at after these, which may be repaired.
    derived = [name for name, one in by_table.items() if as_table_indexer(one) is not None]
    for name in [*sorted({*by_table, *ds.list_table_names()}.difference(derived)), *derived]:
        if on_table is not None:
            on_table(name)
        report.tables.append(name)
        indexer = by_table.get(name)
        if indexer is None:
            found = check_foreign_table(ds, name)
        else:
            check = _check_of(ds, indexer, options)
            found = check()
            wrong = any(problem.kind in _BY_REBUILD for problem in found.problems)
            if rebuild is not None and (wrong or found.stale_because):
                rebuild(indexer)
                if on_table is not None:
                    on_table(name)
                found = _after_repair(found, check())
        report.problems.extend(found.problems)
        if found.stale:
            report.stale[name] = found.stale
        if found.stale_because:
            report.stale_tables[name] = found.stale_because
    if rebuild is not None:
        _sweep(ds, report, stored.sweepable)
    return report


def _check_of(ds: ZarrDataset, indexer: AnyIndexer, options: RunOptions) -> Callable[[], TableCheck]:
    contract = contract_of(indexer)
    of_tables = as_table_indexer(indexer)
    if of_tables is not None:
        return partial(check_derived_table, ds, of_tables, contract)
    return partial(check_table, ds, as_image_indexer(indexer), contract, options)


def _with_mended_sources(ds: ZarrDataset, problem: Problem) -> Problem:
    """Mend the sources table where it is what is wrong, as far as its file can be read at all."""
    if problem.kind != "unreadable sources":
        return problem
    try:
        mend_index(ds.store)
    except TableError:
        return problem
    return replace(problem, repaired=True)


def _after_repair(before: TableCheck, after: TableCheck) -> TableCheck:
    """Return what was wrong with a table, and is repaired if it is gone, and what only now is to be seen."""
    left = {(problem.kind, problem.image_id): problem for problem in after.problems}
    kept_rows = any(problem.kind == "failed" for problem in after.problems)
    problems = []
    for problem in before.problems:
        still = left.pop((problem.kind, problem.image_id), None)
        # Images that failed keep their rows, and whose those are, nobody knows.
        gone = still is None and not (problem.kind == "no ledger" and kept_rows)
        problems.append(replace(problem, repaired=gone))
    return replace(after, problems=[*problems, *left.values()])


def _sweep(ds: ZarrDataset, report: CheckReport, sweepable: Sequence[str]) -> None:
    """Delete what interrupted writes left behind, and nobody needs."""
    swept = {*sweepable, *(problem.key for problem in report.problems if problem.kind == "stray ledger")}
    for key in sorted(swept):
        ds.store.delete_tree(key)
    report.problems[:] = [
        replace(problem, repaired=True) if problem.key in swept else problem for problem in report.problems
    ]
