"""Panels of installed plugins: found, loaded one by one, and drawn; each one's failure is its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import pluggy

from kymflow import KymflowError, PluginSource, find_plugins
from kymflow_view.panels import hookspecs
from kymflow_view.panels.plain import PanelError, plain_panel

if TYPE_CHECKING:
    from kymflow import ZarrImageRecord

ENTRY_POINT_GROUP = "kymflow.view"
# A generator that never ends must not fill the memory.
MAX_PANELS = 100
_HOOK = "kymflow_view_panels"


class UnknownPanelError(KymflowError, KeyError):
    """No plugin offers a panel of this name."""


@dataclass(frozen=True)
class Panels:
    """The panels that can be drawn, and why some cannot.

    Attributes
    ----------
    sources : mapping of str to tuple
        Each panel and who brings it, by name, in the order in which plugins are loaded.
    problems : sequence of str
        What is wrong with plugins, a sentence for each.
    """

    sources: Mapping[str, tuple[hookspecs.PanelSource, str]] = field(default_factory=dict)
    problems: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """The names of all panels."""
        return list(self.sources)

    def draw(self, name: str, record: ZarrImageRecord) -> dict[str, Any] | None:
        """Return a panel of an image as plain values; None where there is nothing to show.

        Raises
        ------
        UnknownPanelError
            There is no such panel.
        PanelError
            It could not be drawn; the message says whose it is, and what went wrong.
        """
        if name not in self.sources:
            raise UnknownPanelError(f"no plugin offers a panel named {name!r}; there are: {self.names}")
        source, origin = self.sources[name]
        # A plugin's own code runs here: whatever it does wrong, sys.exit() included, is its own failure.
        try:
            panel = source.draw(record)
            return None if panel is None else plain_panel(panel)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PanelError(f"panel {name!r} of {origin} could not be drawn: {_in_words(error)}") from error


def load_panels(plugins: Iterable[PluginSource] | None = None) -> Panels:
    """Load the panels of plugins, by default those of all installed ones of the group ``kymflow.view``."""
    sources: dict[str, tuple[hookspecs.PanelSource, str]] = {}
    problems = []
    for plugin in find_plugins(ENTRY_POINT_GROUP) if plugins is None else plugins:
        origin = f"{plugin.distribution} {plugin.version}".strip() or plugin.entry_point
        try:
            offered = _offered(plugin)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001
            problems.append(f"panels of {origin} ({plugin.entry_point}) cannot be used: {_in_words(error)}")
            continue
        for panel in offered:
            if panel.name in sources:
                other = sources[panel.name][1]
                problems.append(
                    f"panel {panel.name!r} of {origin} is not shown: {other} has one of that name"
                )
            else:
                sources[panel.name] = (panel, origin)
    return Panels(sources, problems)


def _offered(plugin: PluginSource) -> list[hookspecs.PanelSource]:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(target := plugin.load(), name=plugin.name)
    manager.check_pending()
    if not manager.get_hookcallers(target):
        raise PanelError(f"it has no function {_HOOK} marked with @kymflow_view.hookimpl")
    found: list[hookspecs.PanelSource] = []
    for answer in manager.hook.kymflow_view_panels():
        found += [answer] if hasattr(answer, "draw") else islice(answer, MAX_PANELS)
    for panel in found:
        if not (isinstance(panel.name, str) and 0 < len(panel.name) <= 100 and callable(panel.draw)):
            raise PanelError(f"{type(panel).__name__} is no panel: it must have a name, and a function draw")
    return found


def _in_words(error: BaseException) -> str:
    if isinstance(error, PanelError):
        return str(error)
    # What an exception says of itself is the plugin's own code, too.
    try:
        return " ".join(f"{type(error).__name__}: {error}".split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001
        return f"{type(error).__name__}, which cannot say what it is about"
