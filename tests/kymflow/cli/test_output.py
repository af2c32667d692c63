"""Tables on a terminal: no word is broken; in a pipe they are as wide as they need to be."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow.cli.output import print_table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    width: int,
    right: Sequence[int] = (),
    whole: Sequence[int] = (),
) -> list[str]:
    out = Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setenv("COLUMNS", str(width))
        patch.setenv("NO_COLOR", "1")
        patch.setenv("TERM", "xterm")
        print_table("title", columns, rows, right=right, whole=whole)
    plain = out.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    return [line.rstrip() for line in plain.splitlines()]


def test_texts_are_wrapped_at_spaces_and_names_stay_whole() -> None:
    rows = [("radon_report", "Velocity statistics of every image"), ("velocity_events", "Velocity events")]

    assert printed(("indexer", "what it gives"), rows, width=36) == [
        "title",
        "indexer          what it gives",
        "────────────────────────────────────",
        "radon_report     Velocity statistics",
        "                 of every image",
        "velocity_events  Velocity events",
    ]


def test_a_path_is_wrapped_only_where_nothing_else_helps() -> None:
    rows = [("day 1/scan 2.tif", "some words")]

    assert printed(("path", "remarks"), rows, width=25, whole=[0])[3:] == [
        "day 1/scan 2.tif  some",
        "                  words",
    ]
    assert printed(("path", "remarks"), rows, width=17, whole=[0])[3:] == [
        "day     some",
        "1/scan  words",
        "2.tif",
    ]


def test_what_does_not_fit_is_printed_one_below_the_other() -> None:
    rows = [("a-name-that-is-long", None), ("b", "another-long-name and words")]

    assert printed(("indexer", "remarks"), rows, width=30) == [
        "title",
        "",
        "indexer: a-name-that-is-long",
        "remarks:",
        "",
        "indexer: b",
        "remarks: another-long-name and words",
    ]


def test_numbers_are_aligned_at_the_right() -> None:
    assert printed(("n", "x"), [("a", 1), ("b", 1000)], width=80, right=[1]) == [
        "title",
        "n     x",
        "───────",
        "a     1",
        "b  1000",
    ]


WORDS = st.lists(st.text("ab/_", min_size=1, max_size=12), max_size=5).map(" ".join)


@given(
    st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(WORDS, min_size=n, max_size=n), min_size=1)),
    st.integers(10, 80),
)
def test_no_word_is_ever_broken(rows: list[list[str]], width: int) -> None:
    lines = printed([f"column_{place}" for place in range(len(rows[0]))], rows, width=width)

    words = sorted(word for line in lines[1:] for word in line.split() if set(word) <= set("ab/_"))
    assert words == sorted(word for row in rows for cell in row for word in cell.split())


def test_a_pipe_has_room_for_everything_and_no_decoration(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("title", ("a", "日本", "c"), [("x" * 500, 1, None), ("y", 10, "words")], right=[1])

    assert capsys.readouterr().out.splitlines() == [
        "title",
        f"a{' ' * 499}  日本  c",
        f"{'x' * 500}     1",
        f"y{' ' * 499}    10  words",
    ]
