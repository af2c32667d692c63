"""Whether rows are the same as others, and if not, how they differ in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.testing import assert_series_equal

from kymflow.testing.conformance.findings import Breach

if TYPE_CHECKING:
    from kymflow.testing.conformance.outcome import Outcome

# Beyond these, two floats are two results.
_RELATIVE = 1e-12
_ABSOLUTE = 1e-15


def check_same(outcome: Outcome, expected: pd.DataFrame, *, what: str, got: str = "", remedy: str) -> None:
    """Raise Breach unless an outcome is just these rows; the other parameters are its words."""
    if outcome.rows is None:
        found: str | None = outcome.words
    else:
        found = difference(outcome.rows, expected)
    if found is not None:
        raise Breach(
            f"{what} (image {outcome.image_id!r})",
            expected=f"the same {len(expected)} rows",
            got=got + found,
            remedy=remedy,
        )


def difference(got: pd.DataFrame, expected: pd.DataFrame) -> str | None:
    """Say in one line how rows differ, or None if they do not; the index does not count.

    Floats may differ in their last digits: sums come out so, depending on how memory is aligned.
    """
    if len(got) != len(expected):
        return f"{len(got)} rows instead of {len(expected)}"
    if list(got.columns) != list(expected.columns):
        return f"the columns {list(got.columns)} instead of {list(expected.columns)}"
    got, expected = got.reset_index(drop=True), expected.reset_index(drop=True)
    # Of almost all pairs that are compared nothing differs.
    if all(map(_is_plain, [*got.dtypes, *expected.dtypes])) and got.equals(expected):
        return None
    for place, name in enumerate(got.columns):
        one, other = got.iloc[:, place], expected.iloc[:, place]
        if one.dtype != other.dtype:
            return f"column {name!r} of type {one.dtype} instead of {other.dtype}"
        if not _is_plain(one.dtype) and any(map(_is_nested, [*one, *other])):
            # pandas cannot compare lists within objects within cells.
            if not all(map(same_values, one, other)):
                return f"column {name!r} with {_few(one)} instead of {_few(other)}"
            continue
        how: dict[str, Any] = {"check_exact": True}
        if pd.api.types.is_float_dtype(one.dtype):
            how = {"rtol": _RELATIVE, "atol": _ABSOLUTE}
        try:
            assert_series_equal(one, other, **how)
        except AssertionError:
            return f"column {name!r} with {_few(one)} instead of {_few(other)}"
    return None


def _is_plain(dtype: object) -> bool:
    """Tell whether values of this type are equal where pandas says so at once."""
    return isinstance(dtype, pd.StringDtype) or (isinstance(dtype, np.dtype) and dtype.kind != "O")


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list | tuple | np.ndarray)


def same_values(one: Any, other: Any) -> bool:
    """Compare what is in two cells, to any depth; what is missing is the same as what is missing."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same_values(value, other[key]) for key, value in one.items()
        )
    if _is_nested(one) and _is_nested(other) and not isinstance(one, dict) and not isinstance(other, dict):
        one, other = (list(np.atleast_1d(x)) if isinstance(x, np.ndarray) else list(x) for x in (one, other))
        return len(one) == len(other) and all(map(same_values, one, other))
    if _is_nested(one) or _is_nested(other):
        return False
    if isinstance(one, float | np.floating) and isinstance(other, float | np.floating):
        return bool(np.isclose(one, other, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True))
    return bool(pd.isna(one) and pd.isna(other)) or (type(one) is type(other) and bool(one == other))


def _few(values: pd.Series[Any]) -> str:
    words = ", ".join(repr(value) for value in values.head(3).tolist())
    return words if len(values) <= 3 else f"{words}, ..."
