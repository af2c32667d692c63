"""What is said of a command that was not understood: in the words, and the lines, of all other messages."""

from __future__ import annotations

import sys
from typing import Any

import typer

from kymflow.cli.lines import in_lines

# Typer exports only this one of its errors of usage; they all print themselves.
UsageError: type[Any] = typer.BadParameter.__mro__[1]
_BEFORE = "Error: "


def reword(error: Any) -> None:
    """Let an error of usage speak as kymflow does, and be broken into lines on a terminal."""
    found = getattr(error.__cause__, "errors", None)
    if found is not None:
        error.message = _in_words(found()[0])
    said = in_lines(f"{_BEFORE}{error.format_message()}", sys.stderr).removeprefix(_BEFORE)
    error.format_message = lambda: said


def _in_words(fault: dict[str, Any]) -> str:
    """Return what pydantic, by which Typer checks values, has found."""
    kind, context, got = fault["type"], fault.get("ctx", {}), fault["input"]
    if kind.startswith("int_"):
        return f"must be a whole number, got {got!r}"
    if kind.startswith("float_"):
        return f"must be a number, got {got!r}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}, got {got}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}, got {got}"
    return str(context.get("error", fault["msg"]))
