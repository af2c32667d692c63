"""Rows as they are asked for: their order, the columns that are joined on, tables of other programs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow.cli.rows import Selection, read_rows
from kymflow_zarr import ColumnError, TableNotFoundError
from support.simple_indexers import frame


@pytest.fixture
def from_folder(kd: KymDataset, folder: Path) -> KymDataset:
    """Images from a folder, beside ``a``, ``b`` and ``c`` that came from none."""
    kd.ingest_folder(folder)
    return kd


def test_rows_are_ordered_by_file_and_then_as_in_the_table(from_folder: KymDataset) -> None:
    rows = read_rows(from_folder, "velocity_events", Selection(source=True)).frame

    table = from_folder.get_table("velocity_events", with_source=True)
    expected = table.sort_values("rel_path", kind="stable", na_position="last", ignore_index=True)
    pd.testing.assert_frame_equal(rows, expected)
    assert rows["image_id"].tolist()[-2:] == ["a", "a"]


def test_a_sort_keeps_the_order_of_what_is_equal(from_folder: KymDataset) -> None:
    def events(sort: str, **how: bool) -> list[str]:
        selection = Selection(sort=sort, columns=("image_id", "kind"), **how)
        return read_rows(from_folder, "velocity_events", selection).frame["kind"].tolist()

    assert events("kind") == sorted(events("kind"))
    assert events("-kind") == events("kind", descending=True) == sorted(events("kind"), reverse=True)
    by_two = read_rows(from_folder, "velocity_events", Selection(sort="image_id,-t0_s")).frame
    expected = by_two.sort_values(["image_id", "t0_s"], ascending=[True, False], ignore_index=True)
    pd.testing.assert_frame_equal(by_two, expected)


def test_a_column_whose_values_have_no_order_cannot_sort(kd: KymDataset) -> None:
    kd.ds.save_table("odd", frame(image_id=["a", "b"], x=[{"k": 1}, {"k": 2}]))

    with pytest.raises(ColumnError, match="--sort: the values of column 'x' have no order"):
        read_rows(kd, "odd", Selection(sort="x"))


def test_a_name_that_begins_with_a_dash_or_has_a_comma_is_a_name_first(kd: KymDataset) -> None:
    kd.ds.save_table("odd", pd.DataFrame({"image_id": ["a", "b"], "-x": [1, 2], "x": [2, 1], "p,q": [0, 0]}))

    assert read_rows(kd, "odd", Selection(sort="-x")).frame["-x"].tolist() == [1, 2]
    assert list(read_rows(kd, "odd", Selection(columns=("p,q", "x, -x"))).frame.columns) == ["p,q", "x", "-x"]


def test_the_limit_counts_after_the_order(from_folder: KymDataset) -> None:
    rows = read_rows(from_folder, "radon_report", Selection(sort="-mean_velocity", limit=1))

    table = from_folder.get_table("radon_report")
    assert rows.frame["mean_velocity"].tolist() == [table["mean_velocity"].max()]
    assert rows.total == len(table)


def test_what_was_asked_for_is_all_that_comes(from_folder: KymDataset) -> None:
    plain = read_rows(from_folder, "radon_report", Selection())
    assert list(plain.frame.columns) == list(from_folder.get_table("radon_report").columns)
    assert plain.columns["mean_velocity"].unit == "mm/s"

    chosen = read_rows(from_folder, "radon_report", Selection(columns=("file_name", "n_valid")))
    assert list(chosen.frame.columns) == list(chosen.columns) == ["file_name", "n_valid"]


def test_a_table_without_images_keeps_its_order(kd: KymDataset) -> None:
    kd.ds.save_table("notes", frame(x=[3, 1, 2]))

    rows = read_rows(kd, "notes", Selection(where="x > 1"))

    assert rows.frame["x"].tolist() == [3, 2]
    assert rows.paths is None
    with pytest.raises(ColumnError, match="table 'notes' of .* has no column 'image_id' to find an image by"):
        read_rows(kd, "notes", Selection(image="a"))
    with pytest.raises(ColumnError, match="--with-images: table 'notes' has no column 'image_id'"):
        read_rows(kd, "notes", Selection(with_images=True))


def test_without_table_images_it_is_said_what_makes_it(kd: KymDataset) -> None:
    kd.ds.save_table("own", frame(image_id=["a"], x=[3]))

    with pytest.raises(TableNotFoundError, match=r"has no table 'images' yet; `kymflow refresh .*` makes it"):
        read_rows(kd, "own", Selection(with_images=True))
