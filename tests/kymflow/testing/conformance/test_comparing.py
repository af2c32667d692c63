"""Whether two frames of rows are the same: what counts as a difference, and what does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kymflow.testing.conformance.comparing import difference

NAT = pd.Timestamp("NaT")
DAY = pd.Timestamp("2026-03-01")


def frame(values: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"n": [1] * len(values), "x": pd.Series(values, dtype=dtype)})


@pytest.mark.parametrize(
    ("one", "other", "dtype"),
    [
        ([1.0, np.nan], [1.0 + 1e-15, np.nan], "float64"),
        ([0.0], [-0.0], "float64"),
        ([0.1 + 0.2], [0.3], "Float64"),
        (["a", None], ["a", None], "str"),
        ([DAY, NAT], [DAY, NAT], "datetime64[ns]"),
        ([1, None], [1, None], "Int64"),
        ([[1.0, {"a": [0.3]}], None], [[1.0, {"a": [0.1 + 0.2]}], None], object),
        ([], [], "float64"),
    ],
)
def test_the_same(one: Any, other: Any, dtype: Any) -> None:
    assert difference(frame(one, dtype), frame(other, dtype)) is None
    assert difference(frame(one, dtype).set_axis(range(5, 5 + len(one))), frame(other, dtype)) is None


@pytest.mark.parametrize(
    ("one", "other", "dtype"),
    [
        ([1.0, np.nan], [1.0 + 1e-9, np.nan], "float64"),
        ([1.0, np.nan], [1.0, 1.0], "float64"),
        (["a", None], ["a", ""], "str"),
        ([1, 2], [2, 1], "int64"),
        ([True], [False], "bool"),
        ([DAY], [NAT], "datetime64[ns]"),
        ([1, None], [1, 0], "Int64"),
        (["a", "b"], ["b", "a"], "category"),
        ([{"a": 1}], [{"a": 2}], object),
    ],
)
def test_another(one: Any, other: Any, dtype: Any) -> None:
    words = difference(frame(one, dtype), frame(other, dtype))
    assert words is not None
    assert words.startswith("column 'x' with ")


def test_what_is_around_the_values_counts_too() -> None:
    rows = frame([1, 2])
    assert difference(rows, rows.head(1)) == "2 rows instead of 1"
    assert difference(rows[["x", "n"]], rows) == "the columns ['x', 'n'] instead of ['n', 'x']"
    types = difference(rows.astype({"x": "float64"}), rows)
    assert types == "column 'x' of type float64 instead of int64"
    categories = [pd.Series(["a", "b"]).astype(pd.CategoricalDtype(list(order))) for order in ("ab", "ba")]
    assert difference(*(pd.DataFrame({"x": one}) for one in categories)) is not None
