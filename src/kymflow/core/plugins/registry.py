"""The registry: the indexers, readers and observers of plugins and of the program."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from kymflow.core.plugins.conflicts import waiting_in_words
from kymflow.core.plugins.faults import in_words, warn_of
from kymflow.core.plugins.hooking import TABLE_UPDATED, HookedPlugin
from kymflow.core.plugins.info import IndexerInfo, ReaderInfo, SwitchedOff
from kymflow.core.plugins.known_names import KnownNames
from kymflow.core.plugins.loading import Registered, RegisteredIndexer, RegisteredReader, describe, info_of
from kymflow.core.plugins.observers import Observer, tell_all
from kymflow.core.plugins.plugin_loads import PluginLoads
from kymflow.core.plugins.readers import describe_reader
from kymflow.core.plugins.source import normalized
from kymflow.core.plugins.switches import Switches
from kymflow.core.zarr.indexers.dependency_order import find_ring
from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
from kymflow.errors import (
    InvalidIndexerError,
    InvalidReaderError,
    PluginError,
    UnknownIndexerError,
    UnknownReaderError,
)

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint

    from kymflow.core.runs.reports import UpdateReport
    from kymflow_zarr import SourceReader

BUILTIN_DISTRIBUTION = "kymflow-indexers-builtin"


class IndexerRegistry:
    """The indexers, readers and observers that are there, from plugins and from the program itself.

    Parameters
    ----------
    entry_points : iterable of EntryPoint, optional
        The plugins to load; by default all installed ones of the group ``kymflow.indexers``.
        ``()`` gives a registry of one's own, for programs and tests.
    switches : Switches, optional
        Which of them are used; by default what the environment says of installed plugins
        (``KYMFLOW_DISABLE_PLUGINS`` and others), and all that `entry_points` gives.

    Notes
    -----
    Plugins are loaded when an indexer is first asked for, one by one, in sorted order. Where one indexer is
    asked for by its name or table, installed plugins that are known to offer others only are not imported.

    Examples
    --------
    A registry of a program's own, whatever plugins are installed:

    >>> from kymflow import ArtifactIndexer, IndexerRegistry, KymDataset
    >>> class StallIndexer(ArtifactIndexer):
    ...     '''Stalls of every line scan.'''
    ...
    ...     name = "stalls"
    >>> registry = IndexerRegistry(())
    >>> registry.register(StallIndexer())
    >>> [(info.name, info.status, info.summary) for info in registry.list()]
    [('stalls', 'ok', 'Stalls of every line scan.')]
    >>> kd = KymDataset("memory://own-indexers", mode="a", registry=registry)
    >>> list(kd.rebuild_all())
    ['stalls']
    """

    def __init__(
        self, entry_points: Iterable[EntryPoint] | None = None, *, switches: Switches | None = None
    ) -> None:
        self._loads = PluginLoads(entry_points, switches, _warn, KnownNames())
        self._own: list[RegisteredIndexer] = []
        self._own_readers: list[RegisteredReader] = []
        self._own_observers: list[Observer] = []

    # What is there

    def list(self) -> list[IndexerInfo]:
        """Return one entry per indexer, and one per plugin that failed, ordered by name."""
        return _by_name(entry.info for entry in self._registered())

    def known(self) -> Sequence[IndexerInfo]:
        """Return what :meth:`list` returns, as far as it is known without importing plugins.

        What a plugin offers is noted when it has been loaded, in the user's cache folder, and counts until it
        is installed again or one of its files changes. A plugin that fails now and did not then is listed
        as it was then.
        """
        return _by_name([*self._loads.infos(), *(entry.info for entry in self._own)])

    def load_seconds(self) -> Mapping[str, float]:
        """Return how long plugins took that have been loaded in this process, by what they are, in words."""
        return {
            info_of(source, IndexerInfo).plugin: seconds for source, seconds in self._loads.seconds.items()
        }

    def indexers(self) -> Sequence[AnyIndexer]:
        """Return the indexers that can be used, ordered by name."""
        return _usable(self._registered())

    def needed(self, tables: Container[str], names: Container[str] = ()) -> Sequence[AnyIndexer]:
        """Return the indexers of some tables, and those of some names, as far as they can be used, by name.

        Plugins that are known to offer none of them are not imported; see :meth:`known`.
        """

        def is_needed(info: IndexerInfo) -> bool:
            return info.table_name in tables or info.name in names

        own = [entry for entry in self._own if is_needed(entry.info)]
        return _usable([*self._loads.indexers_of(is_needed), *own])

    def get(self, name: str) -> AnyIndexer:
        """Return the indexer of this name.

        Raises
        ------
        UnknownIndexerError
            There is none, or it cannot be used; the message says why, and what to do.
        PluginError
            Under ``KYMFLOW_STRICT_PLUGINS=1``, any plugin failed.
        """
        known = [] if self._own else self._loads.indexers_of(lambda info: info.name == name)
        for found in known:
            if found.offered is not None:
                return found.offered
        entries = [entry for entry in self._registered() if entry.info.name == name]
        for entry in entries:
            if entry.offered is not None and entry.info.status == "ok":
                return entry.offered
        for entry in entries:
            raise UnknownIndexerError(
                f"indexer {name!r} of {entry.info.origin} cannot be used ({entry.info.status}): "
                f"{entry.info.error}",
                indexer=name,
            )
        raise UnknownIndexerError(
            f"no indexer is named {name!r}; {self.what_there_is()}.",
            indexer=name,
            advice="registry.list() tells more of them.",
        )

    def list_readers(self) -> Sequence[ReaderInfo]:
        """Return one entry per reader of a plugin or the program, and per plugin that failed, by name.

        kymflow's own readers are not among them.
        """
        return sorted(
            (entry.info for entry in self._registered_readers()),
            key=lambda info: (info.name, info.distribution, info.entry_point),
        )

    def readers(self) -> Sequence[SourceReader]:
        """Return the readers of plugins and the program that can be used, ordered by name."""
        usable = [
            (entry.info.name, entry.offered)
            for entry in self._registered_readers()
            if entry.info.status == "ok"
        ]
        return [reader for _, reader in sorted(usable, key=lambda pair: pair[0]) if reader is not None]

    def switched_off(self) -> Sequence[SwitchedOff]:
        """Return the plugins that the environment keeps from being loaded; none is imported for it."""
        switches = self._loads.switches
        off = ((source, switches.off_by(source)) for source in self._loads.sources)
        return [
            SwitchedOff(source.distribution, source.version, source.entry_point, by)
            for source, by in off
            if by
        ]

    def observers(self) -> Sequence[str]:
        """Return who is told of changes to tables, in words, in the order in which they are called."""
        return [observer.origin for observer in [*self._loads.all().observers, *self._own_observers]]

    def what_there_is(self) -> str:
        """Say in words which indexers there are, which cannot be used, or what to install."""
        infos = self.list()
        usable = [info.name for info in infos if info.status == "ok"]
        unusable = [f"{info.name} ({info.status})" for info in infos if info.status != "ok"]
        off = [f"{plugin.origin} ({plugin.by})" for plugin in self.switched_off()]
        words = []
        if usable:
            words.append(f"there are: {', '.join(usable)}")
        if unusable:
            words.append(f"these cannot be used: {', '.join(unusable)}")
        if off:
            words.append(f"these plugins are switched off: {', '.join(off)}")
        return ". ".join(words) or missing_plugins_hint()

    def why_absent(self, distribution: str) -> str:
        """Say why a distribution gives no indexers, told from metadata alone; empty if it is there.

        Parameters
        ----------
        distribution : str
            Its name, as the footer of a table that it made has it.
        """
        name = normalized(distribution)
        there = [source for source in self._loads.sources if normalized(source.distribution) == name]
        if not there:
            return "is not installed any more"
        switches = self._loads.switches
        by = [switches.off_by(source) for source in there]
        return f"is switched off by {by[0]}" if all(by) else ""

    def made_by(self, indexer: AnyIndexer) -> Mapping[str, str]:
        """Return what a table's footer says of the indexer that made it: distribution and version.

        Nothing, if it comes from no plugin.
        """
        entry = _entry_of(indexer, list(self._loads.loaded_indexers()))
        if entry is None:
            entry = _entry_of(indexer, self._loads.all().indexers)
        if entry is None or not entry.info.distribution:
            return {}
        return {
            "kymflow.distribution": entry.info.distribution,
            "kymflow.version": entry.info.version,
        }

    # What a program adds

    def register(self, indexer: AnyIndexer) -> None:
        """Add an indexer of the program's own.

        Raises
        ------
        InvalidIndexerError
            It does not meet the contract, its name or table is taken, or its table and others are sources of
            each other in a ring.
        """
        entry: RegisteredIndexer = Registered(indexer, describe(indexer, IndexerInfo(name="")))
        for other in self._registered():
            if other.offered is not None and set(other.info.claims) & set(entry.info.claims):
                raise InvalidIndexerError(
                    f"indexer {entry.info.name!r} with table {entry.info.table_name!r}: "
                    f"{other.info.origin} has already one of that name or table ({other.info.name!r})",
                    indexer=entry.info.name,
                    table_name=entry.info.table_name,
                )
        self._refuse_ring(entry.info)
        self._own.append(entry)

    def unregister(self, name: str) -> None:
        """Take back an indexer that :meth:`register` added.

        Raises
        ------
        UnknownIndexerError
            The program added none of this name.
        """
        for entry in self._own:
            if entry.info.name == name:
                self._own.remove(entry)
                return
        raise UnknownIndexerError(f"this program registered no indexer named {name!r}", indexer=name)

    def register_reader(self, reader: SourceReader) -> None:
        """Add a reader of source files of the program's own.

        Raises
        ------
        InvalidReaderError
            It does not meet the contract, or its name is taken.
        """
        entry = Registered(reader, describe_reader(reader, ReaderInfo(name="")))
        for other in self._registered_readers():
            if other.offered is not None and set(other.info.claims) & set(entry.info.claims):
                raise InvalidReaderError(
                    f"reader {entry.info.name!r}: {other.info.origin} has already one of that name"
                )
        self._own_readers.append(entry)

    def unregister_reader(self, name: str) -> None:
        """Take back a reader that :meth:`register_reader` added.

        Raises
        ------
        UnknownReaderError
            The program added none of this name.
        """
        for entry in self._own_readers:
            if entry.info.name == name:
                self._own_readers.remove(entry)
                return
        raise UnknownReaderError(f"this program registered no reader named {name!r}")

    # Who follows changes

    def register_observer(self, plugin: object) -> None:
        """Add an observer of the program's own: it is told of every table that changes.

        Parameters
        ----------
        plugin : object
            A module, or an instance, with a hook ``kymflow_table_updated`` that is marked with
            ``@kymflow.hookimpl``. Any other hook of it is not called.

        Raises
        ------
        PluginError
            It has no such hook, or with other arguments, or is registered already.
        """
        who = f"observer {_type_name(plugin)} of this program"
        if any(observer.plugin.target is plugin for observer in self._own_observers):
            raise PluginError(f"{who} is registered already")
        try:
            hooked = HookedPlugin(plugin, who)
        except Exception as error:
            raise PluginError(f"{who} cannot be registered: {in_words(error)}") from error
        if not hooked.has(TABLE_UPDATED):
            raise PluginError(f"{who} has no function {TABLE_UPDATED} marked with @kymflow.hookimpl")
        self._own_observers.append(Observer(hooked, who))

    def unregister_observer(self, plugin: object) -> None:
        """Take back an observer that :meth:`register_observer` added.

        Raises
        ------
        PluginError
            The program added no such observer.
        """
        for observer in self._own_observers:
            if observer.plugin.target is plugin:
                self._own_observers.remove(observer)
                return
        raise PluginError(f"this program registered no observer {_type_name(plugin)}")

    def notify_table_updated(self, dataset: str, table_name: str, report: UpdateReport) -> None:
        """Tell every observer that a table has changed on disk; one that fails is warned of."""
        tell_all([*self._loads.observers(), *self._own_observers], dataset, table_name, report)

    # Loading

    def _refuse_ring(self, info: IndexerInfo) -> None:
        ring = find_ring({one.table_name: one.sources for one in [*self.list(), info] if one.status == "ok"})
        if ring:
            raise InvalidIndexerError(
                f"indexer {info.name!r}: {waiting_in_words(ring)}",
                indexer=info.name,
                table_name=info.table_name,
            )

    def _registered(self) -> Sequence[RegisteredIndexer]:
        return [*self._loads.all().indexers, *self._own]

    def _registered_readers(self) -> Sequence[RegisteredReader]:
        return [*self._loads.all().readers, *self._own_readers]


def _warn(message: str) -> None:
    warn_of(message, stacklevel=3)


def _entry_of(indexer: AnyIndexer, entries: Sequence[RegisteredIndexer]) -> RegisteredIndexer | None:
    """Return what plugins registered as an indexer, or as one of its class and name; None if nothing."""
    same = [entry for entry in entries if entry.offered is indexer]
    like = [entry for entry in entries if type(entry.offered) is type(indexer)]
    return next(iter(same or [entry for entry in like if entry.info.name == indexer.name]), None)


def _usable(entries: Iterable[RegisteredIndexer]) -> list[AnyIndexer]:
    usable = [(entry.info.name, entry.offered) for entry in entries if entry.info.status == "ok"]
    return [indexer for _, indexer in sorted(usable, key=lambda pair: pair[0]) if indexer is not None]


def _by_name(infos: Iterable[IndexerInfo]) -> list[IndexerInfo]:
    return sorted(infos, key=lambda info: (info.name, info.distribution, info.entry_point))


def _type_name(plugin: object) -> str:
    return (
        getattr(plugin, "__qualname__", None)
        or getattr(plugin, "__name__", None)
        or type(plugin).__qualname__
    )


def missing_plugins_hint() -> str:
    """Return what to say where no indexer is installed."""
    return (
        f"no indexer is installed. For velocity events and radon reports: pip install {BUILTIN_DISTRIBUTION} "
        "(from kymflow's repository: pip install ./src/kymflow_indexers_builtin)"
    )


@cache
def get_registry() -> IndexerRegistry:
    """Return the registry of all installed plugins; one per process."""
    return IndexerRegistry()
