"""``kymflow rebuild`` and ``kymflow update``: tables from all images, or some images' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from kymflow.cli.datasets import hint_at_indexers, open_existing
from kymflow.cli.failures import FAILED, interrupted
from kymflow.cli.output import print_json
from kymflow.cli.passed_over import tell_passed_over
from kymflow.cli.progress import progress
from kymflow.cli.reports import all_fresh, print_reports, reports_to_dict
from kymflow.cli.settings import read_settings, tell_settings
from kymflow.cli.unusable import tell_unusable
from kymflow.core.zarr.image_names import find_images

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow.core.runs.reports import UpdateReport
    from kymflow.core.zarr.kym_dataset import KymDataset


def run_rebuild(
    dataset: str,
    indexers: Sequence[str] | None,
    *,
    settings: Sequence[str] | None,
    executor: Executor | None,
    as_json: bool,
) -> None:
    """Rebuild tables from all images."""
    typed = read_settings(settings, indexers)
    kd = open_existing(dataset, settings=typed)
    reports = _run(kd, indexers, None, executor)
    tell_settings(kd, typed)
    finish(kd, reports, everything=not indexers, as_json=as_json)


def run_update(
    dataset: str,
    images: Sequence[str],
    indexers: Sequence[str] | None,
    *,
    settings: Sequence[str] | None,
    executor: Executor | None,
    as_json: bool,
) -> None:
    """Update some images' rows."""
    typed = read_settings(settings, indexers)
    kd = open_existing(dataset, settings=typed)
    for name in indexers or ():
        # A mistyped name is told before any image is looked for.
        kd.registry.get(name)
    image_ids = find_images(kd, images, deleted=True)
    reports = _run(kd, indexers, image_ids, executor)
    tell_settings(kd, typed)
    finish(kd, reports, everything=not indexers, as_json=as_json)


def _run(
    kd: KymDataset,
    indexers: Sequence[str] | None,
    image_ids: Sequence[str] | None,
    executor: Executor | None,
) -> Mapping[str, UpdateReport]:
    with progress("images") as bar:
        return kd.rebuild_all(
            indexers=indexers or None,
            image_ids=image_ids,
            on_error="skip",
            on_progress=bar,
            on_table=bar.begin,
            cancel=interrupted,
            executor=executor,
        )


def finish(
    kd: KymDataset, reports: Mapping[str, UpdateReport], *, everything: bool = True, as_json: bool
) -> None:
    """Print reports, and end with exit code 1 if an image failed or something was left stale.

    Parameters
    ----------
    kd, reports
        What was done to which dataset.
    everything : bool
        Whether all installed indexers were meant, so that one that cannot be used is told of.
    as_json : bool
        Print one JSON document.
    """
    unusable = tell_unusable(kd, reports) if everything else []
    tell_passed_over(kd.ds)
    if not reports and not unusable:
        hint_at_indexers(kd)
    if as_json:
        print_json(reports_to_dict(reports) | {"unusable": [one.to_dict() for one in unusable]})
    elif reports:
        print_reports(kd, reports)
    if unusable or not all_fresh(reports):
        raise typer.Exit(FAILED)
