"""Colours of both themes, and texts as a figure can draw them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

Theme = Literal["light", "dark"]

# Okabe and Ito's colours, which the colour-blind tell apart; black is left out, as one theme is dark.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#F0E442")
DASHES: tuple[str, ...] = ("-", "--", ":", "-.")
MARKERS = ("o", "^", "s", "D")
# Kinds of events that kymflow's users know; others get the colours that are left.
_KINDS = {
    "baseline_drop": "#CC79A7",
    "baseline_rise": "#56B4E9",
    "nan_gap": "#E69F00",
    "zero_gap": "#F0E442",
}
# Where names in Chinese, Japanese or Korean are to be read; those that are installed are used.
_OTHER_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans CJK KR",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Hiragino Sans",
    "Arial Unicode MS",
)
_UNKNOWN = "\N{WHITE SQUARE}"


@dataclass(frozen=True)
class Colours:
    """The colours of a theme: background, text, less important text, lines behind the data."""

    paper: str
    ink: str
    faint: str
    grid: str


# No colour is used twice: a report puts others in their places.
THEMES: dict[Theme, Colours] = {
    "light": Colours("#fefefe", "#1b1f24", "#57606b", "#d9dee3"),
    "dark": Colours("#14181d", "#e6e9ec", "#a3abb4", "#343b43"),
}


def colour(number: int) -> str:
    """Return the colour of the n-th thing; after seven they begin again."""
    return PALETTE[number % len(PALETTE)]


def kind_colours(kinds: list[str]) -> dict[str, str]:
    """Return a colour for each kind of event, the same ones wherever these kinds are shown."""
    others = [one for one in PALETTE if one not in _KINDS.values()]
    unknown = [kind for kind in kinds if kind not in _KINDS]
    return {kind: _KINDS.get(kind) or others[unknown.index(kind) % len(others)] for kind in kinds}


def counted(count: int, what: str) -> str:
    """Return "1 event" or "3 events"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def drawable(text: object, longest: int = 80) -> str:
    """Return a text on one line, of characters that the fonts have, shortened in its middle."""
    known = _characters()
    line = " ".join(str(text).split())
    line = "".join(char if ord(char) in known else _UNKNOWN for char in line)
    if len(line) <= longest:
        return line
    end = (longest - 1) // 2
    return f"{line[: longest - 1 - end]}…{line[-end:]}"


@cache
def font_names() -> list[str]:
    """Return the fonts of every text: matplotlib's own, and installed ones with more characters."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in _OTHER_FONTS if name in installed)]


@cache
def _characters() -> frozenset[int]:
    from matplotlib import font_manager

    found: set[int] = set()
    for name in font_names():
        path = font_manager.findfont(name)
        found.update(font_manager.get_font(path).get_charmap())
    return frozenset(found)
