"""The figure of one image: kymograph, ROIs, events and velocity traces, on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kymflow_view.figures.base import PX_PER_INCH, ViewFigure
from kymflow_view.figures.content import Content, content_of
from kymflow_view.figures.events import draw_events
from kymflow_view.figures.kymograph import draw_kymograph
from kymflow_view.figures.style import Theme, drawable
from kymflow_view.figures.traces import draw_traces
from kymflow_view.pictures.plane import open_plane

if TYPE_CHECKING:
    from kymflow import ZarrImageRecord

# In CSS pixels. Names of kinds need more room than numbers.
_LEFT, _LEFT_OF_KINDS, _RIGHT = 62, 122, 16
_TOP, _BOTTOM, _GAP = 46, 44, 10
_LANE = 16
_TRACES = 170


def figure(
    record: ZarrImageRecord,
    *,
    width: float = 960,
    picture_height: float = 220,
    ratio: float = 1.0,
    theme: Theme = "light",
    channel: int = 0,
) -> ViewFigure:
    """Draw a kymograph over time, with its ROIs, its velocity events, and its velocity traces below.

    Where there are more lines than pixels of the figure, each column shows the brightest of its lines,
    pixel by pixel; and of a trace its smallest and its largest value: no flash of one line and no spike
    of one sample is lost. No event is left out, and none is narrower than two pixels.

    Parameters
    ----------
    record : ZarrImageRecord
        The image.
    width : float
        Of the figure, in CSS pixels (96 to an inch).
    picture_height : float
        Of the kymograph alone; what else there is adds to it.
    ratio : float
        Pixels of the figure for each CSS pixel.
    theme : {"light", "dark"}
        Its colours.
    channel : int
        Which one is shown of an image of several, from 0. All axes but those of time and space count as
        channels, as in the viewer.

    Returns
    -------
    ViewFigure
        A :class:`matplotlib.figure.Figure`, which a notebook shows. pyplot knows nothing of it.

    Raises
    ------
    RecordNotFoundError
        There is no such image.
    ArtifactError, ColumnError
        It has no pixels, or its pixels, ROIs, trace or events are damaged.
    PictureError
        It has no such channel, or pixels that are no plain numbers, or that are replaced meanwhile.

    Examples
    --------
    >>> from kymflow.testing import make_lab
    >>> import kymflow_view
    >>> kd = make_lab("memory://a-lab-to-look-at", n_images=1)
    >>> figure = kymflow_view.figure(next(kd.ds.iter_records()))
    >>> figure.savefig("capillary.png")
    """
    plane = open_plane(record, channel)
    content = content_of(record, (plane.lines, plane.pixels))
    kinds = content.kinds
    heights = [picture_height, len(kinds) * _LANE, _TRACES if len(content.trace) or kinds else 0]
    above = _TOP + (_BOTTOM if not content.one_axis else 0)
    height = above + sum(heights) + _GAP * sum(part > 0 for part in heights[1:]) + _BOTTOM
    made = ViewFigure(width, height, ratio=ratio, theme=theme)
    axes = _stacked(made, heights, content)
    told = draw_kymograph(axes[0], plane, content)
    if heights[2]:
        told += draw_traces(made, axes[2], content, _RIGHT)
        told += draw_events(made, axes[1], axes[2], content)
    left, letters = _left(content) / width, int(width / 6)
    for text, down, size, its in (
        (drawable(content.name, letters * (4 if made.legends else 7) // 9), 8, 11, made.colours.ink),
        (" · ".join(told), 27, 8, made.colours.faint),
    ):
        made.text(left, 1 - down / height, text, va="top", color=its, fontsize=size)
    made.plain_texts()
    return made


def _left(content: Content) -> float:
    return _LEFT_OF_KINDS if content.kinds else _LEFT


def _stacked(made: ViewFigure, heights: list[float], content: Content) -> list[Any]:
    """Return the axes of kymograph, events and traces, one below the other."""
    width, height = made.get_figwidth() * PX_PER_INCH, made.get_figheight() * PX_PER_INCH
    top = height - _TOP
    placed: list[Any] = []
    for number, part in enumerate(heights):
        top -= part
        left = _left(content)
        box = (left / width, top / height, 1 - (left + _RIGHT) / width, max(part, 1) / height)
        shared = placed[0] if number and content.one_axis else placed[1] if number == 2 else None
        axes = made.add_axes(box, sharex=shared)
        made.style_axes(axes)
        axes.set_visible(part > 0)
        placed.append(axes)
        top -= (_GAP if part else 0) + (_BOTTOM if number == 0 and not content.one_axis else 0)
    shown = [axes for axes, part in zip(placed, heights, strict=True) if part > 0]
    for axes in shown[:-1]:
        if content.one_axis or axes is not placed[0]:
            axes.tick_params(labelbottom=False)
    shown[-1].set_xlabel(content.scale.time_label if content.one_axis else "time (s)")
    if not content.one_axis:
        placed[0].set_xlabel(content.scale.time_label)
    return placed
