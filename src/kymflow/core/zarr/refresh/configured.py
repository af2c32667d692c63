"""The indexers of a dataset: registered ones, with the settings that its ``kymflow.toml`` gives them."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kymflow.core.plugins.faults import warn_of
from kymflow.core.plugins.process_state import told_process_state
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.indexers.settings import with_settings
from kymflow.core.zarr.tables.info import describe_table
from kymflow_zarr.errors import SettingError, TableError, TableNotFoundError

if TYPE_CHECKING:
    from kymflow.core.plugins.registry import IndexerRegistry
    from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
    from kymflow_zarr import ZarrDataset

SETTINGS_FILE = "kymflow.toml"
SECTION = ("tool", "kymflow", "indexers")

Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ConfiguredIndexers:
    """Registered indexers with a dataset's settings.

    Attributes
    ----------
    ds, registry
        Which dataset, and which indexers there are.
    overrides : mapping
        Settings by indexer and name, which count more than the file's.
    """

    ds: ZarrDataset
    registry: IndexerRegistry
    overrides: Settings = field(default_factory=dict)

    def all(self) -> list[AnyIndexer]:
        """Return all that can be used, ordered by name.

        Raises
        ------
        SettingError
            The file is damaged, speaks of an indexer that there is not, or has a value that one refuses.
        """
        settings = self._settings()
        return [self._configured(indexer, settings) for indexer in self.registry.indexers()]

    def needed(self, tables: Container[str]) -> list[AnyIndexer]:
        """Return those of these tables, and those that have settings; no other plugin need be imported.

        Errors as :meth:`all`.
        """
        settings = self._settings()
        indexers = self.registry.needed(tables, {*settings, *self.overrides})
        return [self._configured(indexer, settings) for indexer in indexers]

    def some(self, names: Sequence[str]) -> list[AnyIndexer]:
        """Return those of these names; errors as :meth:`all`, and of :meth:`IndexerRegistry.get`."""
        chosen = [self.registry.get(name) for name in names]
        settings = self._settings()
        return [self._configured(indexer, settings) for indexer in chosen]

    def _configured(self, indexer: AnyIndexer, settings: Settings) -> AnyIndexer:
        name = indexer.name
        given = ((settings, self._file), (self.overrides, "the settings given"))
        for by_name, where in given:
            if not by_name.get(name):
                continue
            before = indexer
            with told_process_state(f"indexer {name!r}", streams=False):
                indexer = with_settings(indexer, name, by_name[name], where)
            _check_same_table(before, indexer, where)
        return indexer

    @property
    def _file(self) -> str:
        return f"{self.ds.path.rstrip('/')}/{SETTINGS_FILE}"

    def _settings(self) -> Settings:
        """Return what the file says, its names being checked."""
        for name in self.overrides:
            self.registry.get(name)
        try:
            data, _ = self.ds.store.read(SETTINGS_FILE)
        except FileNotFoundError:
            return {}
        settings = self._section(data)
        known = {info.name for info in self.registry.known()}
        if settings.keys() - known:
            known = {info.name for info in self.registry.list()}
        for name in sorted(settings.keys() - known):
            self._refuse_unknown(name, sorted(known))
        return settings

    def _section(self, data: bytes) -> Settings:
        try:
            # Notepad begins a file with a mark of its own.
            found: Any = tomllib.loads(data.decode("utf-8-sig"))
        except ValueError as error:
            raise SettingError(f"{self._file} is no TOML file: {error}", dataset=self.ds.path) from error
        for depth, part in enumerate(SECTION):
            # Other programs' sections are theirs; what is meant for kymflow must be where it is looked for.
            odd = sorted(found.keys() - {part}) if part != "kymflow" else []
            found = found.get(part, {})
            if odd or not isinstance(found, Mapping):
                there = ".".join([*SECTION[:depth], odd[0] if odd else part])
                raise SettingError(
                    f"{self._file}: expected sections [{'.'.join(SECTION)}.NAME], got {there!r}",
                    dataset=self.ds.path,
                )
        for name, values in found.items():
            if not isinstance(values, Mapping):
                raise SettingError(
                    f"{self._file}: expected a section [{'.'.join(SECTION)}.INDEXER] with settings, got "
                    f"{name} = {values!r} in [{'.'.join(SECTION)}]",
                    dataset=self.ds.path,
                )
        return dict(found)

    def _refuse_unknown(self, name: str, known: Sequence[str]) -> None:
        """Tell of an indexer that there is not; it may be one whose plugin is only absent here."""
        close = difflib.get_close_matches(name, known, 1, 0.6)
        what = f"{self._file}: no indexer is named {name!r}"
        if self._may_be_absent(name):
            warn_of(f"{what} here; its settings are left alone", stacklevel=2)
            return
        meant = f"; did you mean {close[0]!r}?" if close else f"; {self.registry.what_there_is()}."
        raise SettingError(
            f"{what}{meant} Correct or take out [{'.'.join(SECTION)}.{name}].",
            dataset=self.ds.path,
            indexer=name,
        )

    def _may_be_absent(self, name: str) -> bool:
        if self.registry.switched_off() or any(info.status == "broken" for info in self.registry.list()):
            return True
        return any(_indexer_of(self.ds, table) == name for table in self.ds.list_table_names())


def _indexer_of(ds: ZarrDataset, table_name: str) -> str:
    try:
        return describe_table(ds, table_name).indexer
    except (TableError, TableNotFoundError):
        return ""


def _check_same_table(before: AnyIndexer, after: AnyIndexer, where: str) -> None:
    """Refuse settings that make an indexer another one: nothing would find its table again."""
    names = [(one.indexer, one.table_name) for one in map(contract_of, (before, after))]
    if names[0] != names[1]:
        raise SettingError(
            f"{where}: with these settings indexer {names[0][0]!r} of table {names[0][1]!r} is "
            f"{names[1][0]!r} of table {names[1][1]!r}; settings must not change these names",
            indexer=names[0][0],
        )
