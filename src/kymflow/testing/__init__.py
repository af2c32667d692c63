"""For authors of indexers and their tests: a simulated lab, and a proof that an indexer is right.

Everything public is importable from here; nothing is loaded until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kymflow.testing.conformance.findings import ConformanceError as ConformanceError
    from kymflow.testing.conformance.findings import ConformanceReport as ConformanceReport
    from kymflow.testing.conformance.findings import Finding as Finding
    from kymflow.testing.conformance.run import check_indexer as check_indexer
    from kymflow.testing.indexer_contract import IndexerContract as IndexerContract
    from kymflow.testing.lab import LabImage as LabImage
    from kymflow.testing.lab import simulate_folder as simulate_folder
    from kymflow.testing.lab_dataset import make_lab as make_lab

_HOME = {
    "ConformanceError": "kymflow.testing.conformance.findings",
    "ConformanceReport": "kymflow.testing.conformance.findings",
    "Finding": "kymflow.testing.conformance.findings",
    "IndexerContract": "kymflow.testing.indexer_contract",
    "LabImage": "kymflow.testing.lab",
    "check_indexer": "kymflow.testing.conformance.run",
    "make_lab": "kymflow.testing.lab_dataset",
    "simulate_folder": "kymflow.testing.lab",
}

__all__ = [*sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kymflow.testing' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
