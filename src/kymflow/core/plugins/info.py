"""What is known of one registered indexer or reader, or of one plugin that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "broken", "conflict"]


class _Origin:
    """Who offers it, in words: the plugin's distribution and entry point, or the program."""

    distribution: str
    version: str
    entry_point: str

    @property
    def plugin(self) -> str:
        """The plugin in words: its entry point, and who brings it."""
        if not self.distribution:
            return self.origin
        return f"{self.origin} ({self.entry_point})"

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        if not self.distribution:
            return f"entry point {self.entry_point!r}" if self.entry_point else "this program"
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class IndexerInfo(_Origin):
    """One line of the list of indexers.

    Attributes
    ----------
    name, table_name, schema_version : str
        The indexer's; for a plugin that failed, the name of its entry point, and empty text.
    required_columns : tuple of str
        Columns that its table always has.
    settings : mapping
        Values of its settings, by name, where no dataset says otherwise.
    summary : str
        First line of its docstring.
    distribution, version : str
        The installed distribution that brought it; empty if a program registered it itself.
    entry_point : str
        ``name = value``, as the distribution registers it.
    status : {"ok", "broken", "conflict"}
        ``broken``: its plugin failed. ``conflict``: another claims the same name or table.
    error : str
        Why it cannot be used; empty if it can.
    traceback : str
        Of a plugin that failed: the exception with its traceback, as Python prints it.
    remark : str
        What is to be known of it although it works: that it is made for another version of kymflow.
    sources : tuple of str
        The tables that its table is made of; none if it is made of images.
    """

    name: str
    table_name: str = ""
    schema_version: str = ""
    required_columns: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    summary: str = ""
    distribution: str = ""
    version: str = ""
    entry_point: str = ""
    status: Status = "ok"
    error: str = ""
    traceback: str = ""
    remark: str = ""
    sources: tuple[str, ...] = ()

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        """What no other may have: its name, whatever its case, and its table."""
        return ("name", self.name.casefold()), ("table", self.table_name)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that ``kymflow indexers --json`` documents."""
        return asdict(self) | {
            "required_columns": list(self.required_columns),
            "sources": list(self.sources),
            "error": self.error or None,
            "traceback": self.traceback or None,
            "remark": self.remark or None,
        }


@dataclass(frozen=True)
class ReaderInfo(_Origin):
    """One line of the list of readers.

    Attributes
    ----------
    name : str
        The reader's; for a plugin that failed, the name of its entry point.
    priority : int
        Of several readers that take the same file, the one with the highest reads it.
    summary : str
        First line of its docstring: what files it takes.
    distribution, version : str
        The installed distribution that brought it; empty if a program registered it itself.
    entry_point : str
        ``name = value``, as the distribution registers it; empty if it is kymflow's own.
    status : {"ok", "broken", "conflict"}
        ``broken``: its plugin failed. ``conflict``: another has the same name.
    error : str
        Why it cannot be used; empty if it can.
    traceback : str
        Of a plugin that failed: the exception with its traceback, as Python prints it.
    remark : str
        What is to be known of it although it works: that it is made for another version of kymflow.
    """

    name: str
    priority: int = 0
    summary: str = ""
    distribution: str = ""
    version: str = ""
    entry_point: str = ""
    status: Status = "ok"
    error: str = ""
    traceback: str = ""
    remark: str = ""

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        """What no other may have: its name, whatever its case."""
        return (("name", self.name.casefold()),)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that ``kymflow readers --json`` documents."""
        return asdict(self) | {
            "error": self.error or None,
            "traceback": self.traceback or None,
            "remark": self.remark or None,
        }


@dataclass(frozen=True)
class SwitchedOff(_Origin):
    """A plugin that is installed but not loaded: who brings it, its entry point, and the switch."""

    distribution: str
    version: str
    entry_point: str
    by: str
