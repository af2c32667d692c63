"""All plugins loaded, one by one; each one's failure is its own, and is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kymflow.core.plugins.conflicts import mark_conflicts
from kymflow.core.plugins.faults import in_full, in_words
from kymflow.core.plugins.loading import Registered, info_of, load_plugin
from kymflow.core.plugins.observers import Observer
from kymflow.core.plugins.source import PluginSource
from kymflow.core.plugins.switches import ONLY, Switches
from kymflow.errors import PluginError


@dataclass
class LoadedPlugins:
    """What all plugins together gave: indexers and failures, observers, and what to warn of."""

    indexers: list[Registered] = field(default_factory=list)
    observers: list[Observer] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def load_all(sources: Sequence[PluginSource], switches: Switches) -> LoadedPlugins:
    """Load plugins in the order given, save those that are switched off.

    Raises
    ------
    PluginError
        If the switches are strict: the first failure, or the first conflict.
    """
    loaded = LoadedPlugins()
    for word in switches.unknown(sources):
        message = f"{ONLY} names {word!r}, but no plugin of that distribution is installed"
        if switches.strict:
            raise PluginError(message)
        loaded.warnings.append(message)
    for source in sources:
        if not switches.off_by(source):
            _try(source, loaded, strict=switches.strict)
    loaded.indexers = mark_conflicts(loaded.indexers)
    for entry in loaded.indexers:
        if switches.strict and entry.info.status == "conflict":
            raise PluginError(f"indexer {entry.info.name!r} cannot be used: {entry.info.error}")
    return loaded


def _try(source: PluginSource, loaded: LoadedPlugins, *, strict: bool) -> None:
    # A plugin's own code runs here. Whatever it does wrong, sys.exit() included, is its own
    # failure; only the user's Ctrl-C is not.
    try:
        plugin = load_plugin(source)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        info = info_of(source)
        cause = in_words(error)
        of_whom = f" of {info.origin}" if info.distribution else ""
        message = f"plugin {source.entry_point!r}{of_whom} cannot be used: {cause}"
        if strict:
            raise PluginError(message) from error
        loaded.warnings.append(message)
        broken = replace(info, status="broken", error=cause, traceback=in_full(error))
        loaded.indexers.append(Registered(None, broken))
        return
    loaded.indexers += plugin.indexers
    if plugin.observer is not None:
        loaded.observers.append(plugin.observer)
