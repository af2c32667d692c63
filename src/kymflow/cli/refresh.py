"""``kymflow refresh``: what has changed since, and tables brought up to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow.cli.datasets import hint_at_indexers, open_existing
from kymflow.cli.failures import interrupted
from kymflow.cli.lines import print_line
from kymflow.cli.output import print_json
from kymflow.cli.passed_over import named, tell_passed_over
from kymflow.cli.progress import progress
from kymflow.cli.reasons import by_reason
from kymflow.cli.settings import read_settings, tell_settings
from kymflow.cli.update import finish

if TYPE_CHECKING:
    from concurrent.futures import Executor


def run_refresh(
    dataset: str,
    indexers: Sequence[str] | None,
    *,
    changed_code: bool,
    settings: Sequence[str] | None,
    executor: Executor | None,
    as_json: bool,
) -> None:
    """Refresh tables."""
    typed = read_settings(settings, indexers)
    kd = open_existing(dataset, settings=typed)
    with progress("images") as bar:
        reports = kd.refresh_all(
            indexers=indexers or None,
            changed_code=changed_code,
            on_error="skip",
            on_progress=bar,
            on_table=bar.begin,
            cancel=interrupted,
            executor=executor,
        )
    tell_settings(kd, typed)
    finish(kd, reports, everything=not indexers, as_json=as_json)


def show_plan(
    dataset: str,
    indexers: Sequence[str] | None,
    *,
    changed_code: bool,
    settings: Sequence[str] | None,
    as_json: bool,
) -> None:
    """Say what a refresh would do; nothing is written."""
    kd = open_existing(dataset, "r", settings=read_settings(settings, indexers))
    with progress("images") as bar:
        plans = kd.plans(
            indexers=indexers or None,
            changed_code=changed_code,
            on_progress=bar,
            on_table=bar.begin,
            cancel=interrupted,
        )
    if not indexers:
        hint_at_indexers(kd)
    tell_passed_over(kd.ds)
    if as_json:
        print_json({"tables": {name: plan.to_dict() for name, plan in plans.items()}})
        return
    for plan in plans.values():
        if plan.sources:
            print_line(f"{plan.table_name}: {f'to be derived: {plan.reason}' if plan.reason else 'fresh'}")
            continue
        print_line(
            f"{plan.table_name}: {len(plan.stale)} stale, {len(plan.removed)} to remove, {plan.fresh} fresh"
            + (", columns to write" if plan.rewrite else "")
        )
        for reason, images in by_reason(kd, plan.stale).items():
            print_line(f"  {named(images)}: {reason}")
        for image_id in plan.removed:
            print_line(f"  {image_id}: deleted from the dataset")
