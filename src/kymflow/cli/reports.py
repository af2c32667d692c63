"""What was done to each table, as commands print it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kymflow.cli.lines import print_line
from kymflow.cli.output import print_table
from kymflow.cli.passed_over import named
from kymflow.cli.reasons import by_reason

if TYPE_CHECKING:
    from kymflow.core.runs.reports import UpdateReport
    from kymflow.core.zarr.kym_dataset import KymDataset

_WENT_ON = "it went on changing meanwhile; refresh again"


def print_reports(kd: KymDataset, reports: Mapping[str, UpdateReport]) -> None:
    """Print what was done to each table, and which images failed or are stale already."""
    print_table(
        "tables",
        ("table", "rows", "images", "updated", "unchanged", "removed", "failed", "seconds"),
        [
            (name, report.rows, *_image_counts(report), f"{report.seconds:.2f}")
            for name, report in reports.items()
        ],
        right=range(1, 8),
    )
    print_unfinished(kd, reports)
    for name, report in reports.items():
        if report.sources and not report.problem:
            done = "derived" if report.derived else "unchanged"
            print_line(f"{done}: table {name}, of {', '.join(report.sources)}")


def print_unfinished(kd: KymDataset, reports: Mapping[str, UpdateReport]) -> None:
    """Print which images failed in which table, and what is stale already."""
    for name, report in reports.items():
        for word, reasons in (
            ("failed", {image_id: [cause] for image_id, cause in report.failed.items()}),
            ("stale", {image_id: [_WENT_ON] for image_id in report.stale}),
        ):
            for reason, images in by_reason(kd, reasons).items():
                print_line(f"{word}: table {name}, {named(images)}: {reason}")
        if report.problem:
            print_line(f"stale: table {name}: {report.problem}")


def _image_counts(report: UpdateReport) -> tuple[object, ...]:
    if report.sources:
        # A table of tables tells nothing of images.
        return ("",) * 5
    return (
        report.images,
        len(report.updated),
        report.unchanged,
        len(report.removed),
        len(report.failed),
    )


def reports_to_dict(reports: Mapping[str, UpdateReport]) -> dict[str, Any]:
    """Return the shape that ``rebuild --json`` and ``update --json`` document."""
    return {"tables": {name: report.to_dict() for name, report in reports.items()}}


def all_fresh(reports: Mapping[str, UpdateReport]) -> bool:
    """Tell whether no image failed in any table, and nothing was left stale."""
    return not any(report.failed or report.stale or report.problem for report in reports.values())
