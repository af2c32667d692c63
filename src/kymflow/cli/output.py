"""How results are shown: JSON for programs, Rich tables for people."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from kymflow.core.runs.reports import UpdateReport


# Standard output itself, while all but the JSON document goes to standard error.
_results: list[TextIO] = []


@contextmanager
def json_alone(wanted: bool) -> Iterator[None]:
    """Keep standard output for one JSON document, if `wanted`; what plugins print goes to standard error."""
    if not wanted:
        yield
        return
    _results.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _results.pop()


def print_json(content: Any) -> None:
    """Print one JSON document."""
    out = _results[-1] if _results else sys.stdout
    readable = (out.encoding or "").lower().replace("-", "") == "utf8"
    json.dump(content, out, indent=2, ensure_ascii=not readable, allow_nan=False)
    out.write("\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; in a pipe it is as wide as it needs to be."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, soft_wrap=not sys.stdout.isatty()).print(table)


def print_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Print as many columns as a terminal has room for, all in a pipe; return those left out."""
    if not sys.stdout.isatty():
        print_table(title, columns, rows)
        return []
    room = shutil.get_terminal_size().columns - 2
    shown = 0
    for place, column in enumerate(columns):
        room -= max([len(column), *(len(row[place]) for row in rows)]) + 3
        if room < 0 and shown:
            break
        shown += 1
    print_table(title, columns[:shown], [row[:shown] for row in rows])
    return list(columns[shown:])


def print_reports(reports: Mapping[str, UpdateReport]) -> None:
    """Print what was done to each table, and every image that failed or is stale already."""
    print_table(
        "tables",
        ("table", "rows", "images", "updated", "unchanged", "removed", "failed", "seconds"),
        [
            (
                name,
                report.rows,
                report.images,
                len(report.updated),
                report.unchanged,
                len(report.removed),
                len(report.failed),
                f"{report.seconds:.2f}",
            )
            for name, report in reports.items()
        ],
    )
    for name, report in reports.items():
        for image_id, cause in report.failed.items():
            print(f"failed: table {name}, image {image_id}: {cause}")
        for image_id in report.stale:
            print(f"stale: table {name}, image {image_id}: it went on changing meanwhile; refresh again")


def reports_to_dict(reports: Mapping[str, UpdateReport]) -> dict[str, Any]:
    """Return the shape that ``rebuild --json`` and ``update --json`` document."""
    return {"tables": {name: report.to_dict() for name, report in reports.items()}}


def any_failed(reports: Mapping[str, UpdateReport]) -> bool:
    """Tell whether an image failed in any table."""
    return any(report.failed for report in reports.values())
