"""``kymflow indexers``: what is installed, what is broken and why."""

from __future__ import annotations

import warnings

from kymflow.cli.failures import say
from kymflow.cli.output import print_json, print_table
from kymflow.plugins.registry import PluginWarning, get_registry, missing_plugins_hint


def list_indexers(*, verbose: bool, as_json: bool) -> None:
    """Print the registered indexers."""
    with warnings.catch_warnings():
        # The list itself tells of every broken plugin.
        warnings.simplefilter("ignore", PluginWarning)
        infos = get_registry().list()
    if as_json:
        print_json([info.to_dict() for info in infos])
        return
    if not infos:
        say(f"kymflow: {missing_plugins_hint()}")
        return
    print_table(
        "indexers",
        ("indexer", "table", "from", "status", "what it gives"),
        [(i.name, i.table_name, i.origin, i.status, i.error or i.summary) for i in infos],
    )
    if verbose:
        for info in infos:
            print(f"\n{info.name} ({info.entry_point or 'registered by this program'})")
            print(f"  schema version: {info.schema_version or '-'}")
            print(f"  required columns: {', '.join(info.required_columns) or '-'}")
            if info.error:
                print(f"  error: {info.error}")
    if not any(info.status == "ok" for info in infos):
        say("kymflow: none of these indexers can be used")
