"""All plugins loaded, one by one; each one's failure is its own, and is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from kymflow.core.plugins.conflicts import mark_conflicts, mark_indexers
from kymflow.core.plugins.faults import in_full, in_words
from kymflow.core.plugins.hooking import INDEXERS, READERS, HookedPlugin
from kymflow.core.plugins.info import IndexerInfo, ReaderInfo
from kymflow.core.plugins.loading import (
    Registered,
    RegisteredIndexer,
    RegisteredReader,
    import_plugin,
    info_of,
    load_plugin,
)
from kymflow.core.plugins.observers import Observer
from kymflow.core.plugins.process_state import changed_words, kept_process_state
from kymflow.core.plugins.source import PluginSource
from kymflow.core.plugins.switches import ONLY, Switches
from kymflow.errors import PluginError


@dataclass
class LoadedPlugins:
    """What all plugins together gave: indexers, readers and failures, observers, and what to warn of."""

    indexers: list[RegisteredIndexer] = field(default_factory=list)
    readers: list[RegisteredReader] = field(default_factory=list)
    observers: list[Observer] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def load_one(source: PluginSource, switches: Switches) -> LoadedPlugins:
    """Load one plugin; conflicts with others are not looked for.

    Raises
    ------
    PluginError
        It failed, and the switches are strict.
    """
    loaded = LoadedPlugins()
    _try(source, loaded, strict=switches.strict)
    return loaded


def unknown_words(sources: Sequence[PluginSource], switches: Switches) -> list[str]:
    """Say which names of the switches no installed plugin has."""
    return [
        f"{ONLY} names {word!r}, but no plugin of that distribution is installed"
        for word in switches.unknown(sources)
    ]


def put_together(
    parts: Iterable[LoadedPlugins], sources: Sequence[PluginSource], switches: Switches
) -> LoadedPlugins:
    """Put plugins together, in the order given, and mark what stands in each other's way.

    Raises
    ------
    PluginError
        If the switches are strict: the first conflict, or the first of their names that nobody has.
    """
    loaded = LoadedPlugins()
    loaded.warnings += unknown_words(sources, switches)
    if loaded.warnings and switches.strict:
        raise PluginError(loaded.warnings[0])
    for part in parts:
        loaded.indexers += part.indexers
        loaded.readers += part.readers
        loaded.observers += part.observers
        loaded.warnings += part.warnings
    loaded.indexers = mark_indexers(loaded.indexers)
    loaded.readers = mark_conflicts(loaded.readers)
    infos: list[IndexerInfo | ReaderInfo] = [entry.info for entry in loaded.indexers]
    infos += [entry.info for entry in loaded.readers]
    for info in infos:
        if info.status != "conflict":
            continue
        kind = "indexer" if isinstance(info, IndexerInfo) else "reader"
        message = f"{kind} {info.name!r} cannot be used: {info.error}"
        if switches.strict:
            raise PluginError(message)
        # Nobody asks for a reader by its name, and so would learn that it is not used.
        if kind == "reader" and message not in loaded.warnings:
            loaded.warnings.append(message)
    return loaded


def _try(source: PluginSource, loaded: LoadedPlugins, *, strict: bool) -> None:
    remark = info_of(source, IndexerInfo).remark
    if remark:
        loaded.warnings.append(f"{_who(source)} is {remark}")
    # Until it is imported, it may offer anything.
    offers = {INDEXERS, READERS}
    changed: list[str] = []
    # A plugin's own code runs here. Whatever it does wrong, sys.exit() included, is its own
    # failure; only the user's Ctrl-C is not.
    try:
        with kept_process_state() as changed:
            imported = import_plugin(source)
            if isinstance(imported, HookedPlugin):
                offers = {hook for hook in offers if imported.has(hook)}
            else:
                offers = {INDEXERS}
            plugin = load_plugin(imported, source)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message = _note_failure(source, error, offers, loaded)
        if strict:
            raise PluginError(message) from error
        return
    finally:
        if changed:
            loaded.warnings.append(changed_words(_who(source), changed))
    loaded.indexers += plugin.indexers
    loaded.readers += plugin.readers
    if plugin.observer is not None:
        loaded.observers.append(plugin.observer)


def _who(source: PluginSource) -> str:
    info = info_of(source, IndexerInfo)
    return f"plugin {source.entry_point!r}" + (f" of {info.origin}" if info.distribution else "")


def _note_failure(source: PluginSource, error: BaseException, offers: set[str], loaded: LoadedPlugins) -> str:
    """List a plugin as broken where it would have offered something; return what to tell of it."""
    info = info_of(source, IndexerInfo)
    cause, traceback = in_words(error), in_full(error)
    message = f"{_who(source)} cannot be used: {cause}"
    loaded.warnings.append(message)
    if INDEXERS in offers:
        broken = replace(info, status="broken", error=cause, traceback=traceback)
        loaded.indexers.append(Registered(None, broken))
    if READERS in offers:
        unread = info_of(source, ReaderInfo)
        loaded.readers.append(
            Registered(None, replace(unread, status="broken", error=cause, traceback=traceback))
        )
    return message
