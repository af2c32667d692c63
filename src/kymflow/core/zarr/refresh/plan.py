"""Which images of a table are stale, and why; what is found unchanged is remembered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.tables.ledger import Ledger, LedgerEntry
from kymflow.core.zarr.tables.ledger_file import commit_of, encode_ledger
from kymflow.core.zarr.tables.schema import is_alike, table_schema
from kymflow.core.zarr.tables.state import TableState, read_state
from kymflow_zarr import layout
from kymflow_zarr.errors import CancelledError, LockTimeoutError, StoreError
from kymflow_zarr.store.dependencies import proves_unchanged
from kymflow_zarr.store.tracking import look_again

if TYPE_CHECKING:
    import threading

    from kymflow.core.zarr.indexers.contract import TableContract
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing, Store
    from kymflow_zarr.store.tracking import Dependency

logger = logging.getLogger(__name__)

# So many images are looked at together; between them, it can be stopped.
_AT_ONCE = 500


@dataclass(frozen=True)
class RefreshPlan:
    """What a refresh of one table would do, before anything runs.

    Attributes
    ----------
    table_name, indexer : str
        The table, and what makes it.
    stale : dict of str to list of str
        Why an image would be extracted again, by id: which artifact appeared, changed or vanished,
        that it is new or failed last time, or what is wrong with the table as a whole.
    new, failed : list of str
        Those among the stale that the table does not know yet, and that failed last time.
    removed : list of str
        Images that are gone from the dataset and whose rows would go.
    fresh : int
        How many images would be left as they are.
    rows : int
        Rows of the table now.
    rewrite : bool
        Whether the table would be written even if no image is stale: its columns are others now.
    whole : bool
        Whether all images would be extracted, because nothing tells what each gave.
    revalidated : mapping of str to sequence of Dependency
        What had to be read to be found unchanged, by image id; see :func:`remember`.
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
    revalidated: Mapping[str, Sequence[Dependency]] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``refresh --dry-run --json`` documents."""
        return {
            "indexer": self.indexer,
            "stale": [{"image_id": image_id, "reasons": why} for image_id, why in self.stale.items()],
            "removed": self.removed,
            "fresh": self.fresh,
            "rewrite": self.rewrite,
        }

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.stale or self.removed or self.rewrite or self.whole)


def make_plan(
    ds: ZarrDataset,
    contract: TableContract,
    listing: Listing,
    state: TableState | None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
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
    on_progress : callable, optional
        Called with (done, total) of the images of which the listing alone proves nothing.
    cancel : threading.Event, optional
        Set it to stop.

    Raises
    ------
    CancelledError
        `cancel` was set.
    """
    live = listing.names
    plan = RefreshPlan(contract.table_name, contract.indexer, rows=state.n_rows if state else 0)
    why_all = _why_all(state, contract)
    if state is None or state.ledger is None or why_all:
        known = state.known_ids() if state is not None else set()
        return replace(
            plan,
            stale={image_id: [why_all or "the table has no ledger"] for image_id in live},
            new=[image_id for image_id in live if image_id not in known],
            removed=sorted(known - set(live)),
            whole=True,
        )
    ledger = state.ledger
    known = set(ledger)
    new = [image_id for image_id in live if image_id not in known]
    removed = sorted(known.difference(live))
    stale: dict[str, list[str]] = {image_id: ["new image"] for image_id in new}
    revalidated = {}
    doubtful = ledger.among(sorted(set(unproven(ledger, listing)).difference(removed)))
    for begin in range(0, len(doubtful), _AT_ONCE):
        if on_progress is not None:
            on_progress(begin, len(doubtful))
        if cancel is not None and cancel.is_set():
            raise CancelledError(
                f"looking for stale images of table {contract.table_name!r} was cancelled; it is as it was",
                dataset=ds.path,
                table_name=contract.table_name,
                indexer=contract.indexer,
            )
        entries = {image_id: ledger[image_id] for image_id in doubtful[begin : begin + _AT_ONCE]}
        for image_id, (reasons, seen) in _why_stale(ds.store, entries, listing).items():
            if reasons:
                stale[image_id] = reasons
            elif seen != entries[image_id].seen:
                revalidated[image_id] = seen
    if on_progress is not None:
        on_progress(len(doubtful), len(doubtful))
    return replace(
        plan,
        stale=dict(sorted(stale.items())),
        new=new,
        failed=[image_id for image_id in sorted(stale) if image_id in known and ledger[image_id].error],
        removed=removed,
        fresh=len(live) - len(stale),
        rewrite=not (stale or removed) and not _has_right_columns(state, contract),
        revalidated=revalidated,
    )


