"""Plugins of another group than the indexers', for programs that have hooks of their own."""

from __future__ import annotations

from kymflow.core.plugins.discovery import installed_plugins
from kymflow.core.plugins.source import PluginSource
from kymflow.core.plugins.switches import Switches


def find_plugins(group: str) -> list[PluginSource]:
    """Return the installed plugins of a group of entry points, in the order in which they are to be loaded.

    The switches in the environment hold for them as for indexers: what is switched off is left out
    (``KYMFLOW_DISABLE_PLUGINS`` and others). Nothing is imported.

    Parameters
    ----------
    group : str
        Name of the group.

    Examples
    --------
    >>> from kymflow import find_plugins
    >>> find_plugins("a.group.of.nobody")
    []
    """
    switches = Switches.from_environment()
    return [source for source in installed_plugins(group) if not switches.off_by(source)]
