"""Which tables a run takes along with those that it is asked for, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kymflow.core.zarr.indexers.contract import TableContract, contract_of
from kymflow.core.zarr.indexers.dependency_order import in_dependency_order

if TYPE_CHECKING:
    from kymflow.core.plugins.info import IndexerInfo
    from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
    from kymflow.core.zarr.refresh.configured import ConfiguredIndexers

Role = Literal["asked", "source", "dependent"]


@dataclass(frozen=True)
class Step:
    """One table of a run.

    Attributes
    ----------
    indexer, contract
        What makes it.
    role : {"asked", "source", "dependent"}
        Whether it was asked for, or one that was is made of it, or it is made of one of these.
    """

    indexer: AnyIndexer
    contract: TableContract
    role: Role = "asked"


def steps_of(configured: ConfiguredIndexers, chosen: Sequence[AnyIndexer]) -> list[Step]:
    """Return the tables of a run, each after those that it is made of, otherwise in the order given.

    With the chosen ones come all registered ones that they are made of, so that they are made of what is new,
    and all that are made of these, which would be stale.
    """
    asked = {step.contract.table_name: step for step in (Step(one, contract_of(one)) for one in chosen)}
    known = {
        info.table_name: info
        for info in configured.registry.known()
        if info.status == "ok" and info.table_name not in asked
    }
    steps = dict(asked)
    if any(info.sources for info in known.values()) or any(one.contract.sources for one in asked.values()):
        before = _upstream([one for step in asked.values() for one in step.contract.sources], known)
        after = _downstream([*asked, *before], known)
        for one in configured.some([known[name].name for name in [*before, *after]]):
            contract = contract_of(one)
            role: Role = "source" if contract.table_name in before else "dependent"
            steps[contract.table_name] = Step(one, contract, role)
    order = in_dependency_order({name: step.contract.sources for name, step in steps.items()})
    return [steps[name] for name in order]


def _upstream(names: Iterable[str], known: dict[str, IndexerInfo]) -> list[str]:
    """Return the registered tables among these, and all that they are made of."""
    found: dict[str, None] = {}
    left = list(names)
    while left:
        name = left.pop(0)
        if name in known and name not in found:
            found[name] = None
            left += known[name].sources
    return list(found)


def _downstream(names: Sequence[str], known: dict[str, IndexerInfo]) -> list[str]:
    """Return the registered tables that are made of these, at however many removes."""
    found: dict[str, None] = {}
    while True:
        made_of = {*names, *found}
        more = [one for one, info in known.items() if one not in made_of and made_of & set(info.sources)]
        if not more:
            return list(found)
        found |= dict.fromkeys(more)
