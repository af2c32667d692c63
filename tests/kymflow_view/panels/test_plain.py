"""Panels as plain values: what the browser is sent, and what is refused with a reason."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import numpy as np
import pytest

from kymflow_view import Axis, Boxes, Lines, Panel, Picture, Points
from kymflow_view.panels import plain
from kymflow_view.panels.plain import PanelError, plain_panel

TIME, RATE = Axis("time", "s"), Axis("rate", "1/min")


def panel(*items: Any, title: Any = "Heart") -> Panel:
    return Panel(title, TIME, RATE, items)


def test_everything_that_can_be_drawn_becomes_json() -> None:
    drawn = plain_panel(
        panel(
            Boxes("stalls", [0, 2], [1, 3], [-np.inf, -np.inf], [np.inf, np.inf]),
            Lines("rate", np.array([0.0, 1.0, 2.0]), [70, np.nan, 72]),
            Points("beats", range(2), np.array([1, 2], np.int16)),
            Picture(np.array([[0, 1, np.nan], [3, 4, 5]], np.float32), 0, 3, 0, 2),
        )
    )

    assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn
    assert drawn["title"] == "Heart"
    assert (drawn["x"], drawn["y"]) == ({"label": "time", "unit": "s"}, {"label": "rate", "unit": "1/min"})
    boxes, lines, points, picture = drawn["items"]
    assert boxes == {
        "kind": "boxes",
        "name": "stalls",
        "x0": [0.0, 2.0],
        "x1": [1.0, 3.0],
        "y0": ["-inf", "-inf"],
        "y1": ["inf", "inf"],
    }
    assert lines == {"kind": "lines", "name": "rate", "x": [0.0, 1.0, 2.0], "y": [70.0, None, 72.0]}
    assert points == {"kind": "points", "name": "beats", "x": [0.0, 1.0], "y": [1.0, 2.0]}
    pixels = np.frombuffer(base64.b64decode(picture.pop("pixels")), "<f4")
    assert np.array_equal(pixels, [0, 1, np.nan, 3, 4, 5], equal_nan=True)
    edges = {"x0": 0.0, "x1": 3.0, "y0": 0.0, "y1": 2.0}
    assert picture == {
        "kind": "picture",
        "name": "",
        "rows": 2,
        "columns": 3,
        "low": 0.0,
        "high": 5.0,
        **edges,
    }


def test_a_picture_without_a_finite_pixel_is_shown_too() -> None:
    (picture,) = plain_panel(panel(Picture([[np.nan, np.inf]], 0, 1, 0, 1)))["items"]

    assert (picture["low"], picture["high"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("a text", "it gave str, not a kymflow_view.Panel"),
        (Panel("t", "time", RATE, []), "its x is str, not a kymflow_view.Axis"),
        (panel(title=3), "a title must be a text of at most 300 characters, got int"),
        (panel(title="t" * 301), "a title must be a text of at most 300 characters, got 301 characters"),
        (panel("a curve"), "one of its items is str, not Lines, Points, Boxes or Picture"),
        (panel(Lines("a", [1, 2], [3])), "lines 'a' have unequal lengths: 2 x, 1 y"),
        (panel(Lines("a", ["one"], [1])), "x of 'a' are not numbers: could not convert"),
        (
            panel(Points("a", [[1]], [1])),
            r"x of 'a' must be a row of numbers, got an array of shape \(1, 1\)",
        ),
        (panel(Lines("a", [1], 1)), r"y of 'a' must be a row of numbers, got an array of shape \(\)"),
        (panel(Picture([1, 2], 0, 1, 0, 1)), r"its picture has shape \(2,\) of int64"),
        (panel(Picture([["a"]], 0, 1, 0, 1)), r"its picture has shape \(1, 1\) of <U1"),
        (panel(Picture(np.zeros((0, 3)), 0, 1, 0, 1)), r"its picture has shape \(0, 3\)"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_reason(what: object, message: str) -> None:
    with pytest.raises(PanelError, match=message):
        plain_panel(what)


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "MAX_VALUES", 5)
    monkeypatch.setattr(plain, "MAX_PIXELS", 5)
    monkeypatch.setattr(plain, "MAX_ITEMS", 3)
    three = Lines("a", [1, 2, 3], [1, 2, 3])

    with pytest.raises(PanelError, match="x of 'a' are 6 numbers, and at most 5 are shown: thin them out"):
        plain_panel(panel(Lines("a", range(6), range(6))))
    with pytest.raises(PanelError, match="it has 6 numbers, and at most 5 are shown: thin them out"):
        plain_panel(panel(three))
    with pytest.raises(PanelError, match="its picture has 6 pixels, and at most 5 are shown"):
        plain_panel(panel(Picture(np.zeros((2, 3)), 0, 1, 0, 1)))
    square = Picture(np.zeros((2, 2)), 0, 1, 0, 1)
    with pytest.raises(PanelError, match="its pictures have 8 pixels, and at most 5 are shown"):
        plain_panel(panel(square, square))
    with pytest.raises(PanelError, match="it has more than 3 items, which is as many"):
        plain_panel(Panel("endless", Axis("x"), Axis("y"), itertools.repeat(square)))
    with pytest.raises(PanelError, match="it has more than 3 items, which is as many as are shown"):
        plain_panel(panel(three, three, three, three))
