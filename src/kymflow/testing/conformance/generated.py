"""Sample artifacts made of nothing but an indexer's declared columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow.core.zarr.indexers.base import IMAGE_ID

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.columns import Column, ColumnType

_VALUE: Mapping[ColumnType, Callable[[int], Any]] = {
    "str": lambda n: f"text {n}",
    "int": lambda n: 10 + n,
    "float": lambda n: 0.25 + n,
    "bool": lambda n: n % 2 == 0,
    "datetime": lambda n: pd.Timestamp("2020-01-01") + pd.Timedelta(days=n, microseconds=n),
}
_DTYPE: Mapping[ColumnType, str] = {
    "str": "str",
    "int": "Int64",
    "float": "float64",
    "bool": "boolean",
    "datetime": "datetime64[us]",
}


def generated_table(columns: Sequence[Column], number: int) -> pd.DataFrame:
    """Return a table that fits the declared columns.

    Parameters
    ----------
    columns : sequence of Column
        What is declared.
    number : int
        Of the image. Tables of different numbers differ in their values and in the count of
        their rows. In every second one, the last row lacks all values but the first column's,
        and columns that are not required are not there.

    Returns
    -------
    DataFrame
        At least two rows.
    """
    n_rows = 2 + number % 3
    incomplete = number % 2 == 1
    table = {}
    for place, column in enumerate(column for column in columns if column.name != IMAGE_ID):
        if incomplete and not column.required:
            continue
        values = [_VALUE[column.type](100 * number + 10 * place + row) for row in range(n_rows)]
        if incomplete and place:
            values[-1] = None
        table[column.name] = pd.Series(values, dtype=_DTYPE[column.type])
    return pd.DataFrame(table)
