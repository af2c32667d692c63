"""Values as texts: sensible digits on a terminal, all of them in a pipe."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow.cli.number_text import column_texts, exact_texts


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.6839999999, -12.5, 0.0], ["0.684", "-12.500", "0.000"]),
        ([1.0, 2.0, None], ["1", "2", ""]),
        ([0.1, 0.25], ["0.10", "0.25"]),
        ([1.1650093670200226, 0.6210592333146902], ["1.1650", "0.6211"]),
        ([123456.789], ["123457"]),
        ([math.inf, -math.inf, 1.5], ["inf", "-inf", "1.5"]),
        ([1e-9, 0.5, 2e-7], ["1e-09", "0.5", "2e-07"]),
        ([3.2e12], ["3.2e+12"]),
        ([-0.0], ["0"]),
        ([-0.00000001, *[1.5] * 9], ["0.0", *["1.5"] * 9]),
        ([0.0001234567], ["0.00012346"]),
        ([0.000001234567], ["1.235e-06"]),
        ([1.62, 1.46, 103.25, -310061.5], ["1.62", "1.46", "103.25", "-310061.50"]),
        ([None, None], ["", ""]),
        ([], []),
    ],
)
def test_floats_have_sensible_digits_the_same_in_the_whole_column(
    values: list[float | None], texts: list[str]
) -> None:
    assert column_texts(pd.Series(values, dtype="float64")) == texts


def test_other_values_are_as_they_are() -> None:
    assert column_texts(pd.Series([1, 2])) == ["1", "2"]
    assert column_texts(pd.Series(["a\x1b[31m\n"])) == ["a\\x1b[31m\\n"]
    assert column_texts(pd.Series([True, False])) == ["True", "False"]
    assert column_texts(pd.Series([1, None], dtype="Int64")) == ["1", ""]
    assert column_texts(pd.Series([[1, 2], None])) == ["[1, 2]", ""]
    assert column_texts(pd.Series(pd.to_datetime(["2024-05-01 10:00"]))) == ["2024-05-01 10:00:00"]


@given(st.lists(st.floats(-1e300, 1e300), min_size=1))
def test_a_number_is_told_to_within_its_columns_digits(values: list[float]) -> None:
    largest = max(map(abs, values))

    texts = column_texts(pd.Series(values))

    for value, text in zip(values, texts, strict=True):
        assert math.isclose(float(text), value, rel_tol=1e-3, abs_tol=largest * 1e-4), (value, text)
        assert len(text) < 16


@given(st.lists(st.floats() | st.none()))
def test_a_pipe_gets_every_digit(values: list[Any]) -> None:
    column = pd.Series(values, dtype="float64")

    found = [float(text) if text else math.nan for text in exact_texts(column)]

    pd.testing.assert_series_equal(pd.Series(found, dtype="float64"), column)
