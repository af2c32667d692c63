"""Integers that a float cannot tell apart: found before somebody turns them into floats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr.errors import ColumnError

# Beyond this a float64 no longer tells neighbouring integers apart.
LARGEST_EXACT_INT = 2**53


def check_integers(name: str, values: pa.ChunkedArray) -> None:
    """Refuse integers that pandas will read back as floats and thereby change."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        values = pc.list_flatten(values)
    if values.null_count and has_inexact_integers(values):
        raise ColumnError(
            f"column {name!r} has missing values and integers beyond 2**53, which would come "
            "back as other numbers. Store them as text, or as pandas' Int64.",
            column=name,
        )


def has_inexact_integers(values: pa.ChunkedArray) -> bool:
    """Tell whether an integer column holds a value that float64 cannot represent exactly.

    Columns of other types never do.
    """
    if not pa.types.is_integer(values.type) or values.null_count == len(values):
        return False
    bounds = pc.min_max(values).as_py()
    return bool(bounds["min"] < -LARGEST_EXACT_INT or bounds["max"] > LARGEST_EXACT_INT)


def check_concat_keeps_integers(frames: Iterable[pd.DataFrame]) -> None:
    """Refuse a concatenation in which pandas would turn large integers into floats.

    That happens when a column is integer in one frame and float, or absent, in another.

    Raises
    ------
    ColumnError
        Such a column, by name.
    """
    frames = list(frames)
    names = dict.fromkeys(name for frame in frames for name in frame.columns)
    for name in names:
        columns = [frame[name] for frame in frames if name in frame.columns]
        meets_float = any(pd.api.types.is_float_dtype(column.dtype) for column in columns)
        for column in columns:
            dtype: Any = column.dtype
            if not pd.api.types.is_integer_dtype(dtype) or not column.notna().any():
                continue
            # NumPy's integers cannot be missing; pandas' own can.
            becomes_float = meets_float or (len(columns) < len(frames) and isinstance(dtype, np.dtype))
            low, high = int(column.min()), int(column.max())
            if becomes_float and (low < -LARGEST_EXACT_INT or high > LARGEST_EXACT_INT):
                raise ColumnError(
                    f"column {name!r} would mix integers beyond 2**53 with floats or missing "
                    "values, and come back as other numbers. Store it as text.",
                    column=name,
                )
