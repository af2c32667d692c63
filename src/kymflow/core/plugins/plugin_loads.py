"""When which plugin is loaded: once at most, and only if what is asked for may be of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kymflow.core.plugins.conflicts import mark_indexers
from kymflow.core.plugins.discovery import in_order, installed_plugins, source_of
from kymflow.core.plugins.info import IndexerInfo
from kymflow.core.plugins.known_names import KnownNames, KnownPlugin
from kymflow.core.plugins.loader import LoadedPlugins, load_one, put_together, unknown_words
from kymflow.core.plugins.loading import Registered
from kymflow.core.plugins.observers import Observer
from kymflow.core.plugins.source import PluginSource
from kymflow.core.plugins.switches import Switches
from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
from kymflow.errors import PluginError

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint


class PluginLoads:
    """The plugins of a registry, loaded one by one.

    Parameters
    ----------
    entry_points, switches
        As for the registry.
    warn : callable
        Told what is wrong with plugins, each message once.
    known : KnownNames
        What plugins are known to offer; of installed ones only, as others may be made by hand.
    """

    def __init__(
        self,
        entry_points: Iterable[EntryPoint] | None,
        switches: Switches | None,
        warn: Callable[[str], None],
        known: KnownNames,
    ) -> None:
        self._entry_points = None if entry_points is None else list(entry_points)
        self._switches = switches
        self._warn = warn
        self._known = known
        self._sources: list[PluginSource] | None = None
        self._parts: dict[PluginSource, LoadedPlugins] = {}
        self._all: LoadedPlugins | None = None
        self._noted: dict[PluginSource, KnownPlugin | None] = {}
        self._told: set[str] = set()
        self._seconds: dict[PluginSource, float] = {}
        self._lock = threading.RLock()
        self._loading = False

    @property
    def sources(self) -> Sequence[PluginSource]:
        """All plugins that are there, those that are switched off, too; nothing is imported."""
        if self._sources is None:
            self._sources = (
                installed_plugins()
                if self._entry_points is None
                else in_order(map(source_of, self._entry_points))
            )
        return self._sources

    @property
    def switches(self) -> Switches:
        """Which of them are used."""
        if self._switches is None:
            self._switches = Switches.from_environment() if self._entry_points is None else Switches()
        return self._switches

    @property
    def seconds(self) -> Mapping[PluginSource, float]:
        """How long those took that have been loaded."""
        return dict(self._seconds)

    def all(self) -> LoadedPlugins:
        """Load all plugins; they are kept once every one of them has been tried, not before."""
        with self._reading():
            return self._everything()

    def infos(self) -> list[IndexerInfo]:
        """Return what is known of all indexers; plugins whose names are known are not imported for it."""
        with self._reading():
            return [entry.info for entry in self._outline()]

    def indexers_of(
        self, is_asked_for: Callable[[IndexerInfo], bool]
    ) -> list[Registered[AnyIndexer, IndexerInfo]]:
        """Return those that are asked for and can be used, as :meth:`all` would give them.

        Plugins that are known to offer others only are not imported for it.
        """
        with self._reading():
            entries = self._outline()
            for entry in entries:
                if entry.offered is not None and is_asked_for(entry.info):
                    self._part(entry.offered)
            now = self._outline()
            # What is known may turn out to be wrong: a plugin offers other things, or is broken by now.
            if [entry.info for entry in now] != [entry.info for entry in entries]:
                self._everything()
                now = self._outline()
            return [
                Registered(self._offered(entry.offered, entry.info.name), entry.info)
                for entry in now
                if entry.offered is not None and entry.info.status == "ok" and is_asked_for(entry.info)
            ]

    def loaded_indexers(self) -> Iterator[Registered[AnyIndexer, IndexerInfo]]:
        """Yield the indexers of plugins that have been loaded by now."""
        for source in self._used():
            if source in self._parts:
                yield from self._parts[source].indexers

    def observers(self) -> list[Observer]:
        """Return who follows changes of tables; plugins that are known not to are not imported."""
        with self._reading():
            if not self._may_know():
                return self._everything().observers
            parts = [self._part(source) for source in self._used() if self._may_follow(source)]
        return [observer for part in parts for observer in part.observers]

    def _used(self) -> Iterator[PluginSource]:
        return (source for source in self.sources if not self.switches.off_by(source))

    def _may_know(self) -> bool:
        # Who asks for all failures is told of all.
        return self._all is None and self._entry_points is None and not self.switches.strict

    def _may_follow(self, source: PluginSource) -> bool:
        known = self._known_of(source)
        return known is None or known.observes

    def _known_of(self, source: PluginSource) -> KnownPlugin | None:
        """Return what is known of a plugin that has not been loaded; None if it has to be."""
        if source in self._parts:
            return None
        if source not in self._noted:
            self._noted[source] = self._known.find(source)
        return self._noted[source]

    def _everything(self) -> LoadedPlugins:
        if self._all is None:
            parts = [self._part(source) for source in self._used()]
            self._all = put_together(parts, self.sources, self.switches)
            self._tell(self._all.warnings)
        return self._all

    def _outline(self) -> list[Registered[PluginSource, IndexerInfo]]:
        """Return all indexers as :meth:`all` lists them, each with its plugin in its place."""
        if self._may_know():
            self._tell(unknown_words(self.sources, self.switches))
        else:
            self._everything()
        entries: list[Registered[PluginSource, IndexerInfo]] = []
        for source in self._used():
            known = self._known_of(source) if self._may_know() else None
            if known is not None:
                entries += [Registered(source, info) for info in known.indexers]
                continue
            entries += [
                Registered(None if one.offered is None else source, one.info)
                for one in self._part(source).indexers
            ]
        return mark_indexers(entries)

    def _offered(self, source: PluginSource, name: str) -> AnyIndexer | None:
        return next(one.offered for one in self._parts[source].indexers if one.info.name == name)

    def _part(self, source: PluginSource) -> LoadedPlugins:
        """Load one plugin, if it has not been; note what it offers, unless something is wrong with it."""
        part = self._parts.get(source)
        if part is not None:
            return part
        stamp = None if self._entry_points is not None else self._known.stamp(source)
        begin_s = time.perf_counter()
        part = load_one(source, self.switches)
        self._seconds[source] = time.perf_counter() - begin_s
        self._parts[source] = part
        self._tell(part.warnings)
        if not part.warnings:
            indexers = tuple(entry.info for entry in part.indexers)
            readers = tuple(entry.info for entry in part.readers)
            self._known.keep(source, KnownPlugin(indexers, readers, bool(part.observers)), stamp)
        return part

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            if self._loading:
                raise PluginError("plugins are being loaded: a plugin cannot ask for indexers on import")
            self._loading = True
            try:
                yield
            finally:
                self._loading = False

    def _tell(self, messages: Sequence[str]) -> None:
        for message in messages:
            if message not in self._told:
                self._told.add(message)
                self._warn(message)
