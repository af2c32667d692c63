"""Axes by quartiles: no single value flattens all others."""

from __future__ import annotations

import numpy as np
import pytest

from kymflow_view.pooled import Axis, robust_axis


def test_far_values_are_outside_and_counted() -> None:
    values = np.array([*np.linspace(1, 2, 100), -310_061.0, 5e300, np.inf, np.nan])
    axis = robust_axis(values)
    assert 0.8 < axis.low < 1
    assert 2 < axis.high < 2.2
    assert axis.count_outside(values) == 3
    assert int(axis.holds(values).sum()) == 100


def test_an_axis_reaches_no_further_than_there_are_values() -> None:
    axis = robust_axis(np.array([0.0, 1.0, 2.0, 3.0]))
    assert (axis.low, axis.high) == pytest.approx((-0.12, 3.12))


def test_a_rare_group_at_another_level_is_shown_if_it_is_no_outlier_itself() -> None:
    many, few, one = np.linspace(0, 1, 900), np.linspace(100, 101, 20), np.array([-1e6])
    pooled = np.concatenate([many, few, one])
    assert robust_axis(pooled).high < 2
    axis = robust_axis(pooled, [many, few, one])
    assert axis.count_outside(pooled) == 1
    assert axis.high > 101


def test_what_is_not_rare_is_shown_unless_it_flattens_the_rest() -> None:
    flow, stalls, wild = np.linspace(0.9, 1.1, 400), np.full(60, 0.1), np.full(60, -1e6)
    assert robust_axis(np.concatenate([flow, stalls])).low < 0.1
    assert robust_axis(np.concatenate([flow, wild])).low > 0.8


def test_mostly_equal_values_leave_room_for_the_others() -> None:
    values = np.array([0.0] * 80 + list(np.linspace(0, 5, 20)))
    assert robust_axis(values).high > 5


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf]])
def test_without_values_there_is_still_an_axis(values: list[float]) -> None:
    assert robust_axis(np.array(values)) == Axis(0.0, 1.0)


@pytest.mark.parametrize("value", [0.0, 7.0, -1e-12, 1e149])
def test_equal_values_are_on_their_axis(value: float) -> None:
    axis = robust_axis(np.full(5, value))
    assert axis.low < value < axis.high
