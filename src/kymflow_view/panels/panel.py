"""What a panel is made of: axes with units, lines, points, boxes and pictures; no HTML, no code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    Numbers: TypeAlias = Sequence[float] | Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes
    ----------
    label : str
        What it shows.
    unit : str
        In which unit; empty where there is none. An axis in ``s`` or ``lines`` follows the time axis of
        the kymograph.
    """

    label: str
    unit: str = ""


@dataclass(frozen=True)
class Lines:
    """A line through points, in their order; a gap where x or y is NaN.

    Attributes
    ----------
    name : str
        What the legend says.
    x, y : sequence of float
        As many of one as of the other.
    """

    name: str
    x: Numbers
    y: Numbers


@dataclass(frozen=True)
class Points:
    """Points without a line; attributes as those of :class:`Lines`."""

    name: str
    x: Numbers
    y: Numbers


@dataclass(frozen=True)
class Boxes:
    """Rectangles, and spans where two edges are infinite.

    Attributes
    ----------
    name : str
        What the legend says.
    x0, x1, y0, y1 : sequence of float
        Their edges, as many of each.
    """

    name: str
    x0: Numbers
    x1: Numbers
    y0: Numbers
    y1: Numbers


@dataclass(frozen=True)
class Picture:
    """A picture of one grey value a pixel.

    Attributes
    ----------
    pixels : array
        Two-dimensional: the first row lies at `y0`, the first column at `x0`.
    x0, x1, y0, y1 : float
        Where its outer edges are.
    """

    pixels: ArrayLike
    x0: float
    x1: float
    y0: float
    y1: float


Item: TypeAlias = Lines | Points | Boxes | Picture


@dataclass(frozen=True)
class Panel:
    """What is shown of one image.

    Attributes
    ----------
    title : str
        Above it.
    x, y : Axis
        Its axes.
    items : sequence
        What is drawn, from behind to the front.

    Examples
    --------
    >>> from kymflow_view import Axis, Lines, Panel
    >>> curve = Lines("rate", [0.0, 1.0], [70.5, 72.0])
    >>> panel = Panel("Heart rate", Axis("time", "s"), Axis("rate", "1/min"), [curve])
    >>> panel.y.unit
    '1/min'
    """

    title: str
    x: Axis
    y: Axis
    items: Sequence[Item]
