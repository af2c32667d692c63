"""Fixtures for the tests of the core: registries, small datasets, an installed plugin."""

from __future__ import annotations

import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from importlib_metadata import EntryPoint

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.plugins.registry import get_registry
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer
from support.executors import local_cluster
from support.failing_indexers import BROKEN
from support.names import Lab, stamps
from support.plugin_makers import Install
from support.refreshing import open_dataset
from support.simple_indexers import add_image, write_distribution


@pytest.fixture
def registry() -> IndexerRegistry:
    """A registry of the two built-in indexers, whatever is installed."""
    registry = IndexerRegistry(())
    registry.register(VelocityEventsIndexer())
    registry.register(RadonReportIndexer())
    return registry


@pytest.fixture
def kd(tmp_path: Path, registry: IndexerRegistry) -> KymDataset:
    """Three images in a new dataset: ``a`` with two events and a report, ``b`` with a report, ``c`` bare."""
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry)
    for image_id in "abc":
        add_image(kd, image_id)
    events = pd.DataFrame({"roi_id": [1, 1], "event_id": ["e1", "e2"], "t0_s": [0.5, 1.5], "kind": "stall"})
    kd.ds.record("a").save_df_parquet("velocity_events", events)
    kd.ds.record("a").save_json("radon_report", {"mean_velocity": 1.5, "n_valid": 10, "notes": "dict"})
    report = pd.DataFrame({"roi_id": [1, 2], "mean_velocity": [0.5, 0.25], "n_valid": [3, 4]})
    kd.ds.record("b").save_df_parquet("radon_report", report)
    return kd


@pytest.fixture
def table_file() -> Callable[[KymDataset, str], Path]:
    """Where a table of a local dataset is on disk."""
    return lambda kd, name: Path(kd.ds.path) / "tables" / f"{name}.parquet"


@pytest.fixture
def ledger_files() -> Callable[[KymDataset, str], list[str]]:
    """Which ledgers of a table are on disk."""

    def look(kd: KymDataset, name: str) -> list[str]:
        return sorted(path.name for path in (Path(kd.ds.path) / "index" / name).glob("*"))

    return look


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path`` with the built-in indexers as an installed distribution."""
    site = tmp_path / "site"
    write_distribution(site, "kymflow-indexers-builtin", "1.0.0", "builtin = kymflow_indexers_builtin")
    monkeypatch.syspath_prepend(str(site))
    get_registry.cache_clear()
    yield site
    get_registry.cache_clear()


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make a module of these members and return an entry point to it, or to one of them."""

    def make(name: str, value: str | None = None, /, **members: object) -> EntryPoint:
        module = types.ModuleType(f"plugin_{name}")
        for member, content in members.items():
            setattr(module, member, content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        target = module.__name__ if value is None else f"{module.__name__}:{value}"
        return EntryPoint(name=name, value=target, group="kymflow.indexers")

    return make


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write a module and return an entry point to it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, code: str) -> EntryPoint:
        (tmp_path / f"plugin_{name}.py").write_text(textwrap.dedent(code), "utf-8")
        monkeypatch.delitem(sys.modules, f"plugin_{name}", raising=False)
        return EntryPoint(name=name, value=f"plugin_{name}", group="kymflow.indexers")

    return make


@pytest.fixture
def plugged(site: Path) -> None:
    """Indexers of these tests, installed as a plugin: ``cells``, and one that fails in every way."""
    write_distribution(site, "cells-indexers", "0.1", "cells = cells_plugin")
    code = (
        "from kymflow import hookimpl\n"
        "from support.refreshing import CellsIndexer\n"
        "from support.failing_indexers import broken_indexer\n"
        "@hookimpl\n"
        "def kymflow_indexers():\n"
        "    return [CellsIndexer(), broken_indexer()]\n"
    )
    (site / "cells_plugin.py").write_text(code, "utf-8")
    get_registry.cache_clear()


@pytest.fixture
def broken_lab(tmp_path: Path) -> KymDataset:
    kd = open_dataset(tmp_path / "lab.zarr")
    for image_id in ["good", *BROKEN]:
        add_image(kd, image_id)
    return kd


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four kymographs, three of them analysed, one with events."""
    folder = tmp_path / "kymographs"
    simulate_folder(folder, 4, n_lines=200, n_pixels=12)
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with local_cluster() as client:
        yield client


@pytest.fixture(scope="module")
def refusing_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab in which nothing is ever changed."""
    lab = Lab(tmp_path_factory.mktemp("root"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(lab.root / "labs")
        yield lab
    assert stamps(lab.root) == lab.before


@pytest.fixture
def watched_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab that may be changed."""
    (tmp_path / "root").mkdir()
    lab = Lab(tmp_path / "root")
    monkeypatch.chdir(lab.root / "labs")
    return lab
