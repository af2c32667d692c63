"""One record and many: what is taken, what is refused, and how far it is."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kymflow import Column, DatasetIndexer, ExtractionError, KymDataset, RowsError, ZarrImageRecord
from kymflow.core.runs.options import RunOptions
from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.extraction.run import extract_images
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow_indexers_builtin import VelocityEventsIndexer
from kymflow_zarr import CancelledError, ReadOnlyError
from support.simple_indexers import FrameIndexer, frame


def extract(kd: KymDataset, rows: object, **contract: Any) -> pa.Table:
    return extract_one(kd, FrameIndexer({"c": rows}, **contract)).rows_of(0)


def extract_one(kd: KymDataset, indexer: DatasetIndexer) -> Batch:
    return extract_images(kd.ds, indexer, contract_of(indexer), ["c"], RunOptions())[0]


def many(kd: KymDataset, rows: dict[str, object], **options: Any) -> tuple[Batch, dict[str, str]]:
    indexer = FrameIndexer(rows)
    found, errors = extract_images(
        kd.ds, indexer, contract_of(indexer), kd.ds.list_image_ids(), RunOptions(**options)
    )
    return found, {image_id: str(error) for image_id, error in errors.items()}


# What is taken


def test_image_id_comes_first_and_is_filled_in(kd: KymDataset) -> None:
    assert extract(kd, frame(x=[1, 2])).to_pydict() == {"image_id": ["c", "c"], "x": [1, 2]}


def test_an_image_id_column_that_agrees_or_is_missing_is_taken(kd: KymDataset) -> None:
    rows = extract(kd, frame(x=[1, 2], image_id=["c", None]))

    assert rows.to_pydict() == {"image_id": ["c", "c"], "x": [1, 2]}


def test_an_image_id_column_of_categories_is_taken(kd: KymDataset) -> None:
    rows = extract(kd, frame(image_id=pd.Series(["c"], dtype="category"), x=[1]))

    assert rows.to_pydict() == {"image_id": ["c"], "x": [1]}


def test_the_index_is_ignored_and_order_is_kept(kd: KymDataset) -> None:
    rows = extract(kd, pd.DataFrame({"x": [3, 1, 2]}, index=[7, 7, "a"]))

    assert rows.to_pydict()["x"] == [3, 1, 2]


def test_rows_without_any_column_count_as_rows(kd: KymDataset) -> None:
    assert extract(kd, frame(image_id=["c", "c"])).num_rows == 2


@pytest.mark.parametrize("empty", [pd.DataFrame(), pd.DataFrame({"x": pd.Series([], dtype="int64")})])
def test_no_rows_are_an_answer_that_gives_no_schema(kd: KymDataset, empty: pd.DataFrame) -> None:
    rows = extract_one(kd, FrameIndexer({"c": empty}, required=["x"]))

    assert rows.counts.tolist() == [0]
    assert rows.schemas[rows.own_codes[0]] == pa.schema([])


def test_declared_types_are_brought_about(kd: KymDataset) -> None:
    columns = [Column("t1_s", "float"), Column("kind", "str", required=False)]

    assert extract(kd, frame(t1_s=[1]), columns=columns).schema.field("t1_s").type == pa.float64()


def test_a_declared_text_column_may_be_pandas_categories(kd: KymDataset) -> None:
    rows = extract(kd, frame(kind=pd.Series(["a", None], dtype="category")), columns=[Column("kind", "str")])

    assert rows.to_pydict()["kind"] == ["a", None]


def test_a_categorical_column_of_an_event_table_is_taken(kd: KymDataset) -> None:
    events = frame(roi_id=[1, 1], kind=pd.Series(["stall", "drop"], dtype="category"))
    kd.ds.record("c").save_df_parquet("velocity_events", events)

    assert kd.rebuild("velocity_events").loc[lambda t: t["image_id"] == "c", "kind"].tolist() == [
        "stall",
        "drop",
    ]


def test_the_indexer_gets_a_read_only_record(kd: KymDataset) -> None:
    class Writer:
        name = table_name = "writer"

        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            rec.save_json("mark", {})
            return pd.DataFrame()

    with pytest.raises(ExtractionError, match="'writer', image 'a'.*raised ReadOnlyError") as caught:
        kd.rebuild(Writer())
    assert isinstance(caught.value.__cause__, ReadOnlyError)
    assert "images/a/analysis/mark.json" not in kd.ds.record("a").list_analysis_keys()


# What is refused: always by indexer, image and cause


def test_an_indexer_that_raises_is_named_with_its_image_and_the_cause_is_chained(kd: KymDataset) -> None:
    with pytest.raises(
        ExtractionError, match="indexer 'lab', image 'c': extract_rows raised ZeroDiv"
    ) as caught:
        extract(kd, ZeroDivisionError("no lines"))

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert (caught.value.indexer, caught.value.table_name, caught.value.image_id) == ("lab", "lab", "c")


@pytest.mark.parametrize("rows", [None, [{"x": 1}], {"x": [1]}, "rows", pd.Series([1])])
def test_something_else_than_a_dataframe_is_refused(kd: KymDataset, rows: object) -> None:
    with pytest.raises(
        RowsError, match=f"'lab', image 'c': extract_rows must return a DataFrame, got {type(rows).__name__}"
    ):
        extract(kd, rows)


def test_rows_of_another_image_are_refused(kd: KymDataset) -> None:
    with pytest.raises(RowsError, match="'lab', image 'c': 1 of 3 rows claim image 'a'") as caught:
        extract(kd, frame(image_id=["c", "a", None]))

    assert caught.value.column == "image_id"


def test_image_ids_that_are_no_text_are_refused(kd: KymDataset) -> None:
    with pytest.raises(RowsError, match="'lab', image 'c': column 'image_id' must be text, got int64"):
        extract(kd, frame(image_id=[5]))


def test_a_missing_required_column_is_refused(kd: KymDataset) -> None:
    with pytest.raises(RowsError, match="'lab', image 'c': the required column 'roi_id' is missing.*'x'"):
        extract(kd, frame(x=[1]), required=["x", "roi_id"])


def test_a_value_of_another_type_than_declared_is_refused(kd: KymDataset) -> None:
    with pytest.raises(RowsError, match="'lab', image 'c': column 't1_s' is declared float, got .*string"):
        extract(kd, frame(t1_s=["late"]), columns=[Column("t1_s", "float")])


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (pd.DataFrame({"x": [1, "two"]}), "column 'x' \\(object\\) cannot be stored"),
        (pd.DataFrame({"x": [1j]}), "column 'x' \\(complex128\\) cannot be stored"),
        (pd.DataFrame({5: [1]}), "column names must be str, got int: 5"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "column 'x' stands twice"),
        (pd.DataFrame({"x": [2**60, None]}, dtype=object), "'x'.*beyond 2\\*\\*53"),
        (pd.DataFrame({"x": pd.Series([2**60, None], dtype="Int64")}), "'x'.*beyond 2\\*\\*53"),
        (pd.DataFrame({"x": [{}]}), "'x'"),
    ],
    ids=["mixed", "complex", "number as name", "twice", "large integers", "large Int64", "empty struct"],
)
def test_values_that_a_table_cannot_hold_are_refused_by_column_and_image(
    kd: KymDataset, rows: pd.DataFrame, cause: str
) -> None:
    with pytest.raises(RowsError, match=f"'lab', image 'c': .*{cause}"):
        kd.rebuild(FrameIndexer({"c": rows}))
    assert kd.ds.list_table_names() == []


def test_rows_of_another_image_in_an_artifact_are_refused(kd: KymDataset) -> None:
    kd.ds.record("c").save_df_parquet("velocity_events", frame(image_id=["a"], roi_id=[1]))
    with pytest.raises(RowsError, match="'velocity_events', image 'c': 1 of 1 rows claim image 'a'"):
        extract_one(kd, VelocityEventsIndexer())


# Many images


def test_every_image_gives_its_rows(kd: KymDataset) -> None:
    rows, failed = many(kd, {"a": frame(x=[1]), "b": frame(x=[2, 3])})

    assert dict(zip(rows.image_ids, rows.counts.tolist(), strict=True)) == {"a": 1, "b": 2, "c": 0}
    assert failed == {}


def test_the_first_failure_is_raised(kd: KymDataset) -> None:
    with pytest.raises(ExtractionError, match="image 'b': extract_rows raised KeyError"):
        many(kd, {"b": KeyError("x"), "c": ValueError("y")})


def test_failures_are_skipped_on_demand_and_told_with_their_cause(kd: KymDataset) -> None:
    rows, failed = many(kd, {"b": KeyError("x"), "a": frame(x=[1])}, on_error="skip")

    assert rows.image_ids == ["a", "c"]
    assert failed == {"b": "indexer 'lab', image 'b': extract_rows raised KeyError: 'x'"}


def test_an_indexer_that_calls_exit_is_a_failure_of_that_image(kd: KymDataset) -> None:
    rows, failed = many(kd, {"b": SystemExit(3), "a": frame(x=[1])}, on_error="skip")

    assert rows.image_ids == ["a", "c"]
    assert "SystemExit" in failed["b"]


def test_progress_counts_every_image_from_none_to_all(kd: KymDataset) -> None:
    told: list[tuple[int, int]] = []

    many(
        kd, {"b": KeyError("x")}, on_error="skip", on_progress=lambda done, total: told.append((done, total))
    )

    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_cancel_stops_before_the_next_image(kd: KymDataset) -> None:
    cancel = threading.Event()

    def after_one(done: int, total: int) -> None:
        if done == 1:
            cancel.set()

    with pytest.raises(
        CancelledError, match="'lab' was cancelled after 1 of 3 images; table 'lab' is as it was"
    ):
        many(kd, {}, on_progress=after_one, cancel=cancel)


def test_an_indexer_may_read_pixels(kd: KymDataset) -> None:
    class MeanIndexer:
        name = table_name = "mean"

        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            return frame(mean=[float(np.mean(rec.load_array()))], height=[rec.get_image_bounds()["height"]])

    table = kd.rebuild(MeanIndexer())

    assert table["mean"].tolist() == [5.5, 5.5, 5.5]
    assert table["height"].tolist() == [4, 4, 4]


@pytest.mark.parametrize("payload", [{"un": [{}]}, {"un": {"m": {}}}, {"un": [[{"m": [{}]}]]}], ids=str)
def test_objects_without_fields_are_missing_in_json_at_any_depth(kd: KymDataset, payload: object) -> None:
    kd.ds.record("c").save_json("radon_report", payload)

    table = kd.rebuild("radon_report")

    assert "{}" not in str(table.loc[table["image_id"] == "c", "un"].item())
    assert table["image_id"].tolist().count("c") == 1


def test_objects_without_fields_of_an_indexer_are_refused_by_image(kd: KymDataset) -> None:
    with pytest.raises(RowsError, match=r"'lab', image 'c': column 'un' holds only empty objects"):
        kd.rebuild(FrameIndexer({"c": frame(un=[{"m": {}}])}))


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.slow
@pytest.mark.parametrize("depth", [33, 300, 3000])
@pytest.mark.parametrize("kind", ["objects", "lists"])
def test_a_column_nested_beyond_reason_concerns_its_image_only(
    four_images: KymDataset, depth: int, kind: str
) -> None:
    value: Any = nested(min(depth, 300))
    if kind == "lists":
        value = 1
        for _ in range(depth):
            value = [value]
    rows = {"a": frame(x=[1]), "b": frame(x=[1], deep=[value])}
    table = four_images.rebuild(FrameIndexer(rows), on_error="skip")
    assert table["x"].tolist() == [1]
    assert "nested" in four_images.reports["lab"].failed["b"]
    assert four_images.ds.load_table("lab")["x"].tolist() == [1]
