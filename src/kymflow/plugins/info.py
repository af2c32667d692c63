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

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        if not self.distribution:
            return f"entry point {self.entry_point!r}" if self.entry_point else "this program"
        return f"{self.distribution} {self.version}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that ``kymflow indexers --json`` documents."""
        values = asdict(self)
        names = ("name", "table_name", "schema_version", "distribution", "version", "entry_point", "status")
        return {name: values[name] for name in names} | {"error": self.error or None}
