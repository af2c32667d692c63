"""How rows of a table are laid out as text: on a terminal what fits, in a pipe everything."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow.cli.failures import say
from kymflow.cli.number_text import column_texts, exact_texts
from kymflow.cli.output import GAP, print_records, print_table, width_of
from kymflow.cli.visible import visible_line
from kymflow.core.zarr.image_names import short_ids, told_apart
from kymflow.core.zarr.indexers.base import IMAGE_ID

if TYPE_CHECKING:
    from kymflow.cli.rows import Rows

# Where a row's values were measured: what stands beside the file.
_PLACES = ("roi_id", "roi", "channel")
# A wider text gives way to values.
_WIDE = 20
# Rows that are made texts before any is printed: `head` wants but a few.
_AT_ONCE = 10_000
# The ranks of columns that tell whose row it is, and of those without any value.
_ALWAYS, _EMPTY = -1, 5
# What says the same as the file does, less well.
_BESIDE_THE_FILE = frozenset({"rel_path", "file_name", "folder", "grandparent", "root"})


@dataclass
class _Column:
    """A column as text."""

    name: str
    header: str
    texts: list[str]
    rank: float
    is_number: bool = False
    wraps: bool = False

    @property
    def width(self) -> int:
        """What it takes; the header may be wrapped at spaces, and texts that are worth it."""
        words = self.header.split()
        if not self.wraps:
            return max(map(width_of, [*words, *self.texts]), default=0)
        words += " ".join(self.texts).split()
        return max(
            max(map(width_of, words), default=0), min(_WIDE, max(map(width_of, self.texts), default=0))
        )


def print_as_text(rows: Rows, *, one_below_the_other: bool) -> None:
    """Print rows: for a person on a terminal, and for the next program in a pipe.

    Parameters
    ----------
    rows : Rows
        What to print.
    one_below_the_other : bool
        Whether rows that are too wide for the terminal are printed as lines of name and value.
    """
    if not sys.stdout.isatty():
        _print_for_programs(rows)
        return
    columns = _columns(rows)
    title = _title(rows, columns)
    shown = _fitting(columns, shutil.get_terminal_size().columns)
    # Columns that somebody has named are all wanted.
    if (one_below_the_other or rows.chosen) and len(shown) < len(columns):
        names = [column.header for column in columns]
        print_records(title, names, list(zip(*(column.texts for column in columns), strict=True)))
        return
    print_table(
        title,
        [column.header for column in shown],
        list(zip(*(column.texts for column in shown), strict=True)),
        right=[place for place, column in enumerate(shown) if column.is_number],
        whole=[place for place, column in enumerate(shown) if not column.wraps],
    )
    left_out = [column.name for column in columns if column not in shown]
    if left_out:
        more = "one more column" if len(left_out) == 1 else f"{len(left_out)} more columns"
        how = "--columns NAME,NAME shows those you name, -o FILE.csv writes all."
        say(f"kymflow: {more}: {', '.join(left_out)}. {how}")


def _title(rows: Rows, columns: list[_Column]) -> str:
    """Return what stands above, and take a column out that says the same for all groups."""
    count = f"{len(rows.frame)} of {rows.info.rows}"
    for column in columns:
        if column.name == rows.summed and len(set(column.texts)) == 1:
            columns.remove(column)
            return f"{rows.info.name}, {column.texts[0]}: {count} groups"
    return f"{rows.info.name}: {count} rows"


def _print_for_programs(rows: Rows) -> None:
    frame = rows.frame
    # Whatever else there is: one column that tells the file, and always the same one.
    if not rows.chosen and rows.paths is not None and rows.path_column not in frame.columns:
        frame = frame.assign(**{rows.path_column: rows.paths})
    names = [str(name) for name in frame.columns]
    if not rows.chosen:
        first = [name for name in (rows.path_column, rows.name_column, *_PLACES) if name in names]
        last = [name for name in (IMAGE_ID,) if name in names]
        names = [*first, *(name for name in names if name not in {*first, *last}), *last]
    print("\t".join(exact_texts(pd.Series(names, dtype="str"))))
    for start in range(0, len(frame), _AT_ONCE):
        part = frame.iloc[start : start + _AT_ONCE]
        for row in zip(*(exact_texts(part[name]) for name in names), strict=True):
            print("\t".join(row))


def _columns(rows: Rows) -> list[_Column]:
    """Return the columns in the order in which they are shown, each with how useful it is."""
    names = [str(name) for name in rows.frame.columns]
    found = {name: _column(rows, name, rows.frame[name]) for name in names}
    if rows.chosen:
        return list(found.values())
    key = _file_column(rows, found)
    first = [key] if key is not None else []
    first += [found.pop(name) for name in _PLACES if name in found]
    last = [found.pop(IMAGE_ID)] if IMAGE_ID in found else []
    for column in [*first, *last]:
        if column.name != "channel":
            column.rank = _ALWAYS
    # Without a file, only the id tells whose row it is.
    return [*first, *found.values(), *last] if key is not None else [*last, *first, *found.values()]


def _column(rows: Rows, name: str, values: pd.Series[Any]) -> _Column:
    texts = column_texts(values)
    if name == IMAGE_ID:
        short = short_ids(texts)
        texts = [short[text] for text in texts]
    unit = rows.columns[name].unit if name in rows.columns else ""
    kind: Any = values.dtype
    is_number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    # t0_s tells its unit itself.
    header = f"{name} ({unit})" if unit and not name.endswith(f"_{unit.replace('/', '_per_')}") else name
    wraps = not rows.chosen and name in rows.telling
    return _Column(name, visible_line(header), texts, _rank(rows, name, texts), is_number, wraps)


def _rank(rows: Rows, name: str, texts: Sequence[str]) -> float:
    """Say how soon a column is left out: those that tell nothing first."""
    if rows.chosen:
        return 0
    if not any(texts):
        return _EMPTY
    if name in rows.telling:
        return rows.telling.index(name) / len(rows.telling)
    if rows.only_telling:
        return _EMPTY
    if name in _BESIDE_THE_FILE:
        return 4
    if len(texts) > 1 and len(set(texts)) == 1:
        return 3
    return 2 if max(map(width_of, texts)) > _WIDE else 1


def _file_column(rows: Rows, found: dict[str, _Column]) -> _Column | None:
    """Return the column that tells the file: its path where that is asked for or names are not unique."""
    if rows.paths is None or rows.names is None or not rows.paths.notna().any():
        return None
    n_paths = rows.paths.nunique()
    unique = n_paths == rows.names.nunique() and not rows.source
    name, values = (rows.name_column, rows.names) if unique else (rows.path_column, rows.paths)
    header = name
    if IMAGE_ID in rows.frame.columns:
        ids = rows.frame[IMAGE_ID].astype(object).where(rows.paths.notna())
        if n_paths < ids.nunique():
            # Several folders that were ingested have the same paths below them.
            files = rows.files()
            labels = told_apart({image_id: files[image_id] for image_id in set(ids) & set(files)})
            name, header, values = rows.path_column, "path", ids.map(labels).fillna(rows.paths)
    found.pop(name, None)
    return _Column(name, header, column_texts(values), _ALWAYS)


def _fitting(columns: Sequence[_Column], room: int) -> list[_Column]:
    """Return the columns for which a terminal has room, the most useful ones."""
    if sum(column.width + GAP for column in columns) <= room + GAP:
        return list(columns)
    useful = [place for place, column in enumerate(columns) if column.rank < _EMPTY]
    kept: set[int] = set()
    room += GAP
    for place in sorted(useful, key=lambda place: columns[place].rank):
        width = columns[place].width + GAP
        if width <= room or not kept:
            kept.add(place)
            room -= width
    return [column for place, column in enumerate(columns) if place in kept]
