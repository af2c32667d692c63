"""Units of velocities, as a table's rows tell them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kymflow import velocity_units


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["um/s", "um/s"], ["um/s"]),
        (["um/s", None], ["mm/s", "um/s"]),
        (pd.array(["um/s", pd.NA], dtype="string"), ["mm/s", "um/s"]),
        (pd.Series(["um/s", "mm/s", "um/s"]).unique(), ["mm/s", "um/s"]),
        ([np.nan], ["mm/s"]),
        ([""], ["mm/s"]),
        ([], []),
    ],
)
def test_rows_tell_the_unit_and_mm_per_s_where_they_do_not(told: Any, expected: list[str]) -> None:
    assert velocity_units("mm/s", told) == expected


@pytest.mark.parametrize("declared", ["s", "um", "um/s", ""])
def test_of_other_columns_they_tell_nothing(declared: str) -> None:
    assert velocity_units(declared, ["um/s"]) == []
