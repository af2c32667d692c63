"""The registry: finds plugins, keeps each one's failure to itself, and tells which indexers there are."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pluggy

from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.errors import InvalidIndexerError, UnknownIndexerError
from kymflow.plugins import hookspecs
from kymflow.plugins.info import IndexerInfo

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint

ENTRY_POINT_GROUP = "kymflow.indexers"
BUILTIN_DISTRIBUTION = "kymflow-indexers-builtin"


class PluginWarning(UserWarning):
    """A plugin could not be used; everything else works."""


@dataclass(frozen=True)
class _Registered:
    """An indexer and what is known of it; no indexer, if its plugin failed."""

    indexer: DatasetIndexer | None
    info: IndexerInfo


class IndexerRegistry:
    """The indexers that are there, from plugins and from the program itself.

    Parameters
    ----------
    entry_points : iterable of EntryPoint, optional
        The plugins to load; by default all installed ones of the group ``kymflow.indexers``.
        ``()`` gives a registry of one's own, for programs and tests.

    Notes
    -----
    Plugins are loaded when an indexer is first asked for, one by one, in sorted order.
    """

    def __init__(self, entry_points: Iterable[EntryPoint] | None = None) -> None:
        self._entry_points = None if entry_points is None else list(entry_points)
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._own: list[_Registered] = []
        self._found: list[_Registered] | None = None

    # What is there

    def list(self) -> list[IndexerInfo]:
        """Return one entry per indexer, and one per plugin that failed, ordered by name."""
        return sorted(
            (entry.info for entry in self._registered()), key=lambda info: (info.name, info.distribution)
        )

    def indexers(self) -> Sequence[DatasetIndexer]:
        """Return the indexers that can be used, ordered by name."""
        usable = [
            (entry.info.name, entry.indexer) for entry in self._registered() if entry.info.status == "ok"
        ]
        return [indexer for _, indexer in sorted(usable, key=lambda pair: pair[0]) if indexer is not None]

    def get(self, name: str) -> DatasetIndexer:
        """Return the indexer of this name.

        Raises
        ------
        UnknownIndexerError
            There is none, or it cannot be used; the message says why, and what to install.
        """
        entries = [entry for entry in self._registered() if entry.info.name == name]
        for entry in entries:
            if entry.indexer is not None and entry.info.status == "ok":
                return entry.indexer
        for entry in entries:
            raise UnknownIndexerError(
                f"indexer {name!r} of {entry.info.origin} cannot be used ({entry.info.status}): "
                f"{entry.info.error}",
                indexer=name,
            )
        raise UnknownIndexerError(f"no indexer is named {name!r}; {self.what_there_is()}", indexer=name)

    def what_there_is(self) -> str:
        """Say in words which indexers there are, which cannot be used, or what to install."""
        infos = self.list()
        usable = [info.name for info in infos if info.status == "ok"]
        unusable = [f"{info.name} ({info.status})" for info in infos if info.status != "ok"]
        words = []
        if usable:
            words.append(f"there are: {', '.join(usable)}")
        if unusable:
            words.append(f"these cannot be used: {', '.join(unusable)}; `kymflow indexers` says why")
        return ". ".join(words) or missing_plugins_hint()

    def made_by(self, indexer: DatasetIndexer) -> Mapping[str, str]:
        """Return what a table's footer says of the indexer that made it: distribution and version.

        Nothing, if plugins have not been looked for: an instance needs none of them.
        """
        for entry in self._found or ():
            if type(entry.indexer) is type(indexer) and entry.info.distribution:
                return {
                    "kymflow.distribution": entry.info.distribution,
                    "kymflow.version": entry.info.version,
                }
        return {}

    # What a program adds

    def register(self, indexer: DatasetIndexer) -> None:
        """Add an indexer of the program's own.

        Raises
        ------
        InvalidIndexerError
            It does not meet the contract, or its name or table is taken.
        """
        entry = _Registered(indexer, _describe(indexer, IndexerInfo(name="")))
        for other in self._registered():
            if other.indexer is None:
                continue
            if other.info.name == entry.info.name or other.info.table_name == entry.info.table_name:
                raise InvalidIndexerError(
                    f"indexer {entry.info.name!r} with table {entry.info.table_name!r}: "
                    f"{other.info.origin} has already one of that name or table ({other.info.name!r})",
                    indexer=entry.info.name,
                    table_name=entry.info.table_name,
                )
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

    # Discovery

    def _registered(self) -> Sequence[_Registered]:
        if self._found is None:
            loaded = [
                entry for entry_point in self._sorted_entry_points() for entry in self._load(entry_point)
            ]
            self._found = _mark_conflicts(loaded)
        return [*self._found, *self._own]

    def _sorted_entry_points(self) -> Sequence[EntryPoint]:
        if self._entry_points is None:
            from importlib_metadata import entry_points

            self._entry_points = list(entry_points(group=ENTRY_POINT_GROUP))
        return sorted(self._entry_points, key=lambda point: (_distribution(point), point.name, point.value))

    def _load(self, entry_point: EntryPoint) -> Iterator[_Registered]:
        origin = IndexerInfo(
            name=entry_point.name,
            distribution=_distribution(entry_point),
            version=entry_point.dist.version if entry_point.dist else "",
            entry_point=f"{entry_point.name} = {entry_point.value}",
        )
        # A plugin's own code runs here. Whatever it does wrong, sys.exit() included, is its own
        # failure; only the user's Ctrl-C is not.
        try:
            entries = [_Registered(indexer, _describe(indexer, origin)) for indexer in self._ask(entry_point)]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001
            cause = f"{type(error).__name__}: {error}"
            warnings.warn(
                f"plugin {origin.entry_point!r} of {origin.origin} cannot be used: {cause}",
                PluginWarning,
                stacklevel=2,
            )
            yield _Registered(None, replace(origin, status="broken", error=cause))
            return
        yield from entries

    def _ask(self, entry_point: EntryPoint) -> Sequence[DatasetIndexer]:
        target = entry_point.load()
        if inspect.isclass(target) and hasattr(target, "extract_rows"):
            target = target()
        if isinstance(target, DatasetIndexer):
            return [target]
        plugin_name = f"{_distribution(entry_point)}:{entry_point.name}"
        self._manager.register(target, name=plugin_name)
        try:
            self._manager.check_pending()
            others = [plugin for plugin in self._manager.get_plugins() if plugin is not target]
            answers = self._manager.subset_hook_caller("kymflow_indexers", others)()
            return _flatten(answers, entry_point)
        except BaseException:
            self._manager.unregister(name=plugin_name)
            raise


def _flatten(answers: Sequence[Any], entry_point: EntryPoint) -> Sequence[DatasetIndexer]:
    if not answers:
        raise InvalidIndexerError(
            f"{entry_point.value!r} is neither an indexer nor has it a function kymflow_indexers "
            "marked with @kymflow.hookimpl"
        )
    indexers: list[DatasetIndexer] = []
    for answer in answers:
        if isinstance(answer, DatasetIndexer) and not inspect.isclass(answer):
            indexers.append(answer)
        elif isinstance(answer, Iterable) and not isinstance(answer, str | bytes | Mapping):
            indexers.extend(answer)
        else:
            raise InvalidIndexerError(
                f"kymflow_indexers() of {entry_point.value!r} must return a list of indexers, got {answer!r}"
            )
    return indexers


def _distribution(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else ""


def _describe(indexer: DatasetIndexer, origin: IndexerInfo) -> IndexerInfo:
    contract = contract_of(indexer)
    summary = (inspect.getdoc(type(indexer)) or "").partition("\n")[0]
    return replace(
        origin,
        name=contract.indexer,
        table_name=contract.table_name,
        schema_version=contract.schema_version,
        required_columns=contract.required,
        summary=summary,
    )


def _mark_conflicts(entries: Sequence[_Registered]) -> list[_Registered]:
    """Mark all that claim one name or one table; none of them is preferred."""
    marked = []
    for entry in entries:
        rivals = [
            other
            for other in entries
            if other is not entry
            and other.indexer is not None
            and (other.info.name == entry.info.name or other.info.table_name == entry.info.table_name)
        ]
        if entry.indexer is None or not rivals:
            marked.append(entry)
            continue
        rival = rivals[0].info
        error = (
            f"{entry.info.origin} and {rival.origin} both claim "
            f"{'the name' if rival.name == entry.info.name else 'the table'} "
            f"{entry.info.name if rival.name == entry.info.name else entry.info.table_name!r}; "
            "uninstall one of them"
        )
        marked.append(_Registered(entry.indexer, replace(entry.info, status="conflict", error=error)))
    return marked


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
