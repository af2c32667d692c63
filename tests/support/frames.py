"""Frames of the image page as pixels: a picture and traces on one time axis."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import numpy.typing as npt
    from playwright.sync_api import Locator


@dataclass(frozen=True)
class Frame:
    """What a person sees inside the axes of a frame.

    Attributes
    ----------
    left, top : float
        Where the inside begins on the page, CSS pixels.
    pixels : ndarray
        Height x width x (red, green, blue).
    """

    left: float
    top: float
    pixels: npt.NDArray[np.int64]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    def x_of(self, line: float, lines: tuple[int, int]) -> float:
        """Return where a line stands when lines (from, to) are shown, from the left of the inside."""
        return (line - lines[0]) / (lines[1] - lines[0]) * self.width

    def columns(self, x: float, width: int) -> npt.NDArray[np.int64]:
        """Return the pixels of some columns around a place."""
        start = max(0, round(x - width / 2))
        return self.pixels[:, start : start + width]


def look_at(canvas: Locator) -> Frame:
    """Return what is inside the axes of a canvas now."""
    canvas.scroll_into_view_if_needed()
    # uPlot lays an element over the inside, which takes the mouse.
    inside = canvas.locator("xpath=..").locator(".u-over")
    box = inside.bounding_box()
    assert box is not None
    shot = Image.open(io.BytesIO(inside.screenshot(animations="disabled"))).convert("RGB")
    return Frame(box["x"], box["y"], np.asarray(shot).astype(np.int64))
