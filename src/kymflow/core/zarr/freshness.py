"""Which images of a table are stale, and why; what is found unchanged is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kymflow.core.zarr.commit import TableState, known_ids, made_by_indexer, read_state
from kymflow.core.zarr.ledger import Ledger, LedgerEntry, commit_of, encode_ledger
from kymflow.core.zarr.schema import table_schema
from kymflow_zarr import layout

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.contract import TableContract
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.observed import Seen
    from kymflow_zarr.store import Store


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
    renewed : mapping of str to tuple of Seen
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
    renewed: Mapping[str, tuple[Seen, ...]] = field(default_factory=dict, repr=False)

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


def find_state(store: Store, table_name: str) -> TableState | None:
    """Return a table with its ledger as they are now, or None if there is no readable table.

    Another writer may replace the table and take its old ledger away between two reads; then it is
    looked at again.
    """
    before = None
    while True:
        try:
            data, _ = store.read(layout.table_key(table_name))
        except FileNotFoundError:
            return None
        state = read_state(store, table_name, data)
        if data == before or (state is not None and state.ledger is not None):
            return state
        before = data


def make_plan(ds: ZarrDataset, contract: TableContract) -> RefreshPlan:
    """Return what a refresh would do; reads listings, and artifacts only where a listing cannot tell."""
    live = ds.list_image_ids()
    state = find_state(ds.store, contract.table_name)
    plan = RefreshPlan(contract.table_name, contract.indexer, rows=state.table.num_rows if state else 0)
    why_all = _why_all(state, contract)
    if state is None or state.ledger is None or why_all:
        known = known_ids(state)
        return replace(
            plan,
            stale={image_id: [why_all or "the table has no ledger"] for image_id in live},
            new=[image_id for image_id in live if image_id not in known],
            removed=sorted(known - set(live)),
            whole=True,
        )
    stale: dict[str, list[str]] = {}
    renewed = {}
    for image_id in live:
        entry = state.ledger.get(image_id)
        reasons, seen = (["new image"], ()) if entry is None else _why_stale(ds.store, entry)
        if reasons:
            stale[image_id] = reasons
        elif entry is not None and seen != entry.seen:
            renewed[image_id] = seen
    removed = sorted(set(state.ledger) - set(live))
    return replace(
        plan,
        stale=stale,
        new=[image_id for image_id in stale if image_id not in state.ledger],
        failed=[image_id for image_id in stale if image_id in state.ledger and state.ledger[image_id].error],
        removed=removed,
        fresh=len(live) - len(stale),
        rewrite=not (stale or removed) and not _has_right_columns(state, contract),
        renewed=renewed,
    )


def _why_all(state: TableState | None, contract: TableContract) -> str | None:
    """Say why every image is stale, or None if each is to be looked at."""
    if state is None:
        return "there is no table yet, or it is damaged"
    if state.ledger is None:
        return "the table was written by somebody else, or its ledger is lost or damaged"
    if not made_by_indexer(state.table, contract):
        return "the table was made by another indexer"
    versions = sorted(
        {entry.schema_version for entry in state.ledger.values() if not entry.error}
        - {contract.schema_version}
    )
    if versions:
        return f"schema version {versions[0]!r} -> {contract.schema_version!r}"
    return None


def _why_stale(store: Store, entry: LedgerEntry) -> tuple[list[str], tuple[Seen, ...]]:
    if entry.error:
        return [f"failed last time: {entry.error}"], entry.seen
    reasons = []
    renewed = []
    for seen in entry.seen:
        difference, now = seen.look_again(store)
        renewed.append(now)
        if difference is not None:
            reasons.append(f"{_short(seen.key)} {difference}")
    return reasons, tuple(renewed)


def _short(key: str) -> str:
    """Return a key as people name it: artifacts without the record's prefix."""
    rest = key.split("/", 2)[-1]
    if rest.startswith("analysis/"):
        return f"artifact {rest.removeprefix('analysis/')!r}"
    return "pixels" if rest.startswith("data/") else repr(rest)


def _has_right_columns(state: TableState, contract: TableContract) -> bool:
    schemas = ((image_id, entry.schema) for image_id, entry in sorted((state.ledger or {}).items()))
    wanted = table_schema(contract, schemas)
    return bool(state.table.schema.remove_metadata().equals(wanted, check_metadata=True))


def remember(ds: ZarrDataset, plan: RefreshPlan) -> None:
    """Note in the ledger what was read and found unchanged, so that a listing does next time.

    The table stays as it is. Where it has been written meanwhile, nothing is noted.
    """
    if not plan.renewed or ds.read_only:
        return
    store = ds.store

    def change(present: bytes | None) -> bytes | None:
        state = read_state(store, plan.table_name, present)
        if state is None or present is None or state.ledger is None:
            return None
        ledger: Ledger = {
            image_id: replace(entry, seen=plan.renewed.get(image_id, entry.seen))
            if _same_contents(entry.seen, plan.renewed.get(image_id, ()))
            else entry
            for image_id, entry in state.ledger.items()
        }
        commit_id = commit_of(state.table)
        if commit_id is not None and ledger != state.ledger:
            store.put(
                layout.ledger_key(plan.table_name, commit_id),
                encode_ledger(ledger, commit_id, present),
                flush=True,
            )
        return None

    store.update(layout.table_key(plan.table_name), change)


def _same_contents(one: tuple[Seen, ...], other: tuple[Seen, ...]) -> bool:
    return [(seen.key, seen.asked, seen.sha256) for seen in one] == [
        (seen.key, seen.asked, seen.sha256) for seen in other
    ]
