"""The outcome of a run of an indexer whose table is made of other tables."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kymflow.core.runs.options import RunOptions
from kymflow.core.runs.reports import UpdateReport
from kymflow.core.zarr.from_tables.derive import Derived, derive_table
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.refresh.update import Outcome
from kymflow.core.zarr.tables.info import describe_table
from kymflow.errors import IndexerError
from kymflow_zarr.errors import TableError, TableNotFoundError

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.table_indexer import TableIndexer
    from kymflow_zarr import ZarrDataset


def update_of_tables(
    ds: ZarrDataset,
    indexer: TableIndexer,
    contract: TableContract,
    options: RunOptions,
    *,
    made_by: Mapping[str, str],
    whole: bool = False,
    changed_code: bool = False,
) -> Outcome:
    """Derive a table as :func:`derive_table`; with ``on_error="skip"``, the report tells what failed."""
    started = time.perf_counter()
    try:
        derived = derive_table(
            ds, indexer, contract, options, made_by=made_by, whole=whole, changed_code=changed_code
        )
    except IndexerError as error:
        if options.on_error == "raise":
            raise
        derived = Derived(_rows_now(ds, contract), problem=str(error))
    return _outcome(contract, derived, time.perf_counter() - started)


def left_as_it_was(ds: ZarrDataset, contract: TableContract, problem: str) -> Outcome:
    """Return the outcome for a table that was not derived, and why."""
    return _outcome(contract, Derived(_rows_now(ds, contract), problem=problem), 0.0)


def _outcome(contract: TableContract, derived: Derived, seconds: float) -> Outcome:
    report = UpdateReport(
        contract.table_name,
        rows=derived.rows,
        seconds=seconds,
        sources=list(contract.sources),
        derived=derived.wrote,
        problem=derived.problem,
    )
    return Outcome(None, report, derived.wrote)


def _rows_now(ds: ZarrDataset, contract: TableContract) -> int:
    try:
        return describe_table(ds, contract.table_name).rows
    except (TableError, TableNotFoundError):
        return 0
