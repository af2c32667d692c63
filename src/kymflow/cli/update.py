"""``kymflow rebuild`` and ``kymflow update``: tables from all images, or some images' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from kymflow.cli.datasets import hint_at_indexers, open_existing
from kymflow.cli.failures import FAILED, interrupted
from kymflow.cli.image_names import find_images
from kymflow.cli.output import any_failed, print_json, print_reports, reports_to_dict
from kymflow.cli.progress import progress

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow.core.runs.reports import UpdateReport
    from kymflow.core.zarr.kym_dataset import KymDataset


def run_rebuild(
    dataset: str, indexers: Sequence[str] | None, *, executor: Executor | None, as_json: bool
) -> None:
    """Rebuild tables from all images."""
    kd = open_existing(dataset)
    finish(kd, _run(kd, indexers, None, executor), as_json=as_json)


def run_update(
    dataset: str,
    images: Sequence[str],
    indexers: Sequence[str] | None,
    *,
    executor: Executor | None,
    as_json: bool,
) -> None:
    """Update some images' rows."""
    kd = open_existing(dataset)
    image_ids = find_images(kd, images, deleted=True)
    finish(kd, _run(kd, indexers, image_ids, executor), as_json=as_json)


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
            on_progress=bar.step,
            on_table=bar.begin,
            cancel=interrupted,
            executor=executor,
        )


def finish(kd: KymDataset, reports: Mapping[str, UpdateReport], *, as_json: bool) -> None:
    """Print reports, and end with exit code 1 if an image failed."""
    hint_at_indexers(kd)
    if as_json:
        print_json(reports_to_dict(reports))
    elif reports:
        print_reports(reports)
    if any_failed(reports):
        raise typer.Exit(FAILED)
