"""One plugin loaded: what it names is imported, its hooks and all that they offer are checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeVar, cast

from kymflow import __version__
from kymflow.core.plugins.hooking import HOOKS, INDEXERS, READERS, TABLE_UPDATED, HookedPlugin
from kymflow.core.plugins.info import IndexerInfo, ReaderInfo
from kymflow.core.plugins.made_for import misfit
from kymflow.core.plugins.observers import Observer
from kymflow.core.plugins.readers import describe_reader, first_line
from kymflow.core.plugins.source import PluginSource
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.indexers.members import has_rows, lacks_rows
from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
from kymflow.errors import InvalidIndexerError, InvalidReaderError, PluginError
from kymflow_zarr import SourceReader, layout

# A generator that never ends must not fill the memory.
MAX_OFFERED = 1000

Offered = TypeVar("Offered")
Info = TypeVar("Info", IndexerInfo, ReaderInfo)


@dataclass(frozen=True)
class Registered(Generic[Offered, Info]):
    """An indexer or a reader, and what is known of it; None instead, if its plugin failed."""

    offered: Offered | None
    info: Info


RegisteredIndexer = Registered[AnyIndexer, IndexerInfo]
RegisteredReader = Registered[SourceReader, ReaderInfo]


@dataclass(frozen=True)
class LoadedPlugin:
    """What a plugin offers."""

    indexers: list[RegisteredIndexer]
    readers: list[RegisteredReader]
    observer: Observer | None = None


@dataclass(frozen=True)
class _Kind(Generic[Offered, Info]):
    """A kind of thing that a hook returns a list of: how one is told, described and refused."""

    hook: str
    plural: str
    is_one: Callable[[object], bool]
    describe: Callable[[Offered, Info], Info]
    error: type[InvalidIndexerError | InvalidReaderError]


def info_of(source: PluginSource, kind: type[Info]) -> Info:
    """Return what is known of a plugin before it is loaded."""
    return kind(
        name=source.name,
        distribution=source.distribution,
        version=source.version,
        entry_point=source.entry_point,
        remark=misfit(source.requires, __version__),
    )


def import_plugin(source: PluginSource) -> HookedPlugin | AnyIndexer:
    """Import what an entry point names: hooks, or an indexer.

    Raises
    ------
    BaseException
        Whatever the plugin's own code raises.
    PluginError
        It is not what a plugin must be; see :class:`HookedPlugin`.
    """
    target = source.load()
    if inspect.isclass(target) and not any(hasattr(target, hook) for hook in HOOKS):
        target = _made(target)
    if has_rows(target) and not inspect.ismodule(target):
        return cast("AnyIndexer", target)
    plugin = HookedPlugin(target, repr(source.value))
    if not any(plugin.has(hook) for hook in HOOKS):
        raise PluginError(
            f"{source.value!r} is neither an indexer nor has it a function {INDEXERS}, {READERS} or "
            f"{TABLE_UPDATED} marked with @kymflow.hookimpl"
        )
    return plugin


def _made(kind: type) -> object:
    """Make an indexer of a class that an entry point names."""
    lacking = lacks_rows(kind)
    if lacking:
        raise InvalidIndexerError(lacking)
    try:
        inspect.signature(kind).bind()
    except TypeError as error:
        raise InvalidIndexerError(
            f"{kind.__qualname__}() is made without arguments, but it needs some ({error}): give them "
            f"defaults, or offer an instance with the hook {INDEXERS}"
        ) from error
    except ValueError:
        # Of code in another language.
        return kind()
    return kind()


def load_plugin(plugin: HookedPlugin | AnyIndexer, source: PluginSource) -> LoadedPlugin:
    """Ask an imported plugin for all that it offers, and check it.

    Raises
    ------
    BaseException
        Whatever the plugin's own code raises.
    InvalidIndexerError, InvalidReaderError
        Something that it offers does not meet the contract.
    """
    origin = info_of(source, IndexerInfo)
    if not isinstance(plugin, HookedPlugin):
        return LoadedPlugin(_checked([plugin], source, origin, _INDEXERS), [])
    return LoadedPlugin(
        _checked(_asked(plugin, source, _INDEXERS), source, origin, _INDEXERS),
        _checked(_asked(plugin, source, _READERS), source, info_of(source, ReaderInfo), _READERS),
        Observer(plugin, origin.plugin) if plugin.has(TABLE_UPDATED) else None,
    )


def _asked(plugin: HookedPlugin, source: PluginSource, kind: _Kind[Offered, Info]) -> list[Offered]:
    if not plugin.has(kind.hook):
        return []
    must = f"{kind.hook}() of {source.value!r} must return a list of {kind.plural}, got"
    answers = plugin.call(kind.hook)
    if not isinstance(answers, list) or not answers:
        raise kind.error(f"{must} None")
    offered: list[Any] = []
    for answer in answers:
        if isinstance(answer, list | tuple):
            offered.extend(answer)
        elif inspect.isclass(answer) or kind.is_one(answer):
            offered.append(answer)
        elif isinstance(answer, Iterable) and not isinstance(answer, str | bytes | Mapping):
            offered.extend(islice(answer, MAX_OFFERED + 1))
        else:
            raise kind.error(f"{must} {answer!r}")
    if len(offered) > MAX_OFFERED:
        raise kind.error(f"{kind.hook}() of {source.value!r} gives more than {MAX_OFFERED} {kind.plural}")
    return offered


def _checked(
    offered: Iterable[Offered], source: PluginSource, origin: Info, kind: _Kind[Offered, Info]
) -> list[Registered[Offered, Info]]:
    entries: list[Registered[Offered, Info]] = []
    seen: dict[tuple[str, str], str] = {}
    for one in offered:
        info = kind.describe(one, origin)
        for claim in info.claims:
            if claim in seen:
                raise kind.error(
                    f"{source.value!r} offers two {kind.plural} that claim the {claim[0]} {claim[1]!r}: "
                    f"{seen[claim]!r} and {info.name!r}; each must be there once"
                )
            seen[claim] = info.name
        entries.append(Registered(one, info))
    return entries


def describe(indexer: AnyIndexer, origin: IndexerInfo) -> IndexerInfo:
    """Return what is known of an indexer that `origin` offers.

    Raises
    ------
    InvalidIndexerError
        It does not meet the contract, or its name cannot be told from others or is reserved.
    """
    contract = contract_of(indexer)
    name = contract.indexer
    if name != name.strip() or not name.isprintable():
        raise InvalidIndexerError(
            f"indexer {name!r}: a name must be printable text without blanks around it", indexer=name
        )
    if name.casefold() in layout.RESERVED_TABLES:
        raise InvalidIndexerError(
            f"indexer {name!r}: this name is kept by the dataset itself; choose another", indexer=name
        )
    return replace(
        origin,
        name=name,
        table_name=contract.table_name,
        schema_version=contract.schema_version,
        required_columns=contract.required,
        settings=contract.settings,
        sources=contract.sources,
        summary=first_line(indexer),
    )


_INDEXERS = _Kind[AnyIndexer, IndexerInfo](INDEXERS, "indexers", has_rows, describe, InvalidIndexerError)
_READERS = _Kind[SourceReader, ReaderInfo](
    READERS, "readers", lambda one: hasattr(one, "read"), describe_reader, InvalidReaderError
)
