"""Rows that an indexer derives of other tables: their columns and types, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from kymflow import Column, DeriveError, KymDataset, PluginWarning, RowsError
from support.simple_indexers import frame
from support.table_indexers import FromTables, raising

TableFile = Callable[[KymDataset, str], Path]


@pytest.fixture
def lab(kd: KymDataset) -> KymDataset:
    """With a table saved by hand, of which others are made."""
    kd.ds.save_table("cells", frame(condition=["rest", "rest", "drug"], hz=[8.0, 9.0, None]))
    return kd


def derived(kd: KymDataset, rows: object, **how: object) -> pd.DataFrame:
    return kd.rebuild(FromTables("means", "cells", derive=lambda _: rows, **how))  # type: ignore[arg-type]


def test_declared_columns_come_first_with_their_types_units_and_descriptions(
    lab: KymDataset, table_file: TableFile
) -> None:
    columns = (Column("condition", "str"), Column("mean_hz", "float", "Hz", "Mean rate"))
    rows = frame(n=[2, 1], mean_hz=[8, 9], condition=["rest", "drug"])

    table = derived(lab, rows, columns=columns)

    assert table.columns.tolist() == ["condition", "mean_hz", "n"]
    assert table["mean_hz"].tolist() == [8.0, 9.0]
    schema = pq.read_schema(table_file(lab, "means"))
    assert schema.field("mean_hz").metadata == {b"unit": b"Hz", b"description": b"Mean rate"}
    assert lab.describe_table("means").columns[1].unit == "Hz"


def test_no_rows_leave_the_declared_columns(lab: KymDataset) -> None:
    table = derived(lab, pd.DataFrame(), columns=(Column("condition", "str"), Column("n", "int")))

    assert (table.columns.tolist(), len(table)) == (["condition", "n"], 0)


def test_the_rows_of_images_keep_their_ids(lab: KymDataset) -> None:
    assert derived(lab, frame(n=[1, 2], image_id=["b", "a"]))["image_id"].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"a": [1]}, "indexer 'means', table 'means': derive must return a DataFrame, got dict"),
        (None, "derive must return a DataFrame, got NoneType"),
        (
            frame(condition=["a"], x=[1]).groupby("condition").sum(),
            r"with 'condition' in its index, which would be lost: end with \.reset_index\(\)",
        ),
        (frame(x=[1]), "the required column 'n' is missing; it gave \\['x'\\]"),
        (frame(n=["many"]), "column 'n' is declared int, got .*string"),
        (frame(n=[1], z=[1j]), "column 'z'"),
        (frame(n=[1], image_id=[7]), "column 'image_id' must be text, got int64"),
    ],
)
def test_what_cannot_be_rows_is_refused_and_named(lab: KymDataset, rows: object, message: str) -> None:
    with pytest.raises(RowsError, match=message):
        derived(lab, rows, columns=(Column("n", "int"),))
    assert "means" not in lab.ds.list_table_names()


def test_a_frame_of_nothing_at_all_is_refused(lab: KymDataset) -> None:
    with pytest.raises(RowsError, match="derive returned a DataFrame without columns, and none is declared"):
        derived(lab, pd.DataFrame())


@pytest.mark.parametrize("error", [ValueError("no rest"), SystemExit(3), RecursionError("deep")])
def test_whatever_derive_raises_is_told_of_the_indexer(lab: KymDataset, error: BaseException) -> None:
    with pytest.raises(
        DeriveError, match=f"indexer 'means', table 'means': derive raised {type(error).__name__}: "
    ):
        lab.rebuild(FromTables("means", "cells", derive=raising(error)))


def test_what_derive_does_to_its_tables_changes_no_other(lab: KymDataset) -> None:
    def spoil(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
        tables["cells"]["hz"] = 0.0
        return tables.pop("cells")

    lab.rebuild(FromTables("spoilt", "cells", derive=spoil))  # type: ignore[arg-type]

    assert lab.get_table("cells")["hz"].tolist()[:2] == [8.0, 9.0]
    assert lab.get_table("spoilt")["hz"].tolist() == [0.0] * 3


def test_what_derive_changes_in_the_process_is_put_back_and_told(
    lab: KymDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def moves(_: object) -> pd.DataFrame:
        import os

        os.chdir("/")
        return frame(n=[1])

    with pytest.warns(PluginWarning, match="indexer 'means'"):
        derived_table = lab.rebuild(FromTables("means", "cells", derive=moves))

    assert len(derived_table) == 1
    assert Path.cwd() == tmp_path
