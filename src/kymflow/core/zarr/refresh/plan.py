"""Which images of a table are stale, and why; what is found unchanged is remembered."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.runs.options import OnTable, RunOptions
from kymflow.core.zarr.from_tables.standing import why_stale
from kymflow.core.zarr.tables.commit import Changes, LedgerLost, commit_rows
from kymflow.core.zarr.tables.ledger import Ledger
from kymflow.core.zarr.tables.schema import is_alike
from kymflow.core.zarr.tables.state import OTHER_CODE, TableState, find_state
from kymflow_zarr import layout
from kymflow_zarr.errors import CancelledError, LockTimeoutError, StoreError
from kymflow_zarr.store.comparison import compare, proves_unchanged, source_holds
from kymflow_zarr.store.dependencies import Dependencies
from kymflow_zarr.summary import Details, Summarised, Summary

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.contract import TableContract
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing, Store

logger = logging.getLogger(__name__)

# So many images are looked at together; between them, it can be stopped.
_AT_ONCE = 500
FAILED_BEFORE = "failed last time: "
_NO_TABLE = "there is no table yet, or it is damaged"


@dataclass(frozen=True, repr=False)
class RefreshPlan(Summarised):
    """What a refresh of one table would do, before anything runs.

    Attributes
    ----------
    table_name, indexer : str
        The table, and what makes it.
    stale : dict of str to list of str
        Why an image would be extracted again, by id: which artifact appeared, changed or was deleted,
        that it is new or failed last time, or what is wrong with the table as a whole.
    new, failed : list of str
        Those among the stale that the table does not know yet, as far as its ledger tells, and that failed
        last time.
    removed : list of str
        Images that have been deleted from the dataset and whose rows would go.
    fresh : int
        How many images would be left as they are.
    rows : int
        Rows of the table now.
    rewrite : bool
        Whether the table would be written even if no image is stale: its columns are others now.
    whole : bool
        Whether all images would be extracted, because nothing tells what each gave.
    revalidated : Dependencies or None
        What had to be read to be found unchanged.
    sources : list of str
        The tables that it is made of, where it is made of tables; then nothing is told of images.
    reason : str
        Why a table of tables would be derived again; empty if it would not.
    """

    table_name: str
    indexer: str
    stale: dict[str, list[str]] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    fresh: int = 0
    rows: int = 0
    rewrite: bool = False
    whole: bool = False
    revalidated: Dependencies | None = field(default=None, repr=False)
    sources: list[str] = field(default_factory=list)
    reason: str = ""

    def _summary(self) -> Summary:
        values: dict[str, object] = {
            "rows": self.rows,
            "fresh": self.fresh,
            "stale": len(self.stale),
            "new": len(self.new),
            "failed before": len(self.failed),
            "removed": len(self.removed),
            "to be written": self.rewrite,
            "to be made anew": self.whole,
        }
        if self.sources:
            values = {"rows": self.rows, "sources": ", ".join(self.sources), "to be derived": self.rewrite}
            values |= {"reason": self.reason} if self.reason else {}
        stale = [(image_id, "; ".join(reasons)) for image_id, reasons in self.stale.items()]
        details = [
            Details("stale", ("image", "reasons"), stale),
            Details("removed", ("image",), [(image_id,) for image_id in self.removed]),
        ]
        return Summary(f"RefreshPlan of table {self.table_name}", values, details)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``refresh --dry-run --json`` documents."""
        return {
            "indexer": self.indexer,
            "stale": [{"image_id": image_id, "reasons": why} for image_id, why in self.stale.items()],
            "removed": self.removed,
            "fresh": self.fresh,
            "rewrite": self.rewrite,
            "sources": self.sources,
            "reason": self.reason,
        }

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.stale or self.removed or self.rewrite or self.whole)

    @property
    def may_change_rows(self) -> bool:
        """Whether rows may be others afterwards, what failed last time failing again."""
        return bool(self.stale.keys() - self.failed or self.removed or self.rewrite or self.whole)


