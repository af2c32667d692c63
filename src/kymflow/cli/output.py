"""How results are shown: JSON for programs, Rich tables for people."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, Literal, TextIO

from kymflow.cli.streams import painted
from kymflow.cli.visible import visible_json, visible_line

# Between two columns of a table.
GAP = 2
SHORT_NEED = 16

# Standard output itself, while all but the JSON document goes to standard error.
_results: list[TextIO] = []


@contextmanager
def json_alone(wanted: bool) -> Iterator[None]:
    """Keep standard output for one JSON document, if `wanted`; what plugins print goes to standard error."""
    if not wanted:
        yield
        return
    _results.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _results.pop()


def print_json(content: Any) -> None:
    """Print one JSON document."""
    out = _results[-1] if _results else sys.stdout
    readable = (out.encoding or "").lower().replace("-", "") == "utf8"
    encoder = json.JSONEncoder(indent=2, ensure_ascii=not readable, allow_nan=False)
    out.writelines(map(visible_json, encoder.iterencode(content)))
    out.write("\n")


def print_data(pieces: Iterable[str]) -> None:
    """Print what is for another program as it is; a terminal gets it as text."""
    (sys.stdout if sys.stdout.isatty() else painted(sys.stdout)).writelines(pieces)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Collection[int] = (),
    whole: Collection[int] = (),
) -> None:
    """Print a table; no word and no name is ever broken.

    On a terminal, cells are wrapped at spaces. Where that is not enough, each row is printed as lines
    of name and value. In a pipe the table is as wide as it needs to be.

    Parameters
    ----------
    title : str
        What stands above.
    columns : sequence of str
        Headers.
    rows : iterable of sequences
        Cells; None is empty.
    right : collection of int
        Places of columns that are aligned at the right, as numbers are.
    whole : collection of int
        Places of columns whose cells are not wrapped if that can be: paths, say.
    """
    cells = [["" if cell is None else visible_line(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _print_plainly(title, [list(columns), *cells], right)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    size = shutil.get_terminal_size()
    # Of a terminal that calls itself dumb, as that of Emacs, rich takes the width for 80.
    console = Console(file=painted(sys.stdout), width=size.columns, height=size.lines)
    every = [list(columns), *cells]
    widths = _column_widths(every, console.width, whole) or _column_widths(every, console.width)
    if widths is None:
        print_records(title, columns, cells)
        return
    print(visible_line(title))
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for place, (column, width) in enumerate(zip(columns, widths, strict=True)):
        justify: Literal["left", "right"] = "right" if place in right else "left"
        table.add_column(Text(column), width=width, justify=justify)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_plainly(title: str, rows: Sequence[Sequence[str]], right: Collection[int]) -> None:
    print(visible_line(title))
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            padding = " " * (width - width_of(cell))
            padded.append(padding + cell if place in right else cell + padding)
        print((" " * GAP).join(padded).rstrip())


def width_of(text: str) -> int:
    """Return how many places a terminal takes for a text of one line."""
    from rich.cells import cell_len

    return cell_len(text)


def _column_widths(rows: Sequence[Sequence[str]], room: int, whole: Collection[int] = ()) -> list[int] | None:
    """Return the width of each column, so that all fit and no word is broken; None if that cannot be."""
    lowest, highest = [], []
    for place, (header, *cells) in enumerate(zip(*rows, strict=True)):
        words = [*header.split(), *cells] if place in whole else " ".join([header, *cells]).split()
        lowest.append(max(map(width_of, words), default=0))
        highest.append(max(width_of(line) for cell in (header, *cells) for line in cell.split("\n")))
    widths = list(lowest)
    spare = room - sum(lowest) - GAP * (len(lowest) - 1)
    if spare < 0:
        return None
    # Names get what they need, and texts share the rest.
    needs = sorted((high - low, place) for place, (low, high) in enumerate(zip(lowest, highest, strict=True)))
    for done, (need, place) in enumerate(needs):
        given = min(need, spare if need <= SHORT_NEED else spare // (len(needs) - done))
        widths[place] += given
        spare -= given
    return widths


def print_records(title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows one below the other, as lines of name and value."""
    print(visible_line(title))
    longest = max(map(width_of, names), default=0)
    for row in rows:
        print()
        for name, value in zip(names, row, strict=True):
            print(visible_line(f"{name}:{' ' * (longest - width_of(name))} {value}".rstrip()))
