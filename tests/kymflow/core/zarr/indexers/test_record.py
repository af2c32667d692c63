"""Rows as plain values of a record."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow import (
    Column,
    ExtractionError,
    IndexerRegistry,
    KymDataset,
    RecordIndexer,
    ZarrImageRecord,
)
from kymflow_zarr import ColumnError, InvalidNameError
from support.simple_indexers import FrameIndexer, add_image, frame

IDS = [f"i{number}" for number in range(5)]


class Values(RecordIndexer):
    """The rows that artifact ``rows`` has; its values may be anything that JSON has."""

    name = "values"
    columns = (
        Column("count", "int"),
        Column("size_um", "float", "um", required=False),
        Column("label", "str", required=False),
    )
    reads = ("rows.json",)

    def rows(self, rec: ZarrImageRecord) -> Iterator[Mapping[str, Any]]:
        if rec.has_artifact("rows"):
            yield from rec.load_json("rows")


@pytest.fixture
def kd(tmp_path: Any) -> KymDataset:
    kd = KymDataset(tmp_path / "lab.zarr", "a", registry=IndexerRegistry(()))
    for image_id in IDS:
        add_image(kd, image_id)
    return kd


def test_rows_become_a_table_with_declared_columns_first(kd: KymDataset) -> None:
    kd.ds.record("i1").save_json("rows", [{"who": "me", "count": 2}, {"size_um": 3, "who": None}])

    table = kd.rebuild(Values())

    assert list(table.columns) == ["image_id", "count", "who", "size_um"]
    assert table["image_id"].tolist() == ["i1", "i1"]
    assert table["count"].astype(object).where(table["count"].notna(), None).tolist() == [2, None]
    assert table["size_um"].tolist()[1] == 3.0


def test_extract_rows_gives_what_the_table_gets(kd: KymDataset) -> None:
    kd.ds.record("i1").save_json("rows", [{"count": 2, "who": "me"}])

    rows = Values().extract_rows(kd.ds.record("i1"))

    pd.testing.assert_frame_equal(rows, kd.rebuild(Values()))


def test_a_value_that_does_not_fit_fails_just_its_image(kd: KymDataset) -> None:
    for image_id, count in zip(IDS, (1, "many", 3, 2.5, 5), strict=True):
        kd.ds.record(image_id).save_json("rows", [{"count": count}])

    table = kd.rebuild(Values(), on_error="skip")

    assert table["image_id"].tolist() == ["i0", "i2", "i4"]
    failed = kd.reports["values"].failed
    assert list(failed) == ["i1", "i3"]
    assert (
        "indexer 'values', image 'i1': extract_rows raised ColumnError: column 'count' is declared int"
        in failed["i1"]
    )
    with pytest.raises(ExtractionError, match="image 'i1'.*column 'count' is declared int"):
        kd.rebuild(Values())


@pytest.mark.parametrize(
    ("rows", "what"), [("text", "ColumnError: rows.. must give mappings, got str: 't'"), (3, "TypeError")]
)
def test_what_the_indexer_raises_names_the_image(kd: KymDataset, rows: object, what: str) -> None:
    kd.ds.record("i3").save_json("rows", rows)

    with pytest.raises(ExtractionError, match=f"indexer 'values', image 'i3': extract_rows raised {what}"):
        kd.rebuild(Values())


def test_names_of_columns_are_text() -> None:
    class Numbered(RecordIndexer):
        name = "numbered"

        def rows(self, rec: ZarrImageRecord) -> Iterator[Mapping[Any, Any]]:
            yield {3: 1}

    with pytest.raises(ColumnError, match="column names must be str, got int: 3"):
        Numbered().extract_rows(None)  # type: ignore[arg-type]


def test_objects_and_lists_among_the_values_are_columns_too(kd: KymDataset) -> None:
    kd.ds.record("i0").save_json("rows", [{"count": 1, "box": {"x0": 1}, "tags": ["a"]}])
    kd.ds.record("i1").save_json("rows", [{"count": 2, "box": {"x1": 2.5}, "tags": []}])

    table = kd.rebuild(Values())

    assert table["box"].tolist() == [{"x0": 1.0, "x1": None}, {"x0": None, "x1": 2.5}]
    assert [list(tags) for tags in table["tags"]] == [["a"], []]


def test_times_are_values(kd: KymDataset) -> None:
    class Times(RecordIndexer):
        name = "times"
        columns = (Column("acquired", "datetime"),)

        def rows(self, rec: ZarrImageRecord) -> Iterator[Mapping[str, Any]]:
            yield {"acquired": datetime.datetime(2025, 7, 22, 12, 14, 20) if rec.image_id == "i2" else None}

    table = kd.rebuild(Times())

    assert str(table["acquired"].dtype) == "datetime64[us]"
    assert table["acquired"].notna().tolist() == [False, False, True, False, False]


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(width=32),
    st.sampled_from(["", "a"]),
    st.just({"k": 1}),
)
ROW = st.dictionaries(st.sampled_from(["count", "size_um", "label", "x", "y"]), PLAIN, max_size=4)


@given(
    st.lists(st.lists(ROW, max_size=3), min_size=5, max_size=5),
    st.lists(st.lists(ROW, max_size=2), max_size=3),
)
def test_images_extracted_together_or_alone_give_the_same(
    before: list[list[dict[str, Any]]], edits: list[list[dict[str, Any]]]
) -> None:
    kd = KymDataset("memory://", "w", registry=IndexerRegistry(()))
    for image_id, rows in zip(IDS, before, strict=True):
        add_image(kd, image_id).save_json("rows", rows)
    kd.rebuild(Values(), on_error="skip")
    for image_id, rows in zip(IDS, edits, strict=False):
        kd.ds.record(image_id).save_json("rows", rows)
        kd.update_images(Values(), [image_id], on_error="skip")

    table = kd.refresh(Values(), on_error="skip")
    failed = kd.reports["values"].failed
    if failed:
        # A failed image keeps its old rows, so that only what is fresh can be compared.
        return
    once_more = kd.rebuild(Values(), on_error="skip")
    pd.testing.assert_frame_equal(table, once_more)


def test_reads_must_be_a_sequence() -> None:
    with pytest.raises(InvalidNameError, match=r"reads must be a sequence, got 'rows\.json'"):

        class OneName(RecordIndexer):
            name = "one"
            reads = "rows.json"


def test_a_class_needs_a_name() -> None:
    with pytest.raises(InvalidNameError, match="needs a class attribute name"):

        class NoName(RecordIndexer):
            pass


def test_columns_of_one_row_set_that_do_not_go_together_are_told(kd: KymDataset) -> None:
    kd.ds.record("i0").save_json("rows", [{"x": 1}, {"x": "a"}])

    with pytest.raises(ColumnError, match="column 'x': "):
        Values().extract_rows(kd.ds.record("i0"))


class Given(RecordIndexer):
    """The rows that it was given, by image."""

    name = "given"
    columns = (Column("x", "float"), Column("when", "datetime", required=False))

    def __init__(self, rows: Mapping[str, Any]) -> None:
        self._rows = rows

    def rows(self, rec: ZarrImageRecord) -> Iterator[Mapping[str, Any]]:
        yield from self._rows.get(rec.image_id, ())


NOON = datetime.datetime(2025, 7, 22, 12)
EAST = NOON.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2)))


@pytest.mark.parametrize("odd", [{"x": True}, {"when": EAST}, {"x": "1"}])
def test_what_other_images_have_never_makes_a_value_fit(kd: KymDataset, odd: dict[str, Any]) -> None:
    given = Given({"i0": [{"x": 1.5, "when": NOON}], "i1": [{"x": 1.5, **odd}], "i2": [{"x": 2}]})

    kd.rebuild(given, on_error="skip")

    assert list(kd.reports["given"].failed) == ["i1"]
    kd.update_images(given, ["i1"], on_error="skip")
    assert list(kd.reports["given"].failed) == ["i1"]


@pytest.mark.parametrize("value", [pd.NA, np.array([1.0, 2.0]), np.float64(2.5), datetime.date(2025, 7, 22)])
def test_values_that_are_not_plain_go_alone(kd: KymDataset, value: object) -> None:
    table = kd.rebuild(Given({"i0": [{"x": 1.0, "y": value}], "i1": [{"x": 2.0}]}))

    assert kd.reports["given"].failed == {}
    assert table["x"].tolist() == [1.0, 2.0]


def test_values_that_arrow_refuses_fail_just_their_image(kd: KymDataset) -> None:
    table = kd.rebuild(Given({"i0": [{"y": object()}], "i1": [{"x": 2.0}]}), on_error="skip")

    assert table["image_id"].tolist() == ["i1"]
    assert list(kd.reports["given"].failed) == ["i0"]


def test_an_indexer_with_code_of_its_own_is_asked_for_that(kd: KymDataset) -> None:
    class Twice(Given):
        name = "twice"

        def read_rows(self, rec: ZarrImageRecord) -> pa.Table:
            table = super().read_rows(rec)
            return table.append_column("b", pa.array([2] * len(table), pa.int64()))

    table = kd.rebuild(Twice({"i0": [{"x": 1.0}]}))

    assert table["b"].tolist() == [2]


def test_reads_of_another_indexer_are_its_own(kd: KymDataset) -> None:
    indexer = FrameIndexer({"i0": frame(x=[1])})
    indexer.reads = True  # type: ignore[attr-defined]

    assert kd.rebuild(indexer)["x"].tolist() == [1]
