"""What a table says of itself: its columns with units, and what made it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from kymflow.core.zarr.indexers.setting_types import as_json
from kymflow.core.zarr.tables.state import CODE, SETTINGS, noted, noted_versions
from kymflow_zarr import tables
from kymflow_zarr.summary import Details, Summarised, Summary

if TYPE_CHECKING:
    import pyarrow as pa

    from kymflow_zarr import ZarrDataset


@dataclass(frozen=True)
class ColumnInfo:
    """One column: name, Arrow type, unit and description where its indexer declared them."""

    name: str
    type: str
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, repr=False)
class TableInfo(Summarised):
    """One table.

    Attributes
    ----------
    name : str
        The table.
    rows : int
        How many it has.
    columns : list of ColumnInfo
        In order.
    indexer, schema_version, distribution, version : str
        What made it; empty where kymflow did not.
    settings : dict
        Values of the settings that its indexer had.
    sources : dict of str to str
        The tables that it was made of, each with the SHA-256 of the file that it was; empty if it is made of
        images.
    code : str
        Digest of the source files of its indexer, where that is known of all rows; empty otherwise.
    error : str
        Why it cannot be read; empty if it can.
    """

    name: str
    rows: int = 0
    columns: list[ColumnInfo] = field(default_factory=list)
    indexer: str = ""
    schema_version: str = ""
    distribution: str = ""
    version: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    code: str = ""
    error: str = ""

    @property
    def made_by(self) -> str:
        """What made it, in words."""
        if not self.indexer:
            return "hand, or another program"
        origin = f" of {self.distribution} {self.version}" if self.distribution else ""
        settings = "".join(f", {name} = {as_json(value)}" for name, value in self.settings.items())
        made_of = f", of {', '.join(self.sources)}" if self.sources else ""
        return f"indexer {self.indexer} (schema version {self.schema_version}{settings}){origin}{made_of}"

    def _summary(self) -> Summary:
        columns = [(one.name, one.type, one.unit, one.description) for one in self.columns]
        names = ("column", "type", "unit", "description")
        return Summary(
            f"TableInfo of table {self.name}",
            {"error": self.error} if self.error else {"rows": self.rows, "made by": self.made_by},
            [Details("column", names, columns, whole=True)],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``show --json`` documents."""
        values = asdict(self)
        return {**values, "error": self.error or None}


def describe_table(ds: ZarrDataset, name: str) -> TableInfo:
    """Return what a table's file says of itself, from its footer alone.

    Raises
    ------
    TableNotFoundError
        There is no such table.
    TableError
        Its file is damaged.
    """
    with tables.open_table(ds.store, name) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    metadata = _decode(schema.metadata)

    def said(key: str) -> str:
        return metadata.get(f"kymflow.{key}", "")

    return TableInfo(
        name,
        rows=rows,
        columns=[_column(column) for column in schema],
        indexer=said("indexer"),
        schema_version=said("schema_version"),
        distribution=said("distribution"),
        version=said("version"),
        settings=noted(schema.metadata or {}, SETTINGS),
        sources=dict(noted_versions(schema.metadata or {}) or {}),
        code=metadata.get(CODE, ""),
    )


def _column(column: pa.Field) -> ColumnInfo:
    notes = _decode(column.metadata)
    return ColumnInfo(column.name, str(column.type), notes.get("unit", ""), notes.get("description", ""))


def _decode(metadata: dict[bytes, bytes] | None) -> dict[str, str]:
    return {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (metadata or {}).items()
    }
