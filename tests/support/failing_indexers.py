"""An indexer that fails in every way that there is, one image each."""

from __future__ import annotations

from kymflow import Column, ExtractionError, RowsError, SchemaError
from kymflow.errors import IndexerError

from .simple_indexers import FrameIndexer, frame

BROKEN: dict[str, tuple[object, type[IndexerError], str]] = {
    "raises": (
        ZeroDivisionError("no\nlines"),
        ExtractionError,
        "extract_rows raised ZeroDivisionError: no lines",
    ),
    "exits": (SystemExit(3), ExtractionError, "extract_rows raised SystemExit: 3"),
    "no-frame": ([{"x": 1}], RowsError, "extract_rows must return a DataFrame, got list"),
    "nothing": (None, RowsError, "extract_rows must return a DataFrame, got NoneType"),
    "foreign": (
        frame(image_id=["foreign", "good"], x=[1, 2]),
        RowsError,
        "1 of 2 rows claim image 'good'",
    ),
    "lacking": (frame(y=[1]), RowsError, "the required column 'x' is missing; it gave ['y']"),
    "undeclared": (frame(x=[1], speed=["fast"]), RowsError, "column 'speed' is declared float, got "),
    "types-clash": (frame(x=["text"]), SchemaError, "column 'x'"),
}


def broken_indexer() -> FrameIndexer:
    """An indexer that fails for each image in the way that its id says; ``good`` has rows."""
    rows = {image_id: rows for image_id, (rows, _, _) in BROKEN.items()}
    return FrameIndexer(
        {**rows, "good": frame(x=[1, 2], speed=[0.5, 1.5])},
        name="broken",
        required=["x"],
        columns=[Column("speed", "float", "mm/s", "Speed", required=False)],
    )
