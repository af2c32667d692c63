"""Plugins made up for tests, and what a registry of them lists."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from importlib_metadata import EntryPoint

from kymflow import ArtifactIndexer, IndexerInfo, IndexerRegistry, ReaderInfo, SourceImage, hookimpl

from .paths import SRC

BUILTIN = EntryPoint(name="builtin", value="kymflow_indexers_builtin", group="kymflow.indexers")

Install = Callable[..., EntryPoint]


class StallIndexer(ArtifactIndexer):
    """Stalls of every line scan.

    More words.
    """

    name = "stalls"


class NeedsArguments:
    name = table_name = "needy"

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def extract_rows(self, rec: object) -> pd.DataFrame:
        return pd.DataFrame()


class ScanReader:
    """Line scans in an invented text format.

    More words.
    """

    def __init__(self, name: str = "scan", priority: int = 0) -> None:
        self.name = name
        self.priority = priority

    def matches(self, path: Path) -> bool:
        return path.suffix.lower() == ".scan"

    def files(self, primary: Path) -> list[Path]:
        return []

    def read(self, primary: Path) -> SourceImage:
        lines = primary.read_text("utf-8").splitlines()
        return SourceImage([[int(word) for word in line.split()] for line in lines])


def offering(*indexers: object) -> object:
    @hookimpl
    def kymflow_indexers() -> list[object]:
        return list(indexers)

    return kymflow_indexers


def offering_readers(*readers: object) -> object:
    @hookimpl
    def kymflow_readers() -> list[object]:
        return list(readers)

    return kymflow_readers


def reader_infos(*entry_points: EntryPoint) -> dict[str, ReaderInfo]:
    return {info.name: info for info in IndexerRegistry(entry_points).list_readers()}


def infos(*entry_points: EntryPoint) -> dict[str, IndexerInfo]:
    return {info.name: info for info in IndexerRegistry(entry_points).list()}


def write_indexers(site: Path, module: str, *names: str) -> None:
    """Write a module with the hook, which offers an indexer of each of these names."""
    code = ["from kymflow import ArtifactIndexer, hookimpl"]
    for number, name in enumerate(names):
        code.append(f"class Indexer{number}(ArtifactIndexer):\n    name = {name!r}")
    offered = ", ".join(f"Indexer{number}()" for number in range(len(names)))
    code.append(f"@hookimpl\ndef kymflow_indexers():\n    return [{offered}]")
    (site / f"{module}.py").write_text("\n".join(code) + "\n", "utf-8")


def run_python(code: str, *path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, SRC]))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
