"""Checks of the rows of one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.testing.conformance.findings import Breach
from kymflow.testing.conformance.subject import Subject
from kymflow_zarr.formats import documents, frames

# Two may differ by chance.
_ENOUGH_IMAGES = 3


def returns_a_dataframe(subject: Subject) -> None:
    """Every sample record gives a DataFrame, with or without rows."""
    for image_id, outcome in subject.baseline.items():
        if outcome.is_breach:
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
        if len(rows) and not _is_in_columns(rows) and not _is_plain(index, subject, image_id):
            raise Breach(
                f"data are in the index of its rows, which is dropped (image {image_id!r})",
                expected="an index of plain numbers without name",
                got=f"{type(index).__name__} {list(index.names)} of {index.dtype}, {index[0]!r} first",
                remedy="Return rows.reset_index()",
            )


def _is_plain(index: pd.Index[Any], subject: Subject, image_id: str) -> bool:
    """Tell whether an index holds nothing: unnamed row numbers, in any order and choice."""
    if index.nlevels > 1 or index.name is not None or not pd.api.types.is_integer_dtype(index.dtype):
        return False
    # Numbers beyond those of the rows that it has read are numbers of something: of ROIs, for example.
    return isinstance(index, pd.RangeIndex) or index.max() < max(len(index), _most_rows(subject, image_id))


def _most_rows(subject: Subject, image_id: str) -> int:
    """Return how many rows, or members of a list, or lines of pixels, are in what it read, at most."""
    ds, outcome = subject.sample.ds, subject.baseline[image_id]
    counts = [0]
    if outcome.keys_read("data", "analysis_arrays"):
        counts.append(ds.record(image_id).load_array().size)
    for key in outcome.keys_read("analysis"):
        data = ds.store.read(key)[0]
        if key.endswith(".parquet"):
            counts.append(frames.parquet_to_arrow(data).num_rows)
        elif key.endswith((".json", ".json.gz")):
            content = documents.bytes_to_json(documents.gunzip(data) if key.endswith(".gz") else data)
            counts.extend(_lengths(content))
        else:
            # Lines of text.
            counts.append(len(documents.gunzip(data).splitlines()) if key.endswith(".gz") else len(data))
    return max(counts)


def _lengths(content: object) -> Iterator[int]:
    """Yield the length of each list, to any depth; an object's members have names, and no numbers."""
    if isinstance(content, list):
        yield len(content)
    members = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    for member in members:
        yield from _lengths(member)


def _is_in_columns(rows: pd.DataFrame) -> bool:
    levels = {name: rows.index.get_level_values(place) for place, name in enumerate(rows.index.names)}
    return len(levels) == rows.index.nlevels and all(
        name in rows.columns and list(rows[name]) == list(values) for name, values in levels.items()
    )


def columns_are_not_of_one_image(subject: Subject) -> None:
    """Images share their columns: a table with a column of each image grows wide, and nobody can use it."""
    columns = {image_id: set(rows.columns) for image_id, rows in subject.good.items() if len(rows)}
    own = {
        image_id: names - set().union(*(others for other, others in columns.items() if other != image_id))
        for image_id, names in columns.items()
    }
    if len(own) >= _ENOUGH_IMAGES and all(own.values()):
        image_id, names = next(iter(own.items()))
        raise Breach(
            f"each image has a column that no other has (image {image_id!r})",
            expected="the same columns for all images, but for a few that some do not have",
            got=f"the column {min(map(str, names))!r}, and another in each of {len(own) - 1} others",
            remedy="Give each thing a row, and say in a column what it is",
        )
