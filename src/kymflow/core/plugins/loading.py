"""One plugin loaded: what it names is imported, its hooks and every indexer are checked."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from kymflow.core.plugins.hooking import INDEXERS, TABLE_UPDATED, HookedPlugin
from kymflow.core.plugins.info import IndexerInfo
from kymflow.core.plugins.observers import Observer
from kymflow.core.plugins.source import PluginSource
from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.errors import InvalidIndexerError, PluginError
from kymflow_zarr import layout

# A generator that never ends must not fill the memory.
MAX_INDEXERS = 1000


@dataclass(frozen=True)
class Registered:
    """An indexer and what is known of it; no indexer, if its plugin failed."""

    indexer: DatasetIndexer | None
    info: IndexerInfo


@dataclass(frozen=True)
class LoadedPlugin:
    """What a plugin offers."""

    indexers: list[Registered]
    observer: Observer | None = None


def info_of(source: PluginSource) -> IndexerInfo:
    """Return what is known of a plugin before it is loaded."""
    return IndexerInfo(
        name=source.name,
        distribution=source.distribution,
        version=source.version,
        entry_point=source.entry_point,
    )


def load_plugin(source: PluginSource) -> LoadedPlugin:
    """Import what an entry point names, and check all that it offers.

    Raises
    ------
    BaseException
        Whatever the plugin's own code raises.
    PluginError, InvalidIndexerError, pluggy.PluginValidationError
        It is not what a plugin must be; see :func:`describe` and :class:`HookedPlugin`.
    """
    target = source.load()
    if inspect.isclass(target) and hasattr(target, "extract_rows"):
        target = target()
    if isinstance(target, DatasetIndexer):
        return LoadedPlugin(_checked([target], source))
    plugin = HookedPlugin(target, repr(source.value))
    observer = Observer(plugin, info_of(source).plugin) if plugin.has(TABLE_UPDATED) else None
    if plugin.has(INDEXERS):
        return LoadedPlugin(_checked(_asked(plugin, source), source), observer)
    if observer is None:
        raise PluginError(
            f"{source.value!r} is neither an indexer nor has it a function {INDEXERS} or {TABLE_UPDATED} "
            "marked with @kymflow.hookimpl"
        )
    return LoadedPlugin([], observer)


def _asked(plugin: HookedPlugin, source: PluginSource) -> list[DatasetIndexer]:
    answers = plugin.call(INDEXERS)
    if not isinstance(answers, list) or not answers:
        raise InvalidIndexerError(
            f"{INDEXERS}() of {source.value!r} must return a list of indexers, got None"
        )
    indexers: list[Any] = []
    for answer in answers:
        if isinstance(answer, list | tuple):
            indexers.extend(answer)
        elif inspect.isclass(answer) or isinstance(answer, DatasetIndexer):
            indexers.append(answer)
        elif isinstance(answer, Iterable) and not isinstance(answer, str | bytes | Mapping):
            indexers.extend(islice(answer, MAX_INDEXERS + 1))
        else:
            raise InvalidIndexerError(
                f"{INDEXERS}() of {source.value!r} must return a list of indexers, got {answer!r}"
            )
    if len(indexers) > MAX_INDEXERS:
        raise InvalidIndexerError(f"{INDEXERS}() of {source.value!r} gives more than {MAX_INDEXERS} indexers")
    return indexers


def _checked(indexers: Iterable[DatasetIndexer], source: PluginSource) -> list[Registered]:
    origin = info_of(source)
    entries: list[Registered] = []
    seen: dict[tuple[str, str], str] = {}
    for indexer in indexers:
        info = describe(indexer, origin)
        for claim in info.claims:
            if claim in seen:
                raise InvalidIndexerError(
                    f"{source.value!r} offers two indexers that claim the {claim[0]} {claim[1]!r}: "
                    f"{seen[claim]!r} and {info.name!r}; each must be there once",
                    indexer=info.name,
                    table_name=info.table_name,
                )
            seen[claim] = info.name
        entries.append(Registered(indexer, info))
    return entries


def describe(indexer: DatasetIndexer, origin: IndexerInfo) -> IndexerInfo:
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
    words = type(indexer).__doc__
    summary = words.strip().partition("\n")[0].strip() if isinstance(words, str) else ""
    return replace(
        origin,
        name=name,
        table_name=contract.table_name,
        schema_version=contract.schema_version,
        required_columns=contract.required,
        summary=summary,
    )