def unproven(ledger: Ledger, listing: Listing) -> list[str]:
    """Return the images of which a listing alone does not prove that they are as they were."""
    owners, keys, seen = ledger.seen.flat()
    place = pc.index_in(keys, value_set=pa.array(listing.keys, pa.string()))
    # The listing tells of nothing but artifacts; and it goes into no linked folder, as an open does.
    short = seen.field("key")
    is_direct = pc.equal(pc.count_substring(short, "/"), 1)
    told = pc.and_(is_direct, pc.starts_with(short, layout.ANALYSIS + "/"))

    def now(values: list[Any], kind: pa.DataType) -> pa.Array:
        return pc.take(pa.array(values, kind), place)

    sizes, mtimes_ns = now(listing.sizes, pa.int64()), now(listing.mtimes_ns, pa.int64())
    holds = pc.and_(told, proves_unchanged(seen, sizes, mtimes_ns, now(listing.etags, pa.string())))
    doubtful = pc.unique(owners.filter(pc.invert(holds)))
    failed = pc.not_equal(ledger.column("error"), "")
    image_ids = ledger.column("image_id")
    return [*image_ids.take(doubtful).to_pylist(), *image_ids.filter(failed).to_pylist()]


def _why_all(state: TableState | None, contract: TableContract) -> str | None:
    """Say why every image is stale, or None if each is to be looked at."""
    if state is None:
        return "there is no table yet, or it is damaged"
    if state.ledger is None:
        return "the table was written by somebody else, or its ledger is lost or damaged"
    return state.why_not(contract)


def _why_stale(
    store: Store, entries: Mapping[str, LedgerEntry], listing: Listing
) -> dict[str, tuple[list[str], Sequence[Dependency]]]:
    """Return of each image why it is stale, if it is, and what it was made from as it was found now."""
    whole = [entry for entry in entries.values() if not entry.error]
    answers = iter(look_again(store, [seen for entry in whole for seen in entry.seen], listing))
    found = {}
    for image_id, entry in entries.items():
        if entry.error:
            found[image_id] = [f"failed last time: {entry.error}"], entry.seen
            continue
        own = list(islice(answers, len(entry.seen)))
        reasons = [f"{_short(seen.key)} {difference}" for difference, seen in own if difference is not None]
        found[image_id] = reasons, tuple(seen for _, seen in own)
    return found


def _short(key: str) -> str:
    """Return a key as people name it: artifacts without the record's prefix."""
    rest = key.split("/", 2)[-1]
    if rest.startswith("analysis/"):
        return f"artifact {rest.removeprefix('analysis/')!r}"
    return "pixels" if rest.startswith("data/") else repr(rest)


def _has_right_columns(state: TableState, contract: TableContract) -> bool:
    wanted = table_schema(contract, state.ledger.distinct_schemas() if state.ledger is not None else ())
    return is_alike(state.schema, wanted)


def remember(ds: ZarrDataset, plan: RefreshPlan) -> None:
    """Note in the ledger what was read and found unchanged, so that a listing does next time.

    The table stays as it is. Where it has been written meanwhile, nothing is noted.
    """
    if not plan.revalidated or ds.read_only:
        return
    store = ds.store

    def change(present: bytes | None) -> bytes | None:
        state = read_state(store, plan.table_name, present)
        if state is None or state.ledger is None:
            return None
        commit_id = commit_of(state.schema)
        ledger = state.ledger.revalidated(plan.revalidated)
        if commit_id is not None and ledger is not state.ledger:
            key = layout.ledger_key(plan.table_name, commit_id)
            store.put(key, encode_ledger(ledger, commit_id, state.file), flush=True)
        return None

    try:
        store.update(layout.table_key(plan.table_name), change)
    except (StoreError, LockTimeoutError) as error:
        # The table is right all the same; next time the artifacts are read once more.
        logger.info("what was found unchanged could not be noted: %s", error)
