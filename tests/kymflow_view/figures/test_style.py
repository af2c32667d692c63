"""Colours and texts of figures."""

from __future__ import annotations

from kymflow_view.figures.style import PALETTE, THEMES, drawable, kind_colours


def test_texts_are_one_line_of_characters_that_the_fonts_have() -> None:
    assert drawable("a\tb\n c") == "a b c"
    assert drawable("\x00\x1b[31m") == "□□[31m"
    assert drawable("µm ± é") == "µm ± é"
    assert drawable("x" * 50 + "end.tif", 21) == "x" * 10 + "…" + "xxxend.tif"
    assert len(drawable("y" * 1000, 30)) == 30


def test_kinds_of_events_keep_their_colours() -> None:
    alone, others = kind_colours(["baseline_drop"]), kind_colours(["another", "baseline_drop", "one more"])
    assert alone["baseline_drop"] == others["baseline_drop"]
    assert len(set(others.values())) == 3
    assert set(others.values()) <= set(PALETTE)


def test_no_colour_of_a_theme_stands_for_two_things() -> None:
    # A report puts others in their places.
    colours = [colour for theme in THEMES.values() for colour in vars(theme).values()] + list(PALETTE)
    assert len(set(colours)) == len(colours)
    assert len({len(colour) for colour in colours}) == 1
