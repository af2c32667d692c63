"""``kymflow upgrade``: images of earlier versions learn to tell their axes and calibration."""

from __future__ import annotations

import typer

from kymflow.cli.datasets import open_existing
from kymflow.cli.failures import FAILED, interrupted
from kymflow.cli.hints import here
from kymflow.cli.lines import counted, print_line
from kymflow.cli.output import print_json
from kymflow.cli.passed_over import named
from kymflow.cli.progress import progress
from kymflow.cli.reasons import by_reason


def run_upgrade(dataset: str, *, as_json: bool) -> None:
    """Upgrade a dataset; end with exit code 1 if an image could not be read."""
    kd = open_existing(dataset)
    with progress("images") as bar:
        report = kd.upgrade(on_progress=bar, cancel=interrupted)
    if as_json:
        print_json({"dataset": kd.ds.path, **report.to_dict()})
    else:
        print_line(
            f"{here(kd.ds.path)}: {counted(report.images, 'image')}, {len(report.upgraded)} upgraded, "
            f"{report.unchanged} as they were, {len(report.failed)} failed"
        )
        if report.uncalibrated:
            print_line(f"pixel size unknown: {len(report.uncalibrated)} of them; --json names them")
        for word, found in (("no NGFF attributes", report.without_ngff), ("failed", report.failed)):
            for reason, images in by_reason(kd, {key: [text] for key, text in found.items()}).items():
                print_line(f"{word}: {named(images)}: {reason}")
    if report.failed:
        raise typer.Exit(FAILED)
