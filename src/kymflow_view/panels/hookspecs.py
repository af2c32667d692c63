"""The hook of panels, in a pluggy project of its own: who has no viewer installed needs none of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from kymflow import ZarrImageRecord
    from kymflow_view.panels.panel import Panel

PROJECT = "kymflow_view"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class PanelSource(Protocol):
    """What a plugin offers: a name, and a function that draws a panel of one image."""

    @property
    def name(self) -> str:
        """What the viewer calls it."""

    def draw(self, record: ZarrImageRecord) -> Panel | None:
        """Return what to show of an image; None where there is nothing.

        Called in any thread, for one image at a time, when somebody looks at it. The record is read-only.
        """


@hookspec
def kymflow_view_panels() -> Sequence[PanelSource]:  # type: ignore[empty-body]
    """Return the panels that a plugin offers; one alone may stand without a list around it.

    Called once per process, when an image is first looked at. A plugin that raises, or returns
    something else, is told of on the status page, and harms no other.

    Examples
    --------
    A whole plugin, module ``lab_panels``::

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

    registered in its ``pyproject.toml``::

        [project.entry-points."kymflow.view"]
        lab = "lab_panels"
    """
