"""A table on its way to a file: at once, or a piece after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

from kymflow.core.zarr.tables.info import ColumnInfo
from kymflow_zarr.formats import frames


@dataclass(frozen=True)
class TableContent:
    """What :func:`write_tables` writes of one table.

    A table that is in memory comes from :meth:`of`. One that is larger is given in pieces, which are written
    as they come.

    Attributes
    ----------
    name : str
        The table's name.
    names : sequence of str
        Names of its columns.
    n_rows : int
        How many rows it has.
    pieces : iterable of DataFrame or pyarrow.Table
        The rows, at least one piece; gone through once.
    columns : mapping of str to ColumnInfo
        What is known of each column, by name.

    Examples
    --------
    >>> import pandas as pd
    >>> from kymflow import ColumnInfo, TableContent, write_tables
    >>> cells = pd.DataFrame({"image_id": ["cell-1", "cell-2"], "hz": [8.5, 7.0]})
    >>> about = [ColumnInfo("hz", "double", "Hz", "Heart rate")]
    >>> write_tables([TableContent.of("cells", cells, about)], "cells.parquet")
    >>> pd.read_parquet("cells.parquet")["hz"].tolist()
    [8.5, 7.0]
    """

    name: str
    names: Sequence[str]
    n_rows: int
    pieces: Iterable[pd.DataFrame | pa.Table]
    columns: Mapping[str, ColumnInfo] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, rows: pd.DataFrame | pa.Table, columns: Iterable[ColumnInfo] = ()) -> TableContent:
        """Return a table that is in memory.

        Parameters
        ----------
        name : str
            Its name.
        rows : DataFrame or pyarrow.Table
            Its rows.
        columns : iterable of ColumnInfo
            What is known of its columns; some may be missing.
        """
        names = rows.column_names if isinstance(rows, pa.Table) else [str(found) for found in rows.columns]
        return cls(name, names, len(rows), [rows], {column.name: column for column in columns})

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield the pieces as pandas has them."""
        for piece in self.pieces:
            yield frames.table_to_frame(piece) if isinstance(piece, pa.Table) else piece

    def arrow(self) -> Iterator[pa.Table]:
        """Yield the pieces as Arrow; each column tells its unit and description, as in a dataset's tables."""
        for piece in self.pieces:
            table = piece if isinstance(piece, pa.Table) else frames.frame_to_arrow(piece)
            fields = [self._with_notes(column) for column in table.schema]
            yield table.cast(pa.schema(fields, metadata=table.schema.metadata))

    def _with_notes(self, column: pa.Field) -> pa.Field:
        info = self.columns.get(column.name)
        notes = {"unit": info.unit, "description": info.description} if info is not None else {}
        return column.with_metadata({key: said for key, said in notes.items() if said})
