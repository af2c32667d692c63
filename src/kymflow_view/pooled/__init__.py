"""Columns of a table by groups: what a plot of them shows, in numbers."""

from kymflow_view.pooled.axes import Axis, robust_axis
from kymflow_view.pooled.columns import (
    Categories,
    Measure,
    Measured,
    has_groups,
    has_numbers,
    measure,
)
from kymflow_view.pooled.groups import AVERAGES, Average
from kymflow_view.pooled.pool import KINDS, Group, Kind, Points, Pooled, pool

__all__ = [
    "AVERAGES",
    "KINDS",
    "Average",
    "Axis",
    "Categories",
    "Group",
    "Kind",
    "Measure",
    "Measured",
    "Points",
    "Pooled",
    "has_groups",
    "has_numbers",
    "measure",
    "pool",
    "robust_axis",
]
