from __future__ import annotations

import subprocess
import sys

import pytest

import kymflow.testing


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    assert kymflow.testing.__all__ == [
        "ConformanceError",
        "ConformanceReport",
        "Finding",
        "IndexerContract",
        "LabImage",
        "check_indexer",
        "check_indexers",
        "check_reader",
        "make_lab",
        "simulate_folder",
    ]
    for name in kymflow.testing.__all__:
        assert getattr(kymflow.testing, name).__name__ == name
    assert set(kymflow.testing.__all__) <= set(dir(kymflow.testing))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'kymflow.testing' has no attribute 'check_indices'"):
        _ = kymflow.testing.check_indices


def test_importing_the_kit_costs_nothing() -> None:
    code = """
import sys
before = set(sys.modules)
import kymflow.testing
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["kymflow", "kymflow_zarr"]
