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
    from kymflow.core.plugins import switches
    from kymflow.core.plugins.registry import get_registry

    monkeypatch.setenv(switches.AUTOLOAD, "1")
    # What is named there would be loaded all the same.
    monkeypatch.delenv(switches.ONLY, raising=False)
    get_registry.cache_clear()
    yield get_registry()
    get_registry.cache_clear()
