"""``kymflow check-indexer``: whether registered indexers keep to their contract."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import typer

from kymflow.cli.failures import FAILED, say
from kymflow.cli.hints import with_pip
from kymflow.cli.lines import print_line
from kymflow.cli.output import print_json, print_table
from kymflow.core.plugins.faults import PluginWarning
from kymflow.core.plugins.info import IndexerInfo
from kymflow.core.plugins.registry import get_registry
from kymflow.core.zarr.indexers.table_indexer import as_table_indexer
from kymflow.testing import ConformanceReport, check_indexer


def run_check_indexer(
    names: Sequence[str] | None, dataset: str | None, *, thorough: bool, as_json: bool
) -> None:
    """Check indexers, all registered ones by default; exit code 1 unless every check ran and passed."""
    registry = get_registry()
    with warnings.catch_warnings():
        # What cannot be used is told below.
        warnings.filterwarnings("ignore", "plugin .* cannot be used", PluginWarning)
        infos = registry.list()
    indexers = [registry.get(name) for name in names] if names else list(registry.indexers())
    unusable = [] if names else [info for info in infos if info.status != "ok"]
    if not indexers:
        say(f"kymflow: nothing to check; {with_pip(registry.what_there_is())}")
    reports = []
    for indexer in indexers:
        if not names and as_table_indexer(indexer) is not None:
            say(f"kymflow: not checked: indexer {indexer.name!r}, which makes its table of other tables")
            continue
        report = check_indexer(indexer, report=True, dataset=dataset, thorough=thorough)
        if not as_json:
            _print(report)
        reports.append(report)
    if as_json:
        print_json(
            {
                "indexers": [report.to_dict() for report in reports],
                "unusable": [{"name": i.name, "status": i.status, "error": i.error} for i in unusable],
            }
        )
    _say_unusable(unusable)
    if unusable or not reports or not all(report.ok for report in reports):
        raise typer.Exit(FAILED)


def _print(report: ConformanceReport) -> None:
    print_table(
        f"{report.indexer}, on {report.sample}",
        ("check", "status"),
        [(finding.check, finding.status) for finding in report.findings],
    )
    # The table above names the checks.
    for line in report.lines(with_names=False):
        print_line(line)
    print_line(report.counts)
    print()


def _say_unusable(infos: Sequence[IndexerInfo]) -> None:
    for info in infos:
        say(f"kymflow: not checked: indexer {info.name!r} of {info.origin} ({info.status}): {info.error}")
