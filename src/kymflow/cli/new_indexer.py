"""``kymflow new-indexer``: the project of a new plugin, ready to be installed and tested."""

from __future__ import annotations

import warnings
from pathlib import Path

from kymflow.cli.failures import fail, say
from kymflow.cli.output import print_json
from kymflow.core.plugins.faults import PluginWarning
from kymflow.core.plugins.registry import get_registry
from kymflow.scaffold import IndexerNames, indexer_names, origin_of, write_project


def run_new_indexer(name: str, directory: Path | None, kymflow: str | None, *, as_json: bool) -> None:
    """Write the project, and say what to do with it."""
    names, origin = indexer_names(name), origin_of(kymflow)
    _refuse_what_is_taken(names)
    directory = Path(names.distribution) if directory is None else directory
    files = [path.as_posix() for path in write_project(names, directory, origin)]
    if as_json:
        print_json(
            {
                "directory": str(directory.resolve()),
                "distribution": names.distribution,
                "module": names.module,
                "class_name": names.class_name,
                "name": names.name,
                "kymflow": origin.requirement or None,
                "files": files,
            }
        )
        return
    print(f"{directory}: the project {names.distribution}")
    print(f"indexer, table and artifact are called {names.name}, the class {names.class_name}")
    for path in files:
        print(f"  {path}")
    if origin.is_local:
        say(
            "kymflow: the README installs kymflow from this machine; its workflow on GitHub needs a URL, "
            "which --kymflow takes, too"
        )
    print("next, in that folder:")
    print("  python -m pip install --upgrade pip")
    print("  python -m pip install -e . --group dev")
    print("  python -m pytest")


def _refuse_what_is_taken(names: IndexerNames) -> None:
    """Two plugins of one name are in conflict, and neither can be used."""
    with warnings.catch_warnings():
        # What is broken takes no name, and is no concern here.
        warnings.simplefilter("ignore", PluginWarning)
        infos = get_registry().known()
    for info in infos:
        if names.name in (info.name.lower(), info.table_name):
            fail(f"there is an indexer or table {names.name!r} of {info.origin} already; choose another name")
