"""Columns of a plot, out of a table and the images that its rows are of."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kymflow import ColumnError
from kymflow_view.pooled import Categories, measure

ROWS = pa.table(
    {
        "image_id": pa.array(["b", "a", "b", None, "z"]),
        "score": pa.array([1, None, 3, 4, 5], pa.int64()),
        "note": ["x", "", "y", "x", None],
    }
)
IMAGES = pa.table(
    {
        "image_id": ["a", "b", "c"],
        "depth": [10.0, 20.0, 30.0],
        "condition": pa.array(["ten", "two", ""]).dictionary_encode(),
        "note": ["of a", "of b", "of c"],
        "rel_path": ["day 1/a.tif", "day 2/b.tif", "day 2/c.tif"],
    }
)


def named(groups: Categories | None) -> list[str | None]:
    assert groups is not None
    return [groups.names[code] if code >= 0 else None for code in groups.codes]


def test_numbers_and_groups_come_from_the_table_or_its_images() -> None:
    found = measure(ROWS, IMAGES, y="score", x="depth", by="condition")

    assert found.y.values.tolist() == pytest.approx([1, np.nan, 3, 4, 5], nan_ok=True)
    assert found.x is not None
    assert found.x.values.tolist() == pytest.approx([20, 10, 20, np.nan, np.nan], nan_ok=True)
    assert named(found.by) == ["two", "ten", "two", None, None]
    assert named(found.images) == ["b", "a", "b", None, "z"]
    assert named(found.folders) == ["/day 2", "/day 1", "/day 2", None, None]


def test_a_column_of_images_that_the_tables_own_hides_has_its_joined_name() -> None:
    assert named(measure(ROWS, IMAGES, y="score", by="note").by) == ["x", None, "y", "x", None]
    assert named(measure(ROWS, IMAGES, y="score", by="image_note").by)[:2] == ["of b", "of a"]
    part = ROWS.select(["image_id", "score"])
    assert named(measure(part, IMAGES, y="score", by="image_note", columns=ROWS.column_names).by)[1] == "of a"


def test_pandas_is_taken_as_well_and_dictionaries_and_chunks() -> None:
    chunked = pa.concat_tables([ROWS.slice(0, 2), ROWS.slice(2)])
    encoded = ROWS.set_column(0, "image_id", ROWS.column("image_id").dictionary_encode())
    expected = named(measure(ROWS, IMAGES, y="score", by="condition").by)
    for rows, images in ((ROWS.to_pandas(), IMAGES.to_pandas()), (chunked, IMAGES), (encoded, IMAGES)):
        assert named(measure(rows, images, y="score", by="condition").by) == expected


def test_units_are_those_of_the_column() -> None:
    field = pa.field("v", pa.float32(), metadata={"unit": "mm/s"})
    rows = pa.table([pa.array([1.5], pa.float32())], pa.schema([field]))
    assert measure(rows, y="v").y.label == "v (mm/s)"
    assert measure(ROWS, y="score").y.label == "score"


@pytest.mark.parametrize(
    ("units", "label"),
    [
        (["um/s", "um/s", "mm/s"], "v (µm/s)"),
        (["um/s", None, "mm/s"], "v (MIXED: mm/s and µm/s)"),
        ([None, None, None], "v (mm/s)"),
    ],
)
def test_velocities_have_the_unit_that_their_rows_tell(units: list[str | None], label: str) -> None:
    fields = [pa.field("v", pa.float64(), metadata={"unit": "mm/s"}), pa.field("velocity_unit", pa.string())]
    rows = pa.table([pa.array([1.0, 2.0, None]), pa.array(units, pa.string())], pa.schema(fields))
    # The last row has no velocity, and so no say.
    assert measure(rows, y="v").y.label == label


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (pa.array(["10 um", "9 um", "100 um"]), ["9 um", "10 um", "100 um"]),
        (pa.array([True, False, None]), ["false", "true"]),
        (pa.array([10, 9, 100]), ["9", "10", "100"]),
        (pa.array([0.5, float("nan"), 2.0]), ["0.5", "2"]),
        (pa.array([0.1, 0.05, 0.25]), ["0.05", "0.1", "0.25"]),
        (pa.array([10, -1, -20]).dictionary_encode(), ["-20", "-1", "10"]),
        (pa.array([float("inf"), 1e30, -1e-30]), ["-1e-30", "1e+30", "inf"]),
        (pa.array([datetime.datetime(2026, 1, day, 9) for day in (2, 1, 2)]), ["2026-01-01", "2026-01-02"]),
        (
            # Ten in the evening in UTC is the next day in Berlin in summer.
            pa.array([1_714_600_800, 1_704_067_200, None], pa.timestamp("s", "Europe/Berlin")),
            ["2024-01-01", "2024-05-02"],
        ),
        (pa.array(["9" * 5000, "²", "٣"]), ["²", "٣", "9" * 5000]),
        (pa.array([None, None, None]), []),
    ],
)
def test_groups_are_named_and_ordered_as_people_would(values: Any, names: list[str]) -> None:
    rows = pa.table({"y": [1.0, 2.0, 3.0], "by": values})
    groups = measure(rows, y="y", by="by").by
    assert groups is not None
    assert sorted(groups.names) == sorted(names)
    if "²" not in names:
        assert list(groups.names) == names


def test_a_table_without_rows_or_columns_of_images() -> None:
    found = measure(ROWS.slice(0, 0), IMAGES, y="score", by="condition")
    assert len(found.y.values) == 0
    alone = measure(pd.DataFrame({"y": [1.0]}), IMAGES, y="y")
    assert (alone.images, alone.folders) == (None, None)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"y": "scor"}, "table 'events' has no column 'scor'; did you mean 'score'"),
        ({"y": "zzz"}, "has no column 'zzz'; it has image_id, score, note, depth, condition, image_note"),
        ({"y": "note"}, "column 'note' of table 'events' has no numbers but string"),
        ({"y": "score", "by": "lists"}, "rows cannot be grouped by 'lists', whose values are list"),
    ],
)
def test_what_cannot_be_plotted_is_an_error(columns: dict[str, str], message: str) -> None:
    images = IMAGES.append_column("lists", pa.array([[1], [2], [3]]))
    with pytest.raises(ColumnError, match=message):
        measure(ROWS, images, table="events", **columns)
