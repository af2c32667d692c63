"""Integers beyond 2**53: refused where pandas would make floats of them."""

from __future__ import annotations

import pandas as pd
import pytest

from kymflow_zarr import ColumnError
from kymflow_zarr.formats.integers import check_concat_keeps_integers

BIG = 2**53 + 1


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"a": [BIG]}, {"a": [0.5]}, "column 'a' would mix integers beyond 2..53"),
        ({"a": [BIG]}, {"b": [1]}, "column 'a' would mix"),
        ({"a": [1], "b": [2]}, {"a": [-BIG]}, "column 'a' would mix"),
    ],
)
def test_concatenation_that_changes_integers(first, second, words) -> None:
    frames = [pd.DataFrame(first), pd.DataFrame(second)]
    if "b" in first:
        frames.append(pd.DataFrame({"b": [1]}))
    with pytest.raises(ColumnError, match=words) as caught:
        check_concat_keeps_integers(frames)
    assert caught.value.column == "a"


def test_concatenation_that_keeps_integers() -> None:
    check_concat_keeps_integers([pd.DataFrame({"a": [BIG]}), pd.DataFrame({"a": [1]})])
    check_concat_keeps_integers([pd.DataFrame({"a": [2**53]}), pd.DataFrame({"a": [0.5]})])
    check_concat_keeps_integers([pd.DataFrame({"a": ["x"]}), pd.DataFrame({"b": [1]})])


def test_concatenation_of_nullable_integers_keeps_them() -> None:
    nullable = pd.DataFrame({"a": pd.array([BIG, None], dtype="Int64")})
    other = pd.DataFrame({"b": [1]})
    check_concat_keeps_integers([nullable, other])
    assert pd.concat([nullable, other])["a"].iloc[0] == BIG
