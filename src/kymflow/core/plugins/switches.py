"""The switches in the environment: which plugins are loaded, and whether a failure is an error."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kymflow.core.plugins.source import PluginSource, normalized

AUTOLOAD = "KYMFLOW_DISABLE_PLUGIN_AUTOLOAD"
ONLY = "KYMFLOW_PLUGINS"
DISABLED = "KYMFLOW_DISABLE_PLUGINS"
STRICT = "KYMFLOW_STRICT_PLUGINS"
_OFF = ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Switches:
    """Which installed plugins are used.

    Attributes
    ----------
    autoload : bool
        Whether those are loaded that `only` does not name. ``KYMFLOW_DISABLE_PLUGIN_AUTOLOAD=1``
        makes it false.
    only : tuple of str
        Names of distributions; none but these are loaded, unless it is empty. ``KYMFLOW_PLUGINS``.
    disabled : tuple of str
        Names of distributions or entry points that are not loaded. ``KYMFLOW_DISABLE_PLUGINS``.
    strict : bool
        Whether the first failure or conflict raises PluginError. ``KYMFLOW_STRICT_PLUGINS=1``.
    """

    autoload: bool = True
    only: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    strict: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Switches:
        """Read the switches as they are set now; names are separated by commas."""
        return cls(
            autoload=not _is_on(environment.get(AUTOLOAD, "")),
            only=_names(environment.get(ONLY, "")),
            disabled=_names(environment.get(DISABLED, "")),
            strict=_is_on(environment.get(STRICT, "")),
        )

    def off_by(self, source: PluginSource) -> str:
        """Return the switch that keeps a plugin from being loaded, as it was set; empty if none does."""
        name = normalized(source.distribution)
        for word in self.disabled:
            if word == source.name or (name and normalized(word) == name):
                return f"{DISABLED}={word}"
        if name and name in map(normalized, self.only):
            return ""
        if self.only:
            return f"{ONLY}={','.join(self.only)}"
        return "" if self.autoload else f"{AUTOLOAD}=1"

    def unknown(self, sources: Iterable[PluginSource]) -> list[str]:
        """Return the names of `only` that no installed plugin has."""
        names = {normalized(source.distribution) for source in sources}
        return [word for word in self.only if normalized(word) not in names]


def _is_on(value: str) -> bool:
    return value.strip().lower() not in _OFF


def _names(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in map(str.strip, value.split(",")) if name))
