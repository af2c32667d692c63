"""``kymflow readers``: which files an ingest takes, and which readers are broken and why."""

from __future__ import annotations

import warnings

from kymflow.cli.output import print_json, print_table
from kymflow.core.ingest.readers import list_readers
from kymflow.core.plugins.faults import PluginWarning
from kymflow.core.plugins.registry import get_registry


def print_readers(*, as_json: bool) -> None:
    """Print kymflow's own readers, then those of plugins."""
    with warnings.catch_warnings():
        # The list itself tells of every broken plugin, and of every conflict.
        warnings.filterwarnings("ignore", "(plugin|reader) .* cannot be used", PluginWarning)
        infos = list_readers(get_registry())
    if as_json:
        print_json([info.to_dict() for info in infos])
        return
    print_table(
        "readers",
        ("reader", "priority", "from", "status", "what it takes"),
        [(i.name, i.priority, i.origin, i.status, i.error or i.summary) for i in infos],
        right=(1,),
    )
