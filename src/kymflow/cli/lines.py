"""Lines of text: on a terminal broken between words, never within a name; in a pipe as they are."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TextIO

from kymflow.cli.visible import visible_line


def in_lines(text: str, stream: TextIO) -> str:
    """Return one line of text as it is to be printed there; nothing in it steers the terminal."""
    text = visible_line(text)
    if not stream.isatty():
        return text
    indent = text[: len(text) - len(text.lstrip())]
    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.wrap(
            text,
            width,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def counted(n: int, what: str) -> str:
    """Return "1 image", or "2 images"."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def print_line(text: str) -> None:
    """Print one line of a result."""
    print(in_lines(text, sys.stdout))
