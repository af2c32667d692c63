"""Pictures, reports and a browser viewer of kymflow's datasets."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kymflow_view.figures.image import figure as figure
    from kymflow_view.figures.of_table import plot as plot
    from kymflow_view.panels.hookspecs import hookimpl as hookimpl
    from kymflow_view.panels.panel import Axis as Axis
    from kymflow_view.panels.panel import Boxes as Boxes
    from kymflow_view.panels.panel import Lines as Lines
    from kymflow_view.panels.panel import Panel as Panel
    from kymflow_view.panels.panel import Picture as Picture
    from kymflow_view.panels.panel import Points as Points
    from kymflow_view.tables.html import table as table

__version__ = "1.0.0"
# Loaded when first used: the commands are imported together with kymflow's own, and must be so at once.
_HOMES = {
    "figure": "kymflow_view.figures.image",
    "plot": "kymflow_view.figures.of_table",
    "table": "kymflow_view.tables.html",
    "hookimpl": "kymflow_view.panels.hookspecs",
    "Axis": "kymflow_view.panels.panel",
    "Boxes": "kymflow_view.panels.panel",
    "Lines": "kymflow_view.panels.panel",
    "Panel": "kymflow_view.panels.panel",
    "Picture": "kymflow_view.panels.panel",
    "Points": "kymflow_view.panels.panel",
}
__all__ = [
    "Axis",
    "Boxes",
    "Lines",
    "Panel",
    "Picture",
    "Points",
    "__version__",
    "figure",
    "hookimpl",
    "plot",
    "table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