def make_plans(
    ds: ZarrDataset,
    contracts: Iterable[tuple[TableContract, str]],
    options: RunOptions,
    on_table: OnTable | None = None,
    *,
    listing: Listing | None = None,
    absent: Mapping[str, RefreshPlan] | None = None,
) -> dict[str, RefreshPlan]:
    """Return what a refresh of each of these tables would do, by table name, from one listing.

    With each contract goes the digest of the code that must have made the table; empty for any. Tables
    come after those that they are made of; plans of further ones, which are not there yet, may be given.
    """
    plans = dict(absent or {})
    listing = ds.listing() if listing is None else listing
    for contract, code in contracts:
        if on_table is not None:
            on_table(contract.table_name)
        state = find_state(ds.store, contract.table_name)
        plans[contract.table_name] = (
            _plan_derived(ds, contract, state, plans, code)
            if contract.sources
            else make_plan(ds, contract, listing, state, options, code)
        )
    return plans


def _plan_derived(
    ds: ZarrDataset,
    contract: TableContract,
    state: TableState | None,
    plans: Mapping[str, RefreshPlan],
    code: str,
) -> RefreshPlan:
    """Return what a refresh of a table of tables would do after those of its sources."""
    before = [name for name in contract.sources if name in plans and plans[name].may_change_rows]
    reason = (
        f"source table {before[0]!r} is to be brought up to date first"
        if before
        else why_stale(ds, contract, state, code)
    )
    return RefreshPlan(
        contract.table_name,
        contract.indexer,
        rows=state.n_rows if state else 0,
        rewrite=bool(reason),
        sources=list(contract.sources),
        reason=reason,
    )


def make_plan(
    ds: ZarrDataset,
    contract: TableContract,
    listing: Listing,
    state: TableState | None,
    options: RunOptions,
    code: str = "",
) -> RefreshPlan:
    """Return what a refresh would do; reads artifacts only where a listing cannot tell.

    Parameters
    ----------
    ds, contract
        Of what to plan the refresh.
    listing : Listing
        Which images and artifacts there are.
    state : TableState or None
        The table with its ledger; None if there is no readable one.
    options : RunOptions
        Progress is told in images of which the listing alone proves nothing.
    code : str
        Digest of the code that must have made the table; empty for any.

    Raises
    ------
    CancelledError
        The run was cancelled.
    """
    live = listing.names
    if state is None:
        return plan_of_absent(contract.table_name, contract.indexer, listing)
    plan = RefreshPlan(contract.table_name, contract.indexer, rows=state.n_rows)
    wanted = state.wanted_schema(contract)
    if not isinstance(wanted, str) and state.is_of_other_code(code):
        wanted = OTHER_CODE
    if state.ledger is None or isinstance(wanted, str):
        known = state.known_ids()
        return replace(
            plan,
            stale={image_id: [str(wanted)] for image_id in live},
            # Without a ledger nothing tells an image that gave no rows from one that is new.
            new=[image_id for image_id in live if image_id not in known] if state.ledger is not None else [],
            removed=sorted(known - set(live)),
            whole=True,
        )
    ledger = state.ledger
    known = set(ledger)
    new = [image_id for image_id in live if image_id not in known]
    removed = sorted(known.difference(live))
    doubtful = ledger.among(sorted(set(unproven(ds.store, ledger, listing)).difference(removed)))
    changed, revalidated = _compared(ds, contract, ledger, doubtful, listing, options)
    stale = {**{image_id: ["new image"] for image_id in new}, **changed}
    return replace(
        plan,
        stale=dict(sorted(stale.items())),
        new=new,
        failed=[image_id for image_id in sorted(stale) if image_id in known and ledger[image_id].error],
        removed=removed,
        fresh=len(live) - len(stale),
        rewrite=not (stale or removed) and not is_alike(state.schema, wanted),
        revalidated=revalidated,
    )


def plan_of_absent(table_name: str, indexer: str, listing: Listing) -> RefreshPlan:
    """Return what a refresh would do that finds no table, or one that cannot be read; takes no indexer."""
    new = list(listing.names)
    return RefreshPlan(table_name, indexer, {image_id: [_NO_TABLE] for image_id in new}, new, whole=True)


