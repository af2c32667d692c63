"""A panel as the plain values that the browser is sent; what cannot be shown is refused with a reason."""

from __future__ import annotations

import base64
import math
from itertools import islice
from typing import Any

import numpy as np

from kymflow import KymflowError
from kymflow_view.panels.panel import Axis, Boxes, Lines, Panel, Picture, Points
from kymflow_view.units import shown_unit

# More is neither drawn in time nor told apart on a screen; and so much is some 10 MB as JSON.
MAX_VALUES = 1_000_000
MAX_PIXELS = 4_000_000
MAX_ITEMS = 1000
MAX_TEXT = 300


class PanelError(KymflowError, ValueError):
    """What a plugin's panel gave cannot be shown."""


def plain_panel(panel: object) -> dict[str, Any]:
    """Return a panel as JSON has it: missing numbers are null, infinite ones the texts ``inf`` and ``-inf``.

    Raises
    ------
    PanelError
        It is no panel, or one that is too large to be shown.
    """
    if not isinstance(panel, Panel):
        raise PanelError(f"it gave {type(panel).__name__}, not a kymflow_view.Panel")
    # A generator that never ends must not fill the memory.
    items = list(islice(panel.items, MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise PanelError(f"it has more than {MAX_ITEMS} items, which is as many as are shown")
    plain: list[dict[str, Any]] = []
    n_values = n_pixels = 0
    for item in items:
        plain.append(one := _item(item))
        n_values += sum(len(value) for value in one.values() if isinstance(value, list))
        n_pixels += one.get("rows", 0) * one.get("columns", 0)
        # Before the next one: as JSON, all together would be many times as large.
        if n_values > MAX_VALUES:
            raise PanelError(f"it has {n_values} numbers, and at most {MAX_VALUES} are shown: thin them out")
        if n_pixels > MAX_PIXELS:
            raise PanelError(f"its pictures have {n_pixels} pixels, and at most {MAX_PIXELS} are shown")
    return {
        "title": _text(panel.title, "title"),
        "x": _axis(panel.x, "x"),
        "y": _axis(panel.y, "y"),
        "items": plain,
    }


def _axis(axis: object, which: str) -> dict[str, str]:
    if not isinstance(axis, Axis):
        raise PanelError(f"its {which} is {type(axis).__name__}, not a kymflow_view.Axis")
    return {"label": _text(axis.label, "label"), "unit": shown_unit(_text(axis.unit, "unit"))}


def _item(item: object) -> dict[str, Any]:
    edges: tuple[str, ...] = ("x", "y")
    match item:
        case Picture():
            return _picture(item)
        case Boxes():
            kind, edges = "boxes", ("x0", "x1", "y0", "y1")
        case Lines():
            kind = "lines"
        case Points():
            kind = "points"
        case _:
            raise PanelError(
                f"one of its items is {type(item).__name__}, not Lines, Points, Boxes or Picture"
            )
    name = _text(item.name, "name")
    numbers = {edge: _numbers(getattr(item, edge), f"{edge} of {name!r}") for edge in edges}
    if len({len(values) for values in numbers.values()}) > 1:
        lengths = ", ".join(f"{len(values)} {edge}" for edge, values in numbers.items())
        raise PanelError(f"{kind} {name!r} have unequal lengths: {lengths}")
    return {"kind": kind, "name": name, **numbers}


def _picture(item: Picture) -> dict[str, Any]:
    pixels = np.asarray(item.pixels)
    if pixels.ndim != 2 or not pixels.size or pixels.dtype.kind not in "biuf":
        raise PanelError(
            f"its picture has shape {pixels.shape} of {pixels.dtype}, not rows and columns of numbers"
        )
    if pixels.size > MAX_PIXELS:
        raise PanelError(f"its picture has {pixels.size} pixels, and at most {MAX_PIXELS} are shown")
    edges = {edge: _number(float(getattr(item, edge))) for edge in ("x0", "x1", "y0", "y1")}
    finite = pixels[np.isfinite(pixels)]
    return {
        "kind": "picture",
        "name": "",
        "rows": pixels.shape[0],
        "columns": pixels.shape[1],
        # Little-endian float32, row by row.
        "pixels": base64.b64encode(np.ascontiguousarray(pixels, "<f4").tobytes()).decode("ascii"),
        "low": float(finite.min()) if finite.size else 0.0,
        "high": float(finite.max()) if finite.size else 0.0,
        **edges,
    }


def _numbers(values: Any, what: str) -> list[float | str | None]:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise PanelError(f"{what} are not numbers: {error}") from error
    if array.ndim != 1:
        raise PanelError(f"{what} must be a row of numbers, got an array of shape {array.shape}")
    if len(array) > MAX_VALUES:
        raise PanelError(
            f"{what} are {len(array)} numbers, and at most {MAX_VALUES} are shown: thin them out"
        )
    plain: list[float | str | None] = array.tolist()
    return plain if np.isfinite(array).all() else [_number(value) for value in array.tolist()]


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else "inf" if value > 0 else "-inf"


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        shown = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
        raise PanelError(f"a {what} must be a text of at most {MAX_TEXT} characters, got {shown}")
    return value
