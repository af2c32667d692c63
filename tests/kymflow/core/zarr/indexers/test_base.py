from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import DatasetIndexer, ZarrImageRecord, ensure_image_id_column, normalize_table_name
from kymflow_zarr import ColumnError, InvalidNameError
from support.dtypes import TEXT

# The contract


class WithClassAttributes:
    name: ClassVar[str] = "stalls"
    table_name: ClassVar[str] = "stalls"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame()


@dataclass(frozen=True)
class WithFrozenFields:
    name: str = "stalls"
    table_name: str = "stalls"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame()


class WithProperties:
    @property
    def name(self) -> str:
        return "stalls"

    @property
    def table_name(self) -> str:
        return "stalls"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame()


class WithoutTableName:
    name = "stalls"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame()


@pytest.mark.parametrize("kind", [WithClassAttributes, WithFrozenFields, WithProperties])
def test_class_attributes_frozen_fields_and_properties_fit_the_protocol(kind: type) -> None:
    assert isinstance(kind(), DatasetIndexer)


def test_an_object_without_table_name_does_not_fit() -> None:
    assert not isinstance(WithoutTableName(), DatasetIndexer)


# ensure_image_id_column


def test_image_id_comes_first_and_is_filled_in() -> None:
    rows = ensure_image_id_column(pd.DataFrame({"roi_id": [1, 2]}), "a")

    assert_frame_equal(rows, pd.DataFrame({"image_id": ["a", "a"], "roi_id": [1, 2]}))


def test_missing_image_ids_are_filled_in() -> None:
    rows = ensure_image_id_column(pd.DataFrame({"roi_id": [1, 2], "image_id": ["a", None]}), "a")

    assert list(rows.columns) == ["image_id", "roi_id"]
    assert list(rows["image_id"]) == ["a", "a"]


def test_a_frame_without_rows_gets_a_text_column() -> None:
    rows = ensure_image_id_column(pd.DataFrame(), "a")

    assert list(rows.columns) == ["image_id"]
    assert rows["image_id"].dtype == TEXT
    assert len(rows) == 0


def test_the_frame_given_is_not_changed() -> None:
    given = pd.DataFrame({"roi_id": [1]})

    ensure_image_id_column(given, "a")

    assert list(given.columns) == ["roi_id"]


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_rows_that_claim_another_image_are_refused(dtype: str) -> None:
    rows = pd.DataFrame({"image_id": pd.Series(["a", "b", "b"], dtype=dtype)})

    with pytest.raises(ColumnError, match="2 of 3 rows claim image 'b'.*image 'a'"):
        ensure_image_id_column(rows, "a")


# normalize_table_name


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("stalls", "stalls"),
        ("Radon Report", "radon_report"),
        ("  flow--per.ROI  ", "flow_per_roi"),
        ("Ängström", "angstrom"),
        ("_private_", "private"),
        ("2p", "2p"),
        ("../climb", "climb"),
    ],
)
def test_table_names_become_lower_case_letters_digits_and_underscores(name: str, normal: str) -> None:
    assert normalize_table_name(name) == normal


def test_normalizing_twice_changes_nothing() -> None:
    assert normalize_table_name(normalize_table_name("A  Long / Name")) == "a_long_name"


@pytest.mark.parametrize("name", ["", "  ", "__", "日本", "x" * 101])
def test_a_name_of_which_nothing_is_left_or_too_much_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError, match="cannot name a table: use 1 to 100 letters"):
        normalize_table_name(name)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidNameError, match="must be a str, got int: 5"):
        normalize_table_name(5)  # type: ignore[arg-type]
