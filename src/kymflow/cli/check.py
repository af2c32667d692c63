"""``kymflow check``: every table against its records, and what else is wrong."""

from __future__ import annotations

import typer

from kymflow.cli.datasets import hint_at_indexers, open_existing
from kymflow.cli.failures import FAILED, interrupted
from kymflow.cli.hints import call, here
from kymflow.cli.lines import counted, print_line
from kymflow.cli.output import print_json
from kymflow.cli.progress import progress
from kymflow.cli.sources import print_odd_sources


def run_check(dataset: str, *, repair: bool, as_json: bool) -> None:
    """Check a dataset; end with exit code 1 if something is wrong and was not repaired."""
    kd = open_existing(dataset, "r+" if repair else "r")
    with progress("images") as bar:
        report = kd.check(repair=repair, on_progress=bar, on_table=bar.begin, cancel=interrupted)
    hint_at_indexers(kd)
    if as_json:
        print_json({"dataset": kd.ds.path, **report.to_dict()})
    else:
        print_line(
            f"{here(kd.ds.path)}: read {counted(report.images, 'image')} with {report.artifacts} artifacts "
            f"and arrays, {counted(len(report.tables), 'table')}"
        )
        for problem in report.problems:
            print_line(f"{'repaired' if problem.repaired else 'wrong'}: {problem.kind}: {problem.message}")
        for name, image_ids in report.stale.items():
            print_line(
                f"stale: {counted(len(image_ids), 'image')} of table {name}; "
                f"`{call('refresh', dataset)}` takes them up"
            )
        for name, why in report.stale_tables.items():
            print_line(f"stale: table {name}: {why}; `{call('refresh', dataset)}` takes it up")
        print_odd_sources(report.sources)
        if not report.problems:
            print("nothing is wrong")
    if not report.is_clean:
        raise typer.Exit(FAILED)
