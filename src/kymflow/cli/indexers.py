"""``kymflow indexers``: what is installed, what is broken and why."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence

from kymflow.cli.failures import say
from kymflow.cli.hints import with_pip
from kymflow.cli.lines import print_line
from kymflow.cli.output import print_json, print_table
from kymflow.core.plugins.faults import PluginWarning
from kymflow.core.plugins.info import IndexerInfo
from kymflow.core.plugins.registry import get_registry
from kymflow.core.zarr.indexers.setting_types import as_json


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
        print_table(
            "indexers",
            ("indexer", "table", "from", "status", "what it gives"),
            [(i.name, i.table_name, i.origin, i.status, i.error or i.summary) for i in infos],
        )
    if verbose:
        _print_details(infos)
        for observer in observers:
            print()
            print_line(f"follows changes of tables: {observer}")
        for plugin in registry.switched_off():
            print()
            print_line(f"switched off by {plugin.by}: {plugin.origin} ({plugin.entry_point})")
    if not infos:
        say(f"kymflow: {with_pip(registry.what_there_is())}")
    elif not any(info.status == "ok" for info in infos):
        say("kymflow: none of these indexers can be used")


def _print_details(infos: Sequence[IndexerInfo]) -> None:
    for info in infos:
        print()
        print_line(f"{info.name} ({info.entry_point or 'registered by this program'})")
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