def _compared(
    ds: ZarrDataset,
    contract: TableContract,
    ledger: Ledger,
    doubtful: Sequence[str],
    listing: Listing,
    options: RunOptions,
) -> tuple[dict[str, list[str]], Dependencies | None]:
    """Return why some of the doubtful images are stale, and what of the others had to be read."""
    stale: dict[str, list[str]] = {}
    revalidated: list[Dependencies] = []
    for begin in range(0, len(doubtful), _AT_ONCE):
        options.tell(begin, len(doubtful))
        if options.is_cancelled:
            raise CancelledError(
                f"looking for stale images of table {contract.table_name!r} was cancelled; it is as it was",
                dataset=ds.path,
                table_name=contract.table_name,
                indexer=contract.indexer,
            )
        image_ids = doubtful[begin : begin + _AT_ONCE]
        errors = {image_id: ledger[image_id].error for image_id in image_ids}
        stale |= {one: [f"{FAILED_BEFORE}{error}"] for one, error in errors.items() if error}
        image_ids = [image_id for image_id in image_ids if not errors[image_id]]
        dependencies = ledger.dependencies_of(image_ids)
        comparison = compare(ds.store, dependencies, listing)
        for owner, key, difference in zip(
            dependencies.owners().to_pylist(),
            dependencies.keys().to_pylist(),
            comparison.differences.to_pylist(),
            strict=True,
        ):
            if difference:
                stale.setdefault(image_ids[owner], []).append(f"{_short(key)} {difference}")
        revalidated.append(comparison.now.take(np.flatnonzero(comparison.holds & comparison.reread)))
    options.tell(len(doubtful), len(doubtful))
    found = Dependencies.concat(revalidated)
    return stale, found if len(found) else None


def unproven(store: Store, ledger: Ledger, listing: Listing) -> list[str]:
    """Return the images of which listing and sources table do not prove that they are as they were."""
    dependencies = ledger.dependencies
    flat = dependencies.flat
    place = pc.index_in(dependencies.keys(), value_set=pa.array(listing.keys, pa.string()))
    # The listing tells of nothing but artifacts; and it goes into no linked folder, as an open does.
    short = flat.field("key")
    is_direct = pc.equal(pc.count_substring(short, "/"), 1)
    is_told = pc.and_(is_direct, pc.starts_with(short, layout.ANALYSIS + "/"))

    def now(values: list[Any], kind: pa.DataType) -> pa.Array:
        return pc.take(pa.array(values, kind), place)

    sizes, mtimes_ns = now(listing.sizes, pa.int64()), now(listing.mtimes_ns, pa.int64())
    holds = pc.and_(is_told, proves_unchanged(flat, sizes, mtimes_ns, now(listing.etags, pa.string())))
    holds = pc.or_(holds, pa.array(source_holds(store, dependencies), pa.bool_()))
    doubtful = pc.unique(dependencies.owners().filter(pc.invert(holds)))
    failed = pc.not_equal(ledger.column("error"), "")
    image_ids = ledger.column("image_id")
    return [*image_ids.take(doubtful).to_pylist(), *image_ids.filter(failed).to_pylist()]


def _short(key: str) -> str:
    """Return a key as people name it: artifacts without the record's prefix."""
    rest = key.split("/", 2)[-1]
    if rest.startswith("analysis/"):
        return f"artifact {rest.removeprefix('analysis/')!r}"
    return "pixels" if rest.startswith("data/") else "source file" if rest == "source" else repr(rest)


def remember(ds: ZarrDataset, contract: TableContract, revalidated: Dependencies) -> None:
    """Note in the ledger what was read and found unchanged, so that a listing does next time.

    The table stays as it is. Where it has been written meanwhile, nothing is noted.
    """
    try:
        commit_rows(ds, contract, Changes(revalidated=revalidated))
    except (LedgerLost, StoreError, LockTimeoutError) as error:
        # The table is right all the same; next time the artifacts are read once more.
        logger.info("what was found unchanged could not be noted: %r", error)
