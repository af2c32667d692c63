"""What is known of one registered indexer, or of one plugin that failed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "broken", "conflict"]


@dataclass(frozen=True)
class IndexerInfo:
    """One line of the list of indexers.

    Attributes
    ----------
    name, table_name, schema_version : str
        The indexer's; for a plugin that failed, the name of its entry point, and empty text.
    required_columns : tuple of str
        Columns that its table always has.
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
    """

    name: str
    table_name: str = ""
    schema_version: str = ""
    required_columns: tuple[str, ...] = ()
    summary: str = ""
    distribution: str = ""
    version: str = ""
    entry_point: str = ""
    status: Status = "ok"
    error: str = ""
    traceback: str = ""

    @property
    def claims(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """What no other may have: its name, whatever its case, and its table."""
        return ("name", self.name.casefold()), ("table", self.table_name)

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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that ``kymflow indexers --json`` documents."""
        return asdict(self) | {
            "required_columns": list(self.required_columns),
            "error": self.error or None,
            "traceback": self.traceback or None,
        }


@dataclass(frozen=True)
class SwitchedOff:
    """A plugin that is installed but not loaded: who brings it, its entry point, and the switch."""

    distribution: str
    version: str
    entry_point: str
    by: str

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return (
            f"{self.distribution} {self.version}"
            if self.distribution
            else f"entry point {self.entry_point!r}"
        )
