"""JSON and CSV to values and back."""

from __future__ import annotations

import random

import pytest

from kymflow_zarr.formats.documents import csv_to_frame, read_csv


@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
def test_numbers_of_csv_are_read_as_they_were_written(separator: str, decimal: str) -> None:
    by_lot = random.Random(0)
    numbers = [by_lot.gauss(0, 10.0**exponent) for exponent in range(-8, 8) for _ in range(20)]
    rows = [f"{number!r}{separator}x".replace(".", decimal) for number in numbers]
    text = "\n".join([f"n{separator}kind", *rows])

    assert read_csv(text.encode(), sep=separator, decimal=decimal)["n"].tolist() == numbers


def test_numbers_of_a_csv_artifact_are_read_as_they_were_written() -> None:
    assert csv_to_frame(b"s_per_line\n0.0011339666666666667\n")["s_per_line"].tolist() == [
        0.0011339666666666667
    ]
