"""How a dataset stands: per table what is fresh, stale, failed or missing, and what made it."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kymflow.core.plugins.code import code_digest
from kymflow.core.runs.options import RunOptions
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.indexers.dependency_order import in_dependency_order
from kymflow.core.zarr.refresh.plan import RefreshPlan, make_plans, plan_of_absent
from kymflow.core.zarr.tables.info import TableInfo, describe_table
from kymflow.core.zarr.tables.state import OTHER_CODE
from kymflow_zarr.errors import TableError, TableNotFoundError
from kymflow_zarr.sources.standing import SourcesStanding
from kymflow_zarr.summary import Details, Summarised, Summary

if TYPE_CHECKING:
    from kymflow.core.plugins.info import IndexerInfo
    from kymflow.core.plugins.registry import IndexerRegistry
    from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
    from kymflow_zarr import ZarrDataset

# The table that tells of each image whether it is analysed.
IMAGES = "images"


@dataclass(frozen=True)
class TableStatus:
    """How one table stands.

    Attributes
    ----------
    table_name, indexer : str
        The table, and what makes it.
    rows : int
        Rows of the table; 0 if there is none yet.
    fresh, stale, failed, missing : int
        How many images are as the table has them; have changed since; failed when they were last
        extracted; are not in the table yet. Of a table without plugin, all are 0.
    removed : int
        How many images the table has that the dataset has no more.
    rewrite : bool
        Whether a refresh would write the table even if no image is stale: it is not there yet, its
        columns are others now, or nothing tells what each image gave.
    problem : str
        What else there is to know: its plugin is gone or cannot be used, or another version or other code of
        it made the table under the same schema version, or the table cannot be read; of a table that is made
        of other tables, why it is stale; empty otherwise.
    sources : list of str
        The tables that it is made of, where it is made of tables; then nothing is counted in images.
    """

    table_name: str
    indexer: str = ""
    rows: int = 0
    fresh: int = 0
    stale: int = 0
    failed: int = 0
    missing: int = 0
    removed: int = 0
    rewrite: bool = False
    problem: str = ""
    sources: list[str] = field(default_factory=list)

    @property
    def is_fresh(self) -> bool:
        """Whether a refresh would find nothing to do; it leaves a table without plugin alone."""
        return not (self.stale or self.failed or self.missing or self.removed or self.rewrite)


@dataclass(frozen=True, repr=False)
class DatasetStatus(Summarised):
    """How a dataset stands.

    Attributes
    ----------
    images : int
        How many there are.
    tables : list of TableStatus
        Those on disk and those that registered indexers would make, ordered by name.
    missing_sources : dict of str to str
        Path of the source file, by image id, of images whose source is not where it was ingested from.
    sources : SourcesStanding
        Which sources failed, were gone, are in conflict, there twice or excluded, as the last ingest found
        them.
    not_analysed : dict of str to str
        Path below its folder (or the id, where it came from none), by image id, of images that table
        ``images`` calls not analysed; None if there is no such table.
    problem : str
        Why the sources are not known; empty if they are.
    copies : dict of str to str
        Id of the image, by the name of a record that is a copy of it, which a sync program left: in no table.
    unusable_names : list of str
        Folders beside the images of names that no image can have: in no table.
    plans : dict of str to RefreshPlan
        What a refresh of each table with an indexer would do, image by image and why, by table name.
    """

    images: int
    tables: list[TableStatus] = field(default_factory=list)
    missing_sources: dict[str, str] = field(default_factory=dict)
    sources: SourcesStanding = field(default_factory=SourcesStanding)
    not_analysed: dict[str, str] | None = None
    problem: str = ""
    copies: dict[str, str] = field(default_factory=dict)
    unusable_names: list[str] = field(default_factory=list)
    plans: dict[str, RefreshPlan] = field(default_factory=dict)

    def _summary(self) -> Summary:
        values = {"images": self.images, "tables": len(self.tables)}
        columns = ("table", "rows", "fresh", "stale", "failed", "in no table yet", "removed", "problem")
        rows = [
            (
                one.table_name,
                one.rows,
                one.fresh,
                one.stale,
                one.failed,
                one.missing,
                one.removed,
                one.problem,
            )
            for one in self.tables
        ]
        details = [
            Details("table", columns, rows, whole=True),
            *self.sources.details(),
            Details("conflicted copy", ("folder", "copy of image"), list(self.copies.items())),
            Details("unusable name", ("folder",), [(name,) for name in self.unusable_names]),
            Details("problem", ("problem",), [(self.problem,)] if self.problem else []),
        ]
        return Summary("DatasetStatus", values, details)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``status --json`` documents."""
        return {
            "images": self.images,
            "tables": [asdict(table) for table in self.tables],
            "missing_sources": [
                {"image_id": image_id, "source": path} for image_id, path in self.missing_sources.items()
            ],
            "sources": self.sources.to_dict(),
            "not_analysed": None
            if self.not_analysed is None
            else [{"image_id": one, "source": path} for one, path in self.not_analysed.items()],
            "copies": [{"name": name, "image_id": image_id} for name, image_id in self.copies.items()],
            "unusable_names": self.unusable_names,
            "problem": self.problem,
        }


