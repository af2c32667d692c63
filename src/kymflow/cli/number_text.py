"""Values of a column as texts that a person reads: sensible digits, the same in the whole column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from kymflow.cli.visible import visible_line

DIGITS = 5
# Beyond these, each number is easier to read by itself, with a power of ten.
_MOST_DIGITS, _MOST_DECIMALS = 10, 8


def column_texts(values: pd.Series[Any]) -> list[str]:
    """Return a column's values for the terminal; a missing one is empty."""
    missing = values.isna().to_numpy()
    if pd.api.types.is_float_dtype(values.dtype):
        numbers = [math.nan if gone else float(value) for value, gone in zip(values, missing, strict=True)]
        return _float_texts(numbers)
    plain = values.astype(object).tolist()
    return ["" if gone else visible_line(str(value)) for value, gone in zip(plain, missing, strict=True)]


def exact_texts(values: pd.Series[Any]) -> list[str]:
    """Return a column's values for another program: all digits, on one line each; a missing one is empty."""
    missing = values.isna().to_numpy()
    plain = values.astype(object).tolist()
    return ["" if gone else _field(value) for value, gone in zip(plain, missing, strict=True)]


def _float_texts(numbers: Sequence[float]) -> list[str]:
    sizes = sorted(abs(number) for number in numbers if math.isfinite(number) and number) or [1.0]
    # Enough for the largest, and for the small ones where a few very large ones stand among them.
    decimals = max(0, _decimals(sizes[-1], DIGITS), _decimals(sizes[len(sizes) // 4], DIGITS - 1))
    if decimals > min(_MOST_DECIMALS, _decimals(sizes[-1], _MOST_DIGITS)):
        return [_formatted(number, f".{DIGITS - 1}g") for number in numbers]
    texts = [f"{number:.{decimals}f}" for number in numbers if math.isfinite(number)]
    # What all of them could do without.
    needless = min((len(text) - len(text.rstrip("0")) for text in texts), default=decimals)
    return [_formatted(number, f"z.{decimals - min(needless, decimals)}f") for number in numbers]


def _decimals(size: float, digits: int) -> int:
    """Return with how many decimals a number has so many digits; less than none for a large one."""
    return digits - 1 - math.floor(math.log10(size))


def _formatted(number: float, how: str) -> str:
    if math.isnan(number):
        return ""
    return format(number, how) if math.isfinite(number) else str(number)


def _field(value: Any) -> str:
    """Return a value that neither ends a field nor a line."""
    text = str(value)
    return text if type(value) is float else visible_line(text)
