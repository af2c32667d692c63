"""Plugins as projects of their own: a good one, its rivals, and broken ones of every kind."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from support.environments import call

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
dependencies = ["kymflow>=1.0"]

[project.entry-points."{group}"]
{entry} = "{value}"

[tool.hatch.build.targets.wheel]
only-include = ["{module}.py"]
"""

EVENTS = """
from kymflow import ArtifactIndexer, hookimpl


class LabEventsIndexer(ArtifactIndexer):
    \"\"\"Events, as the lab counts them.\"\"\"

    name = "lab_events"
    artifact = "velocity_events"
    schema_version = "{schema_version}"


@hookimpl
def kymflow_indexers():
    return [LabEventsIndexer()]


@hookimpl
def kymflow_table_updated(table_name, report):
    print("told of", table_name)
"""

SCANS = """
from kymflow import SourceImage, hookimpl


class ScanReader:
    \"\"\"Line scans in an invented text format (.scan), a line of numbers each.\"\"\"

    name = "{name}"
    priority = {priority}

    def matches(self, path):
        return path.suffix.lower() == ".scan"

    def files(self, primary):
        sidecar = primary.with_suffix(".note")
        return [sidecar] if sidecar.exists() else []

    def read(self, primary):
        pixels = [[int(word) for word in line.split()] for line in primary.read_text("utf-8").splitlines()]
        notes = [path.read_text("utf-8") for path in self.files(primary)]
        return SourceImage(pixels, json={{"metadata": {{"read_by": "{name}", "notes": notes}}}})


@hookimpl
def kymflow_readers():
    return [ScanReader()]
"""

PANELS = """
from kymflow_view import Axis, Lines, Panel, hookimpl


class Brightness:
    name = "brightness"

    def draw(self, record):
        mean = record.load_array().mean(axis=1)
        curve = Lines("mean", range(len(mean)), mean)
        return Panel("Brightness", Axis("time", "lines"), Axis("grey value"), [curve])


@hookimpl
def kymflow_view_panels():
    return [Brightness()]
"""

_HOOK = "from kymflow import hookimpl\n\n@hookimpl\ndef "
_INDEXER = "class Indexer:\n    name, table_name = 'odd', {table!r}\n    def extract_rows(self, rec): ...\n"

# Kind: the module, what the entry point names after the module, and the error that is listed.
BROKEN = {
    "import-error": ("raise ImportError('no luck')", "", "ImportError: no luck"),
    "syntax-error": ("def (", "", "SyntaxError: "),
    "system-exit": ("raise SystemExit(3)", "", "SystemExit: 3"),
    "missing-dependency": ("import no_such_dependency", "", "No module named 'no_such_dependency'"),
    "wrong-signature": (
        _HOOK + "kymflow_indexers(dataset):\n    return []\n",
        "",
        "takes 'dataset', but a hook",
    ),
    "misspelt-hook": (_HOOK + "kymflow_indexer():\n    return []\n", "", "unknown hook 'kymflow_indexer'"),
    "missing-attribute": ("x = 1", ":indexer", "has no attribute 'indexer'"),
    "bad-table-name": (_INDEXER.format(table="日本"), ":Indexer", "'日本' cannot name a table"),
    "reserved-table": (_INDEXER.format(table="sources"), ":Indexer", "kept by the dataset itself"),
    "hook-raises": (_HOOK + "kymflow_indexers():\n    raise ValueError('in the hook')\n", "", "in the hook"),
    "junk": (
        _HOOK + "kymflow_indexers():\n    return 'junk'\n",
        "",
        "must return a list of indexers, got 'junk'",
    ),
}


def write_project(
    folder: Path,
    name: str,
    code: str,
    *,
    version: str = "1.0",
    attribute: str = "",
    group: str = "kymflow.indexers",
) -> Path:
    """Write a plugin of one module, and return its folder."""
    module = name.replace("-", "_")
    project = folder / name
    project.mkdir(parents=True, exist_ok=True)
    (project / f"{module}.py").write_text(textwrap.dedent(code), "utf-8")
    text = PYPROJECT.format(
        name=name, version=version, entry=module, value=f"{module}{attribute}", module=module, group=group
    )
    (project / "pyproject.toml").write_text(text, "utf-8")
    return project


def write_events(folder: Path, name: str = "lab-events", *, version: str = "1.0", schema: str = "1") -> Path:
    """Write a good plugin: one indexer, ``lab_events``, and an observer that prints."""
    return write_project(folder, name, EVENTS.format(schema_version=schema), version=version)


def write_scans(folder: Path, name: str = "lab-scans", *, priority: int = 0) -> Path:
    """Write a plugin that offers a reader alone, of files ``.scan``; the reader is named as the plugin."""
    return write_project(folder, name, SCANS.format(name=name, priority=priority))


def write_panels(folder: Path, name: str = "lab-panels", *, code: str = PANELS) -> Path:
    """Write a plugin of the viewer: one panel, ``brightness``, or whatever `code` has."""
    return write_project(folder, name, code, group="kymflow.view")


def write_broken(folder: Path) -> dict[str, Path]:
    """Write a broken plugin of every kind; return their folders by kind."""
    return {
        kind: write_project(folder, f"broken-{kind}", code, attribute=attribute)
        for kind, (code, attribute, _) in BROKEN.items()
    }


def build_wheels(folder: Path, *projects: Path) -> list[Path]:
    """Build wheels as pip does, by the hook of the projects' build backend."""
    build = (
        "import os, sys\n"
        "from hatchling.build import build_wheel\n"
        "for project in sys.argv[2:]:\n"
        "    os.chdir(project)\n"
        "    print('built', build_wheel(sys.argv[1]))\n"
    )
    folder.mkdir(exist_ok=True)
    out = call(sys.executable, "-c", build, folder, *projects).stdout
    return [folder / line.split()[1] for line in out.splitlines() if line.startswith("built ")]
