"""What a report says of itself: a few lines on a terminal, a small table in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

# Of images or files that failed, say: the first tell what is wrong.
_N_SHOWN = 5
_LONGEST_CELL = 300


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
        parts = [f"<p><strong>{_cell(self.title)}</strong></p>"]
        if self.values:
            parts.append(_table((), [(name, _shown(value)) for name, value in self.values.items()]))
        for part in self.details:
            if part.rows:
                count = "" if part.whole else f" ({len(part.rows)})"
                parts.append(f"<p>{_cell(part.title)}{count}</p>{_table(part.columns, part.shown)}")
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


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{_cell(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(_shown(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return escape(_plain(value))


def _shown(value: object) -> object:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _plain(value: object) -> str:
    """Return a value on one line, without what a terminal or a browser would take for a command."""
    text = " ".join(str(value).split())
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]} ..."
