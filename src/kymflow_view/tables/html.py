"""A table as HTML: its first rows, with units in the header, every name and text escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow_view.units import shown_unit

if TYPE_CHECKING:
    from kymflow import KymDataset

_LONGEST = 200
# What tells of the image stands first, and what only tells its id last.
_FIRST = ("rel_path", "file_name")
_LAST = ("image_id",)


class TableView:
    """A table that a notebook shows: the file of each image first, units in the header, some rows.

    Attributes
    ----------
    name : str
        The table.
    frame : DataFrame
        All its rows.
    units, descriptions : dict of str to str
        Of its columns, where they have one.
    n_shown : int
        How many rows are shown.
    """

    def __init__(
        self,
        name: str,
        frame: pd.DataFrame,
        *,
        units: dict[str, str],
        descriptions: dict[str, str],
        n_shown: int = 10,
    ) -> None:
        self.name = name
        self.frame = frame
        self.units = units
        self.descriptions = descriptions
        self.n_shown = n_shown

    def __repr__(self) -> str:
        return f"<table {self.name}: {len(self.frame):,} rows, {len(self.frame.columns)} columns>"

    def _repr_html_(self) -> str:
        names = list(self.frame.columns)
        names = [name for name in _FIRST if name in names] + [
            name for name in names if name not in (*_FIRST, *_LAST)
        ]
        shown = self.frame.iloc[: self.n_shown]
        heads = [
            (
                f"{name} ({shown_unit(self.units[name])})" if self.units.get(name) else str(name),
                self.descriptions.get(name, ""),
            )
            for name in names
        ]
        rows = zip(*(shown[name].astype(object).tolist() for name in names), strict=True)
        count = f"{len(shown):,} of {len(self.frame):,} rows"
        return f"<div><p><strong>{cell(self.name)}</strong>: {count}</p>{table_html(heads, list(rows))}</div>"


def table(kd: KymDataset, name: str, *, with_images: bool = False, n_shown: int = 10) -> TableView:
    """Return a table for a notebook, which shows its first rows.

    Parameters
    ----------
    kd : KymDataset
        The dataset.
    name : str
        The name of the table.
    with_images : bool
        Add the columns of table ``images``.
    n_shown : int
        How many rows are shown.

    Raises
    ------
    TableNotFoundError
        There is no such table.

    Examples
    --------
    >>> from kymflow.testing import make_lab
    >>> from kymflow_indexers_builtin import RadonReportIndexer
    >>> import kymflow_view
    >>> kd = make_lab("memory://a-lab-in-a-notebook")
    >>> reports = kd.rebuild(RadonReportIndexer())
    >>> kymflow_view.table(kd, "radon_report")
    <table radon_report: 2 rows, 27 columns>
    """
    own = kd.get_table(name, with_source=not with_images, with_images=with_images)
    told = {column.name: column for column in kd.describe_table(name).columns}
    if with_images and name != "images":
        taken = set(told)
        of_images = kd.describe_table("images").columns
        # As the join names them.
        joined = {f"image_{one.name}" if one.name in taken else one.name: one for one in of_images}
        told = {**joined, **told}
    return TableView(
        name,
        own,
        units={shown: column.unit for shown, column in told.items()},
        descriptions={shown: column.description for shown, column in told.items()},
        n_shown=n_shown,
    )


def table_html(heads: Iterable[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table: heads with what is told where the mouse is, and cells; numbers at the right."""
    titled = (
        f'<th scope="col"{f" title={chr(34)}{escape(told)}{chr(34)}" if told else ""}>{cell(name)}</th>'
        for name, told in heads
    )
    body = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{''.join(titled)}</tr></thead><tbody>{body}</tbody></table>"


def _td(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f'<td style="text-align: {"right" if is_number else "left"}">{cell(value)}</td>'


def number(value: float) -> str:
    """Return a number with about five digits, and without an exponent if it is no very large one."""
    if 1e4 <= abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:.5g}" if math.isfinite(value) else str(value)


def cell(value: object) -> str:
    """Return a value as a cell shows it: numbers rounded, what is missing empty, texts escaped."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int):
        return f"{value:,}"
    text = " ".join(str(value).split())
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ...")
