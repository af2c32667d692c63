"""What an indexer promises of its table, read off the indexer once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kymflow.core.zarr.indexers.base import IMAGE_ID, normalize_table_name
from kymflow.core.zarr.indexers.columns import Column, check_columns
from kymflow.core.zarr.indexers.members import fault_of
from kymflow.core.zarr.indexers.setting_types import as_json
from kymflow.core.zarr.indexers.settings import defaults_of, values_of
from kymflow.core.zarr.indexers.table_indexer import AnyIndexer, as_table_indexer, sources_of
from kymflow.errors import InvalidIndexerError
from kymflow_zarr import layout
from kymflow_zarr.errors import KymflowError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class TableContract:
    """The names, version, columns and settings of an indexer.

    Attributes
    ----------
    indexer, table_name, schema_version : str
        As the indexer has them; the table name normalized.
    required : tuple of str
        Columns that the table always has, in order, ``image_id`` excepted.
    declared : tuple of Column
        Columns with a type, some of them required.
    settings, defaults : mapping
        Values of its settings, and their defaults, by name; see
        :mod:`kymflow.core.zarr.indexers.settings`.
    sources : tuple of str
        The tables that it is made of; none if it is made of images.
    """

    indexer: str
    table_name: str
    schema_version: str
    required: tuple[str, ...]
    declared: tuple[Column, ...]
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    sources: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        """The indexer in words."""
        return f"indexer {self.indexer!r}"

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The declared columns by name."""
        return {column.name: column for column in self.declared}

    @property
    def declared_types(self) -> dict[str, str]:
        """The types of the declared columns by name."""
        return {column.name: column.type for column in self.declared}

    def settings_that_differ(self, before: Mapping[str, Any]) -> str | None:
        """Say which settings are others than a table was made with; None if none is.

        A setting that the table does not know had its default: nobody could have set it.
        """
        before = {**self.defaults, **before}
        changed = []
        for name in sorted({*before, *self.settings}):
            was, now = (as_json(one[name]) if name in one else "nothing" for one in (before, self.settings))
            if was != now:
                changed.append(f"{name}: {was} -> {now}")
        return f"setting{'s' if changed[1:] else ''} {', '.join(changed)}" if changed else None

    @cached_property
    def first_fields(self) -> list[pa.Field]:
        """The Arrow fields with which the table begins; a required column without type is null."""
        import pyarrow as pa

        # A table of other tables need not speak of images.
        fields = [] if self.sources else [pa.field(IMAGE_ID, pa.string(), nullable=False)]
        for name in self.required:
            column = self.by_name.get(name)
            fields.append(column.arrow_field if column else pa.field(name, pa.null()))
        return fields


def contract_of(indexer: AnyIndexer) -> TableContract:
    """Read the contract off an indexer.

    Raises
    ------
    InvalidIndexerError
        It lacks a member, or one is not what the protocol says.
    """
    who = f"indexer {getattr(indexer, 'name', None) or type(indexer).__qualname__!r}"
    fault = fault_of(indexer)
    if fault:
        raise InvalidIndexerError(f"{who}: {fault}")
    if not isinstance(indexer.name, str) or not indexer.name.strip():
        raise InvalidIndexerError(f"{who}: name must be text, got {indexer.name!r}")
    try:
        indexer.name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidIndexerError(
            f"{who}: its name {indexer.name!a} is no UTF-8: it holds half a character (a surrogate)"
        ) from error
    try:
        table_name = layout.check_name(
            normalize_table_name(getattr(indexer, "table_name", indexer.name)), "table name"
        )
        declared = tuple(check_columns(getattr(indexer, "columns", ())))
        sources = sources_of(indexer, table_name) if as_table_indexer(indexer) else ()
    except KymflowError as error:
        raise InvalidIndexerError(f"{who}: {error}", indexer=indexer.name) from error
    if table_name in layout.RESERVED_TABLES:
        raise InvalidIndexerError(
            f"{who}: table name {table_name!r} is kept by the dataset itself; choose another",
            indexer=indexer.name,
            table_name=table_name,
        )
    version = getattr(indexer, "schema_version", "1")
    if not isinstance(version, str):
        raise InvalidIndexerError(
            f"{who}: schema_version must be a str, got {type(version).__name__}: {version!r}",
            indexer=indexer.name,
        )
    names = dict.fromkeys(
        [*_required(indexer, who), *(column.name for column in declared if column.required)]
    )
    if not sources:
        names.pop(IMAGE_ID, None)
    settings, defaults = _settings(indexer, who)
    return TableContract(
        indexer.name,
        table_name,
        version,
        tuple(names),
        tuple(c for c in declared if sources or c.name != IMAGE_ID),
        settings,
        defaults,
        sources,
    )


def _settings(indexer: AnyIndexer, who: str) -> tuple[dict[str, Any], dict[str, Any]]:
    # Defaults may be made by a plugin's own code.
    try:
        return values_of(indexer), defaults_of(indexer)
    except Exception as error:
        raise InvalidIndexerError(
            f"{who}: its settings cannot be read: {error!r}", indexer=indexer.name
        ) from error


def _required(indexer: AnyIndexer, who: str) -> list[str]:
    method = getattr(indexer, "required_columns", None)
    if method is None:
        return []
    # A plugin's own code runs here; whatever it raises is its fault, not the caller's.
    try:
        names = method()
        if isinstance(names, str):
            raise TypeError(f"expected a list of names, got {names!r}")
        names = list(names)
    except Exception as error:
        raise InvalidIndexerError(
            f"{who}: required_columns() failed: {error!r}", indexer=indexer.name
        ) from error
    if not all(isinstance(name, str) for name in names):
        raise InvalidIndexerError(
            f"{who}: required_columns() must give str, got {names!r}", indexer=indexer.name
        )
    return names
