"""How the sources of a dataset stand."""

from __future__ import annotations

import os

import pandas as pd

from kymflow_zarr.sources.index import SourceRow, encode_rows, index_frame
from kymflow_zarr.sources.report import Conflict
from kymflow_zarr.sources.standing import SourcesStanding, duplicates_of, standing_of
from kymflow_zarr.sources.states import FileState


def row(name: str, sha256: str = "", ingested: int = 1, **values: object) -> SourceRow:
    files = (FileState(os.path.basename(name), 1, 1, sha256, True),) if sha256 else ()
    return SourceRow("/in", name, f"id of {name}", ingested, files, **values)


def table(*rows: SourceRow) -> pd.DataFrame:
    return index_frame(encode_rows(rows))


def names(groups: list[list[SourceRow]]) -> list[list[str]]:
    return [[one.relative_path for one in group] for group in groups]


def test_twins_are_sources_of_equal_content_that_are_there_and_ingested() -> None:
    rows = [row("a.tif", "x"), row("b.tif", "x"), row("c.tif", "y"), row("day/d.tif", "x"), row("e.tif")]
    assert names(duplicates_of(rows)) == [["a.tif", "b.tif", "day/d.tif"]]
    assert duplicates_of([row("a.tif", "x"), row("b.tif", "x", gone_epoch_ns=5)]) == []
    assert duplicates_of([row("a.tif", "x"), row("b.tif", "x", ingested=0)]) == []
    # Those of which nobody knows the content are no twins.
    assert duplicates_of([row("a.tif"), row("b.tif")]) == []


def test_all_that_is_to_be_mended() -> None:
    standing = standing_of(
        table(
            row("b.tif", "x"),
            row("a.tif", "x", conflicts={"data": "1", "analysis/p.json": "2"}),
            row("bad.tif", ingested=0, failure="cut short", failed_epoch_ns=7),
            row("gone.tif", "z", gone_epoch_ns=9),
            row("also gone.tif", "x", gone_epoch_ns=9),
            row("claimed.tif", ingested=0),
        )
    )
    path = "/in{}{}".format(os.sep, "{}").format
    assert standing.failed == {path("bad.tif"): "cut short"}
    assert standing.gone == {f"id of {name}": path(name) for name in ("also gone.tif", "gone.tif")}
    parts = ("data", "analysis/p.json")
    assert standing.conflicts == [Conflict("id of a.tif", "a.tif", part) for part in parts]
    assert standing.duplicates == [(path("a.tif"), path("b.tif"))]
    assert standing_of(table(row("a.tif", "x"))) == standing_of(table()) == SourcesStanding()
