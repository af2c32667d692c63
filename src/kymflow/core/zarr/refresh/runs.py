"""Runs of indexers: in which order, with what goes along, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.plugins.code import code_digest
from kymflow.core.plugins.faults import warn_of
from kymflow.core.plugins.registry import IndexerRegistry
from kymflow.core.runs.options import OnTable, RunOptions
from kymflow.core.runs.reports import UpdateReport
from kymflow.core.zarr.indexers.contract import TableContract, contract_of
from kymflow.core.zarr.indexers.table_indexer import (
    AnyIndexer,
    TableIndexer,
    as_image_indexer,
    as_table_indexer,
)
from kymflow.core.zarr.refresh.configured import ConfiguredIndexers, Settings
from kymflow.core.zarr.refresh.of_tables import left_as_it_was, update_of_tables
from kymflow.core.zarr.refresh.run_order import Step, steps_of
from kymflow.core.zarr.refresh.update import Outcome, refresh_table, update_table
from kymflow.core.zarr.tables.cache import copy_of
from kymflow.core.zarr.tables.loaded import LoadedTables
from kymflow.core.zarr.tables.state import CODE
from kymflow.errors import DeriveError
from kymflow_zarr import layout
from kymflow_zarr.formats import frames

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing


class IndexerRuns(LoadedTables):
    """The indexers of a :class:`~kymflow.KymDataset`, run.

    Attributes
    ----------
    registry : IndexerRegistry
        Which indexers there are.
    reports : dict of str to UpdateReport
        The last run of each table.
    """

    def __init__(self, ds: ZarrDataset, registry: IndexerRegistry, settings: Settings | None = None) -> None:
        super().__init__(ds)
        self.registry = registry
        self._configured = ConfiguredIndexers(ds, registry, dict(settings or {}))
        self.reports: dict[str, UpdateReport] = {}

    def _resolve(self, indexer: AnyIndexer | str) -> AnyIndexer:
        """Return an indexer as it was handed over, or the registered one with the dataset's settings."""
        return self._configured.some([indexer])[0] if isinstance(indexer, str) else indexer

    def _chosen(self, names: Sequence[str] | None) -> Sequence[AnyIndexer]:
        return self._configured.all() if names is None else self._configured.some(names)

    def _in_order(self) -> Sequence[AnyIndexer]:
        """Return all registered indexers in the order in which their tables can be made."""
        return [step.indexer for step in steps_of(self._configured, self._chosen(None))]

    def _run_one(
        self, indexer: AnyIndexer | str, run: Callable[[AnyIndexer], Outcome], options: RunOptions
    ) -> pd.DataFrame:
        """Run one indexer, and what goes with it; return its table."""
        chosen = self._resolve(indexer)
        wanted: Outcome | None = None
        for step, outcome in self._steps([chosen], run, options):
            if step.role == "asked":
                wanted = outcome
            elif step.role == "dependent" and outcome.report.problem:
                # Nobody asked for it, and would look into its report.
                name, problem = step.contract.table_name, outcome.report.problem
                warn_of(f"table {name!r} of {self.ds.path} is stale: {problem}", stacklevel=4)
        if wanted is None:
            raise AssertionError("what was asked for was not run")
        return self._frame_of(wanted)

    def _run_all(
        self,
        run: Callable[[AnyIndexer], Outcome],
        names: Sequence[str] | None,
        options: RunOptions,
        on_table: OnTable | None,
    ) -> dict[str, UpdateReport]:
        reports = {}
        for step, outcome in self._steps(self._chosen(names), run, options, on_table):
            # Nothing of one table is kept in memory while the next one is made.
            reports[step.contract.table_name] = outcome.report
            self._cache.forget(step.contract.table_name)
        return reports

    def _steps(
        self,
        chosen: Sequence[AnyIndexer],
        run: Callable[[AnyIndexer], Outcome],
        options: RunOptions,
        on_table: OnTable | None = None,
    ) -> Iterator[tuple[Step, Outcome]]:
        """Run indexers in the order in which their tables can be made, and refresh what goes with them."""
        stale: dict[str, str] = {}
        for step in steps_of(self._configured, chosen):
            name, sources = step.contract.table_name, step.contract.sources
            if step.role == "dependent" and (options.is_cancelled or not self._are_there(sources)):
                continue
            if on_table is not None:
                on_table(name)
            failed = [one for one in sources if one in stale]
            if failed:
                problem = f"source table {failed[0]!r} was not brought up to date: {stale[failed[0]]}"
                outcome = self._told(left_as_it_was(self.ds, step.contract, problem))
            elif step.role == "asked":
                outcome = run(step.indexer)
            else:
                # A plugin that nobody asked for must not spoil what was.
                given = options if step.role == "source" else options.skipping()
                outcome = self._refresh(step.indexer, given)
            if outcome.report.problem:
                stale[name] = outcome.report.problem
            yield step, outcome

    def _are_there(self, names: Sequence[str]) -> bool:
        return all(self.ds.store.exists(layout.table_key(name)) for name in names)

    def _update(
        self,
        indexer: AnyIndexer,
        options: RunOptions,
        *,
        image_ids: Iterable[str] | None = None,
        listing: Listing | None = None,
    ) -> Outcome:
        of_tables = as_table_indexer(indexer)
        if of_tables is not None:
            # Where some images were updated, it is derived if that has changed its sources.
            return self._derive(of_tables, options, whole=image_ids is None)
        contract, made_by = contract_of(indexer), self._made_by(indexer)
        return self._told(
            update_table(
                self.ds,
                as_image_indexer(indexer),
                contract,
                options,
                image_ids=image_ids,
                listing=listing,
                made_by=made_by,
            )
        )

    def _refresh(
        self,
        indexer: AnyIndexer,
        options: RunOptions,
        *,
        listing: Listing | None = None,
        changed_code: bool = False,
    ) -> Outcome:
        of_tables = as_table_indexer(indexer)
        if of_tables is not None:
            return self._derive(of_tables, options, changed_code=changed_code)
        contract, made_by = contract_of(indexer), self._made_by(indexer)
        return self._told(
            refresh_table(
                self.ds,
                as_image_indexer(indexer),
                contract,
                options,
                listing=listing,
                made_by=made_by,
                changed_code=changed_code,
            )
        )

    def _derive(
        self, indexer: TableIndexer, options: RunOptions, *, whole: bool = False, changed_code: bool = False
    ) -> Outcome:
        contract, made_by = contract_of(indexer), self._made_by(indexer)
        return self._told(
            update_of_tables(
                self.ds,
                indexer,
                contract,
                options,
                made_by=made_by,
                whole=whole,
                changed_code=changed_code,
            )
        )

    def _made_by(self, indexer: AnyIndexer) -> dict[str, str]:
        """Return what a table's footer says of who made it."""
        code = code_digest(indexer)
        return {**self.registry.made_by(indexer), **({CODE: code} if code else {})}

    def _contracts(
        self, indexers: Sequence[AnyIndexer], changed_code: bool, *, dependents: bool = True
    ) -> list[tuple[TableContract, str]]:
        """Return the contracts of a run in order, each with the code that must have made the table."""
        return [
            (step.contract, code_digest(step.indexer) if changed_code and step.role == "asked" else "")
            for step in steps_of(self._configured, indexers)
            if dependents or step.role != "dependent"
        ]

    def _told(self, outcome: Outcome) -> Outcome:
        """Keep the report of a run, tell observers of it, and raise what went wrong late."""
        report = outcome.report
        self.reports[report.table_name] = report
        if outcome.wrote:
            self.registry.notify_table_updated(self.ds.path, report.table_name, report)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def _frame_of(self, outcome: Outcome) -> pd.DataFrame:
        commit, name = outcome.commit, outcome.report.table_name
        if commit is None:
            if outcome.report.problem and not self._are_there([name]):
                raise DeriveError(outcome.report.problem, dataset=self.ds.path, table_name=name)
            self._cache.load(name)
            return copy_of(self.tables[name])
        frame = frames.table_to_frame(commit.table.replace_schema_metadata(None))
        self._cache.put(name, frame, commit.file.data, commit.fingerprint)
        return copy_of(frame)
