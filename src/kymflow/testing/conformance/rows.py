"""Checks of the rows of one record."""

from __future__ import annotations

from typing import Any

import pandas as pd

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.testing.conformance.findings import Breach
from kymflow.testing.conformance.subject import Subject


def returns_a_dataframe(subject: Subject) -> None:
    """Every sample record gives a DataFrame, with or without rows."""
    for image_id, outcome in subject.baseline.items():
        if outcome.rows is None and not outcome.is_tolerated:
            raise Breach(
                f"extract_rows gave no DataFrame (image {image_id!r})",
                expected="a DataFrame; one without rows, if the record has nothing for the table",
                got=outcome.words,
                remedy="Return pd.DataFrame(...) on every way out of extract_rows; let errors be raised only "
                "where the record itself is wrong",
            )
    _ = subject.good


def image_id_is_right(subject: Subject) -> None:
    """The column image_id is not there, missing, or right."""
    for image_id, rows in subject.good.items():
        if IMAGE_ID not in rows.columns:
            continue
        claimed = rows[IMAGE_ID]
        wrong = claimed[claimed.notna() & (claimed != image_id)]
        if len(wrong):
            raise Breach(
                f"{len(wrong)} of {len(rows)} rows claim another image (image {image_id!r})",
                expected=f"image_id {image_id!r}, or no column image_id at all: it is filled in",
                got=repr(wrong.iloc[0]),
                remedy="Leave image_id out, or take it from rec.image_id",
            )


def required_columns_are_there(subject: Subject) -> None:
    """Rows have every column that the indexer says is required."""
    for image_id, rows in subject.good.items():
        missing = [name for name in subject.contract.required if len(rows) and name not in rows.columns]
        if missing:
            raise Breach(
                f"the required column {missing[0]!r} is not in its rows (image {image_id!r})",
                expected=f"the columns {list(subject.contract.required)}",
                got=f"{list(rows.columns)}",
                remedy="Add the column, missing where there is no value, or do not declare it required",
            )


def index_holds_no_data(subject: Subject) -> None:
    """Nothing is lost with the index, which is dropped: it is plain numbers, or stands in columns, too."""
    for image_id, rows in subject.good.items():
        index = rows.index
        if len(rows) and not _is_plain(index) and not _is_in_columns(rows):
            raise Breach(
                f"data are in the index of its rows, which is dropped (image {image_id!r})",
                expected="an index of plain numbers without name",
                got=f"{type(index).__name__} {list(index.names)} of {index.dtype}, {index[0]!r} first",
                remedy="Return rows.reset_index()",
            )


def _is_plain(index: pd.Index[Any]) -> bool:
    return index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype)


def _is_in_columns(rows: pd.DataFrame) -> bool:
    levels = {name: rows.index.get_level_values(place) for place, name in enumerate(rows.index.names)}
    return len(levels) == rows.index.nlevels and all(
        name in rows.columns and list(rows[name]) == list(values) for name, values in levels.items()
    )