def dataset_status(
    ds: ZarrDataset,
    registry: IndexerRegistry,
    needed: Callable[[Container[str]], Iterable[AnyIndexer]],
    options: RunOptions,
) -> DatasetStatus:
    """Look at every table, and read artifacts only where a listing cannot tell.

    Parameters
    ----------
    ds, registry
        Which dataset, and which plugins there are.
    needed : callable
        Returns the indexers of some tables, with the settings that they have for this dataset. Of a table of
        images that is not there yet, what is known without importing its plugin is enough.
    options : RunOptions
        As for :func:`make_plan`.
    """
    on_disk = set(ds.list_table_names())
    indexers = needed(on_disk | {info.table_name for info in registry.known() if info.sources})
    contracts = {contract.table_name: (contract, one) for one in indexers for contract in [contract_of(one)]}
    infos = registry.known()
    # Of tables that are not there yet.
    makers = {
        info.table_name: info.name
        for info in infos
        if info.status == "ok" and info.table_name not in {*on_disk, *contracts}
    }
    listing, passed_over = ds.listing(), ds.passed_over
    absent = {name: plan_of_absent(name, maker, listing) for name, maker in makers.items()}
    order = in_dependency_order({name: contract.sources for name, (contract, _) in contracts.items()})
    plans = make_plans(
        ds, ((contracts[name][0], "") for name in order), options, listing=listing, absent=absent
    )
    tables = []
    for name in sorted({*plans, *on_disk}):
        if name in absent:
            tables.append(TableStatus(name, makers[name], missing=len(absent[name].new), rewrite=True))
            continue
        info = _describe(ds, name)
        if name in contracts:
            tables.append(_standing(info, plans[name], contracts[name][1], infos))
        else:
            problem = _why_no_indexer(info, infos, registry)
            tables.append(TableStatus(name, info.indexer, info.rows, problem=problem))
    status = DatasetStatus(
        len(listing.names),
        tables,
        copies=dict(passed_over.copies),
        unusable_names=list(passed_over.unusable),
        plans=plans,
    )
    try:
        return replace(
            status,
            missing_sources=_missing_sources(ds, listing.names),
            sources=ds.sources_standing(),
            not_analysed=_not_analysed(ds),
        )
    except TableError as error:
        return replace(status, problem=str(error))


def _standing(
    info: TableInfo, plan: RefreshPlan, indexer: AnyIndexer, infos: Sequence[IndexerInfo]
) -> TableStatus:
    version = next((one.version for one in infos if one.name == plan.indexer), "")
    return TableStatus(
        plan.table_name,
        plan.indexer,
        info.rows,
        fresh=plan.fresh,
        stale=len(plan.stale) - len(plan.new) - len(plan.failed),
        failed=len(plan.failed),
        missing=len(plan.new),
        removed=len(plan.removed),
        rewrite=plan.rewrite or plan.whole,
        problem=info.error
        or plan.reason
        or _version_moved(info, version)
        or _code_moved(info, code_digest(indexer), plan)
        or ("other columns" if plan.rewrite else ""),
        sources=plan.sources,
    )


def _describe(ds: ZarrDataset, name: str) -> TableInfo:
    try:
        return describe_table(ds, name)
    except FileNotFoundError:
        return TableInfo(name)
    except TableError as error:
        return TableInfo(name, error=str(error))


def _why_no_indexer(info: TableInfo, infos: Sequence[IndexerInfo], registry: IndexerRegistry) -> str:
    for found in infos:
        if found.status != "ok" and found.distribution == info.distribution and info.distribution:
            return f"its plugin {found.origin} cannot be used ({found.status}): {found.error}"
    if info.error:
        return info.error
    if not info.indexer:
        return "made by hand or another program"
    origin = f" of {info.distribution} {info.version}" if info.distribution else ""
    why = registry.why_absent(info.distribution) or "is not offered any more"
    return f"its indexer {info.indexer!r}{origin} {why}; the table stays as it is"


def _version_moved(info: TableInfo, version: str) -> str:
    if not (info.version and version) or info.version == version:
        return ""
    return (
        f"made by {info.distribution} {info.version}, installed is {version} with the same schema version; "
        "rebuild it if its rows should differ"
    )


def _code_moved(info: TableInfo, code: str, plan: RefreshPlan) -> str:
    # A table that is to be made anew in any case is nobody's worry.
    if not (info.code and code) or info.code == code or plan.whole:
        return ""
    return f"{OTHER_CODE}; refresh it with --changed-code (changed_code=True) if its rows should differ"


def _not_analysed(ds: ZarrDataset) -> dict[str, str] | None:
    try:
        images = ds.load_table(IMAGES)
    except TableNotFoundError:
        return None
    if not {"image_id", "analysed", "rel_path"} <= set(images.columns):
        # Somebody else's table of that name.
        return None
    # Missing is as good as no.
    unknown = images[~images["analysed"].fillna(False).astype(bool)]
    paths = unknown["rel_path"].fillna(unknown["image_id"])
    return dict(sorted(zip(unknown["image_id"], paths, strict=True), key=lambda pair: pair[1]))


def _missing_sources(ds: ZarrDataset, image_ids: Sequence[str]) -> dict[str, str]:
    sources = ds.load_sources_index()
    live = set(image_ids)
    return {
        image_id: path
        for image_id, path in zip(sources["image_id"], sources["source_primary_path"], strict=True)
        if image_id in live and not os.path.exists(path)
    }
