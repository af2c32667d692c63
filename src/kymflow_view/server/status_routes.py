"""``/api/status``: how tables, sources and plugins stand, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kymflow import DatasetStatus, IndexerInfo, KymDataset, ReaderInfo, RefreshPlan, TableStatus
from kymflow_view.server.names import names_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from kymflow_view.server.context import Context

# So many images and files are named; the others are counted.
MAX_NAMED = 200


def _status(request: Request) -> Response:
    context: Context = request.app.state.context
    kd = context.kd()
    status = kd.status(cancel=context.stopping)
    there = set(kd.ds.list_table_names())
    tables = [_table(kd, table, status, exists=table.table_name in there) for table in status.tables]
    return JSONResponse(
        {"tables": tables, "sources": _sources(status), "problems": list(_problems(context, status))}
    )


def _table(kd: KymDataset, table: TableStatus, status: DatasetStatus, *, exists: bool) -> dict[str, Any]:
    plan = status.plans.get(table.table_name)
    reasons = [] if plan is None else list(_reasons(plan))
    named = reasons[:MAX_NAMED]
    names = names_of(kd, [image_id for image_id, _, _ in named])
    return {
        "name": table.table_name,
        "indexer": None if plan is None else table.indexer,
        "state": _state(table, exists=exists, is_made=plan is not None),
        "rows": table.rows if exists else None,
        "images": status.images,
        "fresh": table.fresh,
        "stale": table.stale,
        "new": table.missing,
        "failed": table.failed,
        "removed": table.removed,
        "problem": table.problem,
        "reasons": [
            {"image_id": image_id, "name": names[image_id], "state": state, "why": why}
            for image_id, state, why in named
        ],
        "more": len(reasons) - len(named),
    }


def _state(table: TableStatus, *, exists: bool, is_made: bool) -> str:
    if not is_made:
        return "no indexer"
    if not exists:
        return "missing"
    if table.failed:
        return "failed"
    if table.stale or table.removed:
        return "stale"
    if table.missing:
        return "new"
    return "fresh" if table.is_fresh else "stale"


def _reasons(plan: RefreshPlan) -> Iterator[tuple[str, str, str]]:
    """Yield image, state and reason: what failed first, as it is what one has to mend."""
    failed, new = set(plan.failed), set(plan.new)
    for state, wanted in (
        ("failed", failed),
        ("stale", set(plan.stale) - failed - new),
        ("new", new),
    ):
        yield from ((one, state, "; ".join(plan.stale[one])) for one in sorted(wanted))
    yield from ((one, "removed", "deleted from the dataset") for one in plan.removed)


def _sources(status: DatasetStatus) -> dict[str, Any]:
    sources = status.sources
    lists: dict[str, list[Any]] = {
        "failed": [{"path": path, "error": why} for path, why in sources.failed.items()],
        "not_where_they_were": list(status.missing_sources.values()),
        "conflicts": [
            {
                "path": one.source,
                "error": f"{one.part} was edited in the dataset, and has changed at its source",
            }
            for one in sources.conflicts
        ],
        "duplicates": [" = ".join(group) for group in sources.duplicates],
        "excluded": list(sources.excluded),
        "not_analysed": list((status.not_analysed or {}).values()),
    }
    return {"images": status.images, **{name: _first(entries) for name, entries in lists.items()}}


def _first(entries: Sequence[Any]) -> list[Any]:
    more = len(entries) - MAX_NAMED
    return [*entries[:MAX_NAMED], *([f"and {more} more"] if more > 0 else [])]


def _problems(context: Context, status: DatasetStatus) -> Iterator[str]:
    registry = context.kd().registry
    yield from (f"{table.table_name}: {table.problem}" for table in status.tables if table.problem)
    if status.problem:
        yield status.problem
    infos: list[IndexerInfo | ReaderInfo] = [*registry.list(), *registry.list_readers()]
    # One plugin may be broken as both.
    yield from dict.fromkeys(
        f"{info.plugin} cannot be used ({info.status}): {info.error}" for info in infos if info.status != "ok"
    )
    if not registry.indexers():
        yield registry.what_there_is()
    yield from context.panels.problems


routes: list[BaseRoute] = [Route("/api/status", _status)]
