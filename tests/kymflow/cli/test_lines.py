"""Lines of text on a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest

from kymflow.cli.lines import in_lines

PATH = "/data/2024-05-01/a-very-long-name-that-fits-no-line/capillary-0001.tif"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_name_is_broken_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = f"failed: {PATH}: its header is no header that anybody could read"
    assert in_lines(text, Terminal()).splitlines() == [
        "failed:",
        f"  {PATH}:",
        "  its header is no header that anybody",
        "  could read",
    ]
    assert in_lines("  short", Terminal()) == "  short"


def test_a_pipe_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = "one line, however long it may be for a terminal"
    assert in_lines(text, io.StringIO()) == text
