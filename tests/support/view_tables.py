"""Tables in memory as the viewer has them, made of Arrow's."""

from __future__ import annotations

import pyarrow as pa

from kymflow_view.tables.columns import Column, compact, kind_of
from kymflow_view.tables.loading import Table


def column_of(values: pa.Array | pa.ChunkedArray, name: str = "x") -> Column:
    """Return values as a column of table ``t``."""
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return Column(name, kind_of(chunked.type), "", "", "t", chunked.type, compact(chunked))


def table_of(name: str, rows: pa.Table) -> Table:
    """Return rows as a loaded table."""
    columns = {found: column_of(rows.column(found), found) for found in rows.column_names}
    return Table(name, "1", rows.num_rows, "hand", columns)
