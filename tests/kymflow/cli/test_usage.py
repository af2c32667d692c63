"""What is said of a command that was not understood."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.command_line import Run
from support.terminals import on_terminal


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["refresh", "x", "--workers", "two"], "'--workers': must be a whole number, got 'two'"),
        (["refresh", "x", "--workers", "1.5"], "'--workers': must be a whole number, got '1.5'"),
        (["refresh", "x", "--workers", "0"], "'--workers': must be at least 1, got 0"),
        (["view", "x", "--port", "70000"], "'--port': must be at most 65535, got 70000"),
        (
            ["plot", "x", "y", "-o", "a.png", "--kind", "boxplot"],
            "'--kind': 'boxplot' is not one of 'strip', ",
        ),
        (["show"], "Missing argument 'dataset'"),
    ],
)
def test_a_mistyped_option_is_told_in_plain_words(run: Run, typed: list[str], said: str) -> None:
    result = run(*typed, code=2)

    assert said in result.stderr
    assert "Input should" not in result.stderr
    assert "Value error" not in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals that Python could open")
def test_it_is_broken_into_lines_on_a_terminal(site: Path, lab: Path) -> None:
    for typed in (
        ("plot", lab.name, "y", "-o", "a.png", "--kind", "boxplot"),
        ("plot", lab.name, "images", "-o", "a.png"),
        ("show", lab.name, "images", "--limit", "two" * 9),
    ):
        text, code = on_terminal(*typed, site=site, cwd=lab.parent)

        assert code == 2
        assert "Error: Invalid value" in text
        assert max(map(len, text.splitlines())) <= 80
