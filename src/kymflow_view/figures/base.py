"""A figure that needs no pyplot: it shows itself in notebooks, and can be drawn in any thread."""

from __future__ import annotations

import io
import threading
from typing import Any, Literal, get_args

from matplotlib.figure import Figure
from matplotlib.text import Text

from kymflow_view.figures.style import THEMES, Theme, font_names

Format = Literal["png", "svg", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)
# CSS pixels of an inch.
PX_PER_INCH = 96.0
# matplotlib promises nothing of threads, and some of its caches are shared by all figures.
_drawing = threading.RLock()


class ViewFigure(Figure):
    """A figure of matplotlib in one of the themes.

    Parameters
    ----------
    width, height : float
        In CSS pixels.
    ratio : float
        Pixels of a screen for each of them.
    theme : {"light", "dark"}
        Its colours.
    **options
        As :class:`matplotlib.figure.Figure` takes them.
    """

    def __init__(
        self, width: float, height: float, *, ratio: float = 1.0, theme: Theme = "light", **options: Any
    ) -> None:
        if theme not in THEMES:
            raise ValueError(f"theme must be {' or '.join(map(repr, THEMES))}, got {theme!r}")
        self.colours = THEMES[theme]
        super().__init__(
            figsize=(width / PX_PER_INCH, height / PX_PER_INCH),
            dpi=PX_PER_INCH * ratio,
            facecolor=self.colours.paper,
            edgecolor="none",
            **options,
        )

    def style_axes(self, axes: Any) -> None:
        """Give axes the colours of the theme, and only the lines that are needed."""
        colours = self.colours
        axes.set_facecolor("none")
        axes.tick_params(colors=colours.ink, labelcolor=colours.ink, labelsize=8, width=0.7, length=3)
        axes.xaxis.label.set(color=colours.ink, size=9)
        axes.yaxis.label.set(color=colours.ink, size=9)
        axes.xaxis.get_offset_text().set_color(colours.ink)
        axes.yaxis.get_offset_text().set_color(colours.ink)
        for name, spine in axes.spines.items():
            spine.set(color=colours.faint, linewidth=0.7, visible=name in ("left", "bottom"))
        axes.set_axisbelow(True)

    def settle(self) -> None:
        """Lay everything out, for good: what is drawn stays where it is now."""
        with _drawing:
            self.plain_texts()
            self.draw_without_rendering()
            # Ticks may have come with the layout.
            self.plain_texts()
            self.set_layout_engine("none")

    def plain_texts(self) -> None:
        """Let no text be taken for anything but text, whatever names are in it."""
        for text in self.findobj(Text):
            text.set(parse_math=False, usetex=False, fontfamily=font_names())

    def to_bytes(self, kind: Format = "png") -> bytes:
        """Return the figure as a file's content: PNG, SVG or PDF, without the time at which it was made."""
        metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
        out = io.BytesIO()
        with _drawing:
            self.plain_texts()
            self.savefig(out, format=kind, dpi=self.dpi, facecolor=self.get_facecolor(), metadata=metadata)
        return out.getvalue()

    def _repr_png_(self) -> bytes:
        return self.to_bytes("png")
