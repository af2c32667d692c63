"""The images whose values lie furthest from those of all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kymflow_view.report.measures import KIND, Quantity
from kymflow_view.tables.html import number
from kymflow_view.units import shown_unit

_OF_EACH = 3
MAX_IMAGES = 8


@dataclass(frozen=True)
class Extreme:
    """An image, and what is extreme in it."""

    image_id: str
    why: list[str]


def extreme_images(quantities: Sequence[Quantity]) -> list[Extreme]:
    """Return the images with the values that are furthest from the median of all, or of their kind."""
    found: dict[str, list[str]] = {}
    for quantity in quantities:
        for image_id, why in _furthest(quantity):
            found.setdefault(image_id, []).append(why)
    return [Extreme(image_id, why) for image_id, why in found.items()][:MAX_IMAGES]


def _furthest(quantity: Quantity) -> list[tuple[str, str]]:
    measured = quantity.grouped(KIND if quantity.has_kinds else None)
    values, images = measured.y.values, measured.images
    if images is None:
        return []
    there = ~np.isnan(values) & (images.codes >= 0)
    if not there.any():
        return []
    kinds = measured.by
    codes = np.zeros(len(values), np.int32) if kinds is None else kinds.codes
    medians = pd.Series(np.where(there, values, np.nan)).groupby(codes).transform("median").to_numpy()
    with np.errstate(invalid="ignore"):
        distances = np.where(there, np.abs(values - medians), -1.0)
    # Of each image its furthest row.
    told: dict[str, str] = {}
    for place in np.argsort(-distances, kind="stable"):
        if distances[place] <= 0 or len(told) == _OF_EACH:
            break
        image_id = images.names[images.codes[place]]
        value = f"{number(values[place])} {shown_unit(measured.y.unit)}".rstrip()
        of_kind = "" if kinds is None or codes[place] < 0 else f" of {kinds.names[codes[place]]}"
        told.setdefault(
            image_id,
            f"{quantity.column} of {quantity.table}: {value}, "
            f"where the median{of_kind} is {number(medians[place])}",
        )
    return list(told.items())
