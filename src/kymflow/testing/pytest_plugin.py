"""The pytest plugin: a simulated lab as a fixture, and tests that no installed plugin disturbs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# pytest imports this module in every test run of every project beside which kymflow is installed:
# whatever is heavy waits until a fixture is used.
if TYPE_CHECKING:
    from kymflow import IndexerRegistry, KymDataset


@pytest.fixture
def kym_lab(request: pytest.FixtureRequest, tmp_path: Path) -> KymDataset:
    """A small simulated lab in ``tmp_path / "kym_lab.zarr"``, open for reading and writing.

    By default three images, the last not analysed. Parameters of :func:`~kymflow.testing.make_lab` go in
    indirectly::

        @pytest.mark.parametrize("kym_lab", [{"n_images": 5, "damage": ["missing"]}], indirect=True)
        def test_...(kym_lab): ...
    """
    from kymflow.testing.lab_dataset import make_lab

    parameters: dict[str, Any] = getattr(request, "param", {})
    return make_lab(tmp_path / "kym_lab.zarr", **parameters)


@pytest.fixture
def isolated_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexerRegistry]:
    """The registry of a process in which no plugin is installed, to register indexers on.

    Within the test it is what :func:`~kymflow.get_registry` returns, and so what every KymDataset
    has that is given no other.
    """
    import importlib_metadata

    from kymflow.plugins.registry import ENTRY_POINT_GROUP, get_registry

    real = importlib_metadata.entry_points

    def none_of_ours(**parameters: Any) -> importlib_metadata.EntryPoints:
        found = real(**parameters)
        return importlib_metadata.EntryPoints(point for point in found if point.group != ENTRY_POINT_GROUP)

    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(importlib_metadata, "entry_points", none_of_ours)
    get_registry.cache_clear()
    yield get_registry()
    get_registry.cache_clear()
