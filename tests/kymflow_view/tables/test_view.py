"""Rows that are asked for: the same as with pandas, whatever is in the table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow import ColumnError
from kymflow_view.tables import columns
from kymflow_view.tables import view as view_module
from kymflow_view.tables.joined import IMAGES, join
from kymflow_view.tables.query import Condition, Query
from kymflow_view.tables.view import make_view
from support.view_tables import table_of

TEXTS = st.text("aAbBüÜé02 _", max_size=4)
FLOATS = st.sampled_from([0.0, -0.0, 1.5, -2.5, math.inf, -math.inf, math.nan, 1e300])
INTEGERS = st.sampled_from([0, 1, -1, 127, 128, -129, 2**53 + 1, -(2**63), 2**63 - 1])
IDS = st.sampled_from(["img-1", "img-2", "img-10", "IMG-3"])


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    n = draw(st.integers(0, 12))

    def column(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.lists(st.none() | values, min_size=n, max_size=n))

    text = pa.chunked_array([column(TEXTS)], pa.string())
    return pa.table(
        {
            "image_id": pa.array(column(IDS), pa.string()),
            "text": text.dictionary_encode() if draw(st.booleans()) else text,
            "number": pa.array(column(FLOATS), pa.float64()),
            "whole": pa.array(column(INTEGERS), pa.int64()),
            "truth": pa.array(column(st.booleans()), pa.bool_()),
        }
    )


def sort_key(values: pd.Series[Any]) -> pd.Series[Any]:
    """As people sort texts: whatever their case, and numbers by size."""
    if values.name not in ("text", "image_id", "image_text"):
        return values
    parts = values.astype(object).map(lambda text: _parts(text) if isinstance(text, str) else text)
    return parts


def _parts(text: str) -> str:
    """Numbers with as many digits as any other, in front of which nothing else than a digit stands."""
    out, number = "", ""
    for char in [*text.lower(), ""]:
        if char.isdigit():
            number += char
        else:
            out += (f"0{int(number):09}" if number.strip("0") else "/") if number else ""
            out, number = out + char, ""
    return out


def plain(table: pa.Table) -> pd.DataFrame:
    """As objects: what is missing is None, integers stay what they are."""
    values = {
        name: column.to_pylist() for name, column in zip(table.column_names, table.columns, strict=True)
    }
    frame = pd.DataFrame({name: pd.Series(found, dtype=object) for name, found in values.items()})
    return frame.where(frame.notna(), None)


OPERATORS = {
    "=": lambda values, other: values == other,
    "!=": lambda values, other: values != other,
    "<": lambda values, other: values < other,
    "<=": lambda values, other: values <= other,
    ">": lambda values, other: values > other,
    ">=": lambda values, other: values >= other,
}


def holds(frame: pd.DataFrame, condition: Condition) -> pd.Series[Any]:
    values = frame[condition.column]
    there = values.notna()
    if condition.operator in ("missing", "present"):
        return there if condition.operator == "present" else ~there
    if condition.operator == "contains":
        return there & values.map(lambda text: text is not None and condition.value.lower() in text.lower())
    compared = OPERATORS[condition.operator]
    if isinstance(condition.value, str) and condition.operator not in ("=", "!="):
        meets = [compared(_parts(text), _parts(condition.value)) for text in values[there]]
    else:
        meets = [compared(value, condition.value) for value in values[there]]
    found = pd.Series(False, index=frame.index)
    found[there] = np.array(meets, dtype=bool)
    return found


ORDER = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
CONDITIONS = st.one_of(
    st.builds(
        Condition, st.sampled_from(["text", "number", "truth"]), st.sampled_from(["missing", "present"])
    ),
    st.builds(Condition, st.just("text"), ORDER | st.just("contains"), TEXTS),
    st.builds(Condition, st.just("truth"), st.sampled_from(["=", "!="]), st.booleans()),
    st.builds(Condition, st.just("number"), ORDER, FLOATS.filter(lambda value: value == value) | INTEGERS),
    st.builds(
        Condition, st.just("whole"), ORDER, INTEGERS | st.sampled_from([0.5, -1.5, 1e300, math.inf, 2**70])
    ),
)
SORTS = st.lists(
    st.tuples(st.sampled_from(["", "-"]), st.sampled_from(["text", "number", "whole", "truth", "image_id"])),
    max_size=3,
)


@given(tables(), tables(), st.lists(CONDITIONS, max_size=2), SORTS, st.none() | TEXTS, st.booleans())
def test_a_query_gives_the_rows_that_pandas_gives(
    rows: pa.Table,
    of_images: pa.Table,
    where: list[Condition],
    sort: list[tuple[str, str]],
    search: str | None,
    with_images: bool,
) -> None:
    ids = of_images["image_id"].to_pylist()
    first = [
        place for place, image_id in enumerate(ids) if image_id is not None and image_id not in ids[:place]
    ]
    of_images = of_images.take(pa.array(first, pa.int64()))
    frame = plain(rows)
    if with_images:
        joined = plain(of_images).set_index("image_id").add_prefix("image_")
        joined = joined.reindex(frame["image_id"].where(frame["image_id"].notna(), "nobody")).reset_index(
            drop=True
        )
        frame = pd.concat([frame, joined.where(joined.notna(), None)], axis=1)
        where = [Condition(f"image_{one.column}", one.operator, one.value) for one in where]

    chosen = frame
    for one in where:
        chosen = chosen[holds(chosen, one)]
    texts = [name for name in ("image_id", "text", "image_text") if name in frame.columns]
    if search:
        meets = [
            any(text and search.lower() in text.lower() for text in row) for row in chosen[texts].to_numpy()
        ]
        chosen = chosen[np.array(meets, dtype=bool)]
    for sign, name in reversed(sort):
        chosen = chosen.sort_values(name, kind="stable", ascending=not sign, na_position="last", key=sort_key)

    images = table_of(IMAGES, of_images) if with_images else None
    query = Query(search or "", tuple(where), ",".join(sign + name for sign, name in sort), with_images)
    view = make_view(join(table_of("t", rows), images), query)

    assert view.places.tolist() == chosen.index.tolist()
    names = ["image_id", "text", "number", "whole", "truth"]
    names += [f"image_{name}" for name in names[1:]] if with_images else []
    page = view.page(0, 100)
    assert page.columns == names
    assert page.rows == [[shown(value) for value in row] for row in chosen[names].to_numpy().tolist()]
    assert plain(view.arrow(names)).equals(chosen[names].reset_index(drop=True))


def shown(value: Any) -> Any:
    """As JSON can hold it."""
    if isinstance(value, float):
        return None if value != value else value if math.isfinite(value) else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= 2**53 else str(value)
    return value


@given(tables(), st.sampled_from(["text", "number", "whole", "truth", "image_id"]))
def test_values_are_counted_as_pandas_counts_them(rows: pa.Table, name: str) -> None:
    values, more = make_view(join(table_of("t", rows), None), Query()).values(name)

    expected = [shown(value) for value in plain(rows)[name]]
    counts = {value: expected.count(value) for value in expected}
    assert dict(values) == counts
    assert [count for _, count in values] == sorted(counts.values(), reverse=True)
    assert more == 0


def test_very_many_texts_are_counted_and_lists_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MAX_DISTINCT", 10)
    monkeypatch.setattr(columns, "_SAMPLE", 10)
    texts = [*(f"v{number}" for number in range(300)), "v299", None]
    view = make_view(join(table_of("t", pa.table({"text": texts, "list": [[1]] * 302})), None), Query())

    values, more = view.values("text")
    assert values[:4] == [("v299", 2), ("v0", 1), ("v1", 1), ("v2", 1)]
    assert (len(values), more) == (200, 101)
    with pytest.raises(ColumnError, match="column 'list' holds list<.*>, whose values are not counted"):
        view.values("list")
    with pytest.raises(ColumnError, match="table 't' has no column 'nothing'"):
        view.values("nothing")


def test_pieces_are_the_rows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "_PIECE", 2)
    joined = join(table_of("t", pa.table({"n": [3, 1, 2], "text": ["a", None, "b"]})), None)

    pieces = list(make_view(joined, Query(sort="n")).pieces())
    assert [piece.num_rows for piece in pieces] == [2, 1]
    assert pa.concat_tables(pieces).to_pydict() == {"n": [1, 2, 3], "text": [None, "b", "a"]}
    (nothing,) = make_view(joined, Query(search="nobody")).pieces(["text"])
    assert (nothing.num_rows, nothing.column_names) == (0, ["text"])


def test_rows_come_in_the_order_of_their_files_and_so_do_those_that_a_sort_finds_equal() -> None:
    table = pa.table(
        {
            "image_id": ["a", "b", "c", "d"],
            "rel_path": ["day 2/cap_10.tif", None, "day 2/cap_9.tif", "day 1/Cap_11.tif"],
            "n": [1, 2, 3, 3],
        }
    )
    joined = join(table_of("images", table), None)

    assert make_view(joined, Query()).places.tolist() == [3, 2, 0, 1]
    assert make_view(joined, Query(where=(Condition("n", "!=", "1"),))).places.tolist() == [3, 2, 1]
    assert make_view(joined, Query(sort="-n")).places.tolist() == [3, 2, 1, 0]
    numbers = join(table_of("images", table.set_column(1, "rel_path", [[[1], [2], [3], [4]]])), None)
    assert make_view(numbers, Query()).places.tolist() == [0, 1, 2, 3]


def test_a_row_is_where_what_tells_it_apart_is() -> None:
    rows = pa.table(
        {
            "image_id": ["a", "b", "b", "b", "b"],
            "event_id": ["1", "1", "2", "3", None],
            "roi_id": [1, 1, 1, 2, 2],
        }
    )
    view = make_view(join(table_of("t", rows), None), Query())

    def position(event_id: str, roi_id: int, near: int = 0) -> int | None:
        row = (
            Condition("event_id", "=", event_id),
            Condition("absent", "=", 1),
            Condition("roi_id", "=", roi_id),
        )
        return view.position("b", row, near)

    assert position("3", 2) == 3
    # What was edited is told by what tells most, what is gone by the rest, and by its place.
    assert position("2", 7) == 2
    assert [position("gone", 2, near) for near in (0, 3, 4)] == [3, 3, 4]
    assert position("gone", 7) == view.position("b") == 1
    assert view.position("b", (Condition("event_id", "missing"),)) == 4
    assert view.position("absent") is None
