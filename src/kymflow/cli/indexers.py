"""``kymflow indexers``: what is installed, what is broken and why."""

from __future__ import annotations

import shutil
import sys
import textwrap
import warnings
from collections.abc import Sequence

from kymflow.cli.failures import say
from kymflow.cli.hints import with_pip
from kymflow.cli.lines import print_line
from kymflow.cli.output import GAP, print_json, print_table, width_of
from kymflow.cli.visible import visible_line
from kymflow.core.plugins.faults import PluginWarning
from kymflow.core.plugins.info import IndexerInfo
from kymflow.core.plugins.registry import get_registry
from kymflow.core.zarr.indexers.setting_types import as_json

Row = tuple[str, str, str, str, str]
COLUMNS = ("indexer", "table", "from", "status", "what it gives")
CUT = "..."
# Where the last column has less room, the one that says whence is left to --verbose.
ROOM = 24


def list_indexers(*, verbose: bool, as_json: bool) -> None:
    """Print the registered indexers."""
    registry = get_registry()
    with warnings.catch_warnings():
        # The list itself tells of every broken plugin; `kymflow readers` tells of readers.
        warnings.filterwarnings("ignore", "(plugin|reader) .* cannot be used", PluginWarning)
        infos = registry.list()
        observers = registry.observers()
    if as_json:
        print_json([info.to_dict() for info in infos])
        return
    if infos:
        rows = [(i.name, i.table_name, i.origin, i.status, i.error or i.summary) for i in infos]
        _print_rows(rows, verbose=verbose)
    if verbose:
        _print_details(infos)
        print()
        for plugin, seconds in sorted(registry.load_seconds().items(), key=lambda pair: -pair[1]):
            print_line(f"loaded in {seconds:.2f} s: {plugin}")
        for observer in observers:
            print()
            print_line(f"follows changes of tables: {observer}")
        for off in registry.switched_off():
            print()
            print_line(f"switched off by {off.by}: {off.origin} ({off.entry_point})")
    if not infos:
        say(f"kymflow: {with_pip(registry.what_there_is())}")
    elif not any(info.status == "ok" for info in infos):
        say("kymflow: none of these indexers can be used")


def _print_rows(rows: Sequence[Row], *, verbose: bool) -> None:
    """Print a table; on a terminal, each row takes one line if that can be, and whole errors come below."""
    if not sys.stdout.isatty():
        print_table("indexers", COLUMNS, rows)
        return
    every = [tuple(map(visible_line, row)) for row in (COLUMNS, *rows)]
    if _room(every) < ROOM:
        every = [(*row[:2], *row[3:]) for row in every]
    room = _room(every)
    cut = every if room < width_of(COLUMNS[-1]) else [(*row[:-1], _cut(row[-1], room)) for row in every]
    print_table("indexers", cut[0], cut[1:])
    for row, whole, shown in zip(rows, every[1:], cut[1:], strict=True):
        if row[3] != "ok" and whole != shown and not verbose:
            print_line(f"{row[0]} of {row[2]}: {row[-1]}")


def _room(rows: Sequence[Sequence[str]]) -> int:
    """Return how wide the last column can be."""
    others = list(zip(*rows, strict=True))[:-1]
    taken = sum(max(map(width_of, cells)) + GAP for cells in others)
    return shutil.get_terminal_size().columns - taken


def _cut(text: str, room: int) -> str:
    if width_of(text) <= room:
        return text
    while width_of(text) > room - len(CUT):
        text = text[:-1]
    return f"{text.rstrip()}{CUT}"


def _print_details(infos: Sequence[IndexerInfo]) -> None:
    for info in infos:
        print()
        print_line(f"{info.name} ({info.entry_point or 'registered by this program'})")
        print_line(f"  from: {info.origin}")
        if info.summary:
            print_line(f"  what it gives: {info.summary}")
        if info.sources:
            print_line(f"  made of tables: {', '.join(info.sources)}")
        print_line(f"  schema version: {info.schema_version or '-'}")
        print_line(f"  required columns: {', '.join(info.required_columns) or '-'}")
        if info.settings:
            told = (f"{name} = {as_json(value)}" for name, value in info.settings.items())
            print_line(f"  settings: {', '.join(told)}")
        if info.remark:
            print_line(f"  {info.remark}")
        if info.error:
            print_line(f"  error: {info.error}")
        if info.traceback:
            print(textwrap.indent(info.traceback.rstrip(), "    "))
