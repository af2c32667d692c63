"""What a report says of itself: a few lines on a terminal, a small table in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

# Of images or files that failed, say: the first tell what is wrong.
_N_SHOWN = 5
_LONGEST_CELL = 300
_TO_THE_LEFT = ' style="text-align: left"'


@dataclass(frozen=True)
class Details:
    """A list within a summary: failures with their causes, say, or tables.

    Attributes
    ----------
    title : str
        What its rows are.
    columns : sequence of str
        The names of the cells.
    rows : sequence of sequence of object
        The first of them are shown.
    whole : bool
        Whether all are shown.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    whole: bool = False

    @property
    def shown(self) -> Sequence[Sequence[object]]:
        """The rows that are shown."""
        return self.rows if self.whole else self.rows[:_N_SHOWN]

    @property
    def more(self) -> str:
        """How many are not."""
        left = len(self.rows) - len(self.shown)
        return f"and {left} more" if left else ""


@dataclass(frozen=True)
class Summary:
    """A title, values by name, and lists; those without rows are not shown."""

    title: str
    values: Mapping[str, object]
    details: Sequence[Details] = field(default=())

    def text(self) -> str:
        """Return it for a terminal: values that are nothing are left out."""
        lines = [f"{_plain(self.title)}: {', '.join(_worded(self.values)) or 'nothing'}"]
        for part in self.details:
            lines += [f"  {part.title}: {_line(part.columns, row)}" for row in part.shown]
            lines += [f"  {part.title}: {part.more}"] * bool(part.more)
        return "\n".join(lines)

    def html(self) -> str:
        """Return it for a notebook: no script, and no colours, so that it reads on any background."""
        parts = [f"<p><strong>{_escaped(self.title)}</strong></p>"]
        if self.values:
            parts.append(_table(list(self.values), [list(self.values.values())]))
        for part in self.details:
            if part.rows:
                parts.append(_caption(part) + _table(part.columns, part.shown))
                parts.append(f"<p>{part.more}</p>" if part.more else "")
        return f"<div>{''.join(parts)}</div>"


class Summarised(ABC):
    """Shows its summary as its repr, and in a notebook as HTML."""

    @abstractmethod
    def _summary(self) -> Summary:
        """Say what it is about."""

    def __repr__(self) -> str:
        return self._summary().text()

    def _repr_html_(self) -> str:
        return self._summary().html()


def _worded(values: Mapping[str, object]) -> list[str]:
    """Return "3 failed" for counts, and the bare name for what holds."""
    words = []
    for name, value in values.items():
        if value:
            text = f"{name} {_plain(value)}" if isinstance(value, str) else f"{_plain(value)} {name}"
            words.append(name if value is True else text)
    return words


def _line(columns: Sequence[str], row: Sequence[object]) -> str:
    first, *others = row
    if len(others) > 1:
        others = [", ".join(_worded(dict(zip(columns[1:], others, strict=True)))) or "nothing"]
    return ": ".join(map(_plain, (first, *others)))


def _caption(part: Details) -> str:
    if part.whole and part.title == part.columns[0]:
        # The header says it.
        return ""
    count = "" if part.whole else f" ({len(part.rows)})"
    return f"<p>{_escaped(part.title)}{count}</p>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    # Notebooks put all cells to the right, which is meant for numbers.
    styles = ["" if all(map(_is_number, column)) else _TO_THE_LEFT for column in zip(*rows, strict=True)]
    head = _row("th", columns, styles)
    body = "".join(_row("td", row, styles) for row in rows)
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _row(name: str, cells: Sequence[object], styles: Sequence[str]) -> str:
    shown = (
        f"<{name}{style}>{_escaped(_shown(cell))}</{name}>" for cell, style in zip(cells, styles, strict=True)
    )
    return f"<tr>{''.join(shown)}</tr>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _escaped(value: object) -> str:
    return escape(_plain(value))


def _shown(value: object) -> object:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _plain(value: object) -> str:
    """Return a value on one line, without what a terminal or a browser would take for a command."""
    text = " ".join(str(value).split())
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]} ..."
