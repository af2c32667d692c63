"""A table in a notebook: its file first, units in the header, every text escaped."""

from __future__ import annotations

import math

import pandas as pd
import pytest

import kymflow_view
from kymflow import KymDataset, TableNotFoundError
from kymflow_view.tables.html import cell, table_html
from support.viewed_lab import SCRIPT, make_viewed_lab


def test_a_table_shows_its_first_rows(tmp_path_factory: pytest.TempPathFactory) -> None:
    kd = make_viewed_lab(tmp_path_factory.mktemp("lab"))
    shown = kymflow_view.table(kd, "radon_report", n_shown=2)
    html = shown._repr_html_()
    assert repr(shown).startswith("<table radon_report: 5 rows, ")
    assert "<strong>radon_report</strong>: 2 of 5 rows" in html
    assert html.index("rel_path") < html.index("file_name") < html.index("mean_velocity (mm/s)")
    assert 'title="Mean of the valid velocities"' in html
    assert html.count("<tr>") == 3
    assert "image_id" not in html
    joined = kymflow_view.table(kd, "velocity_events", with_images=True)
    assert "duration_s (s)" in joined._repr_html_()
    assert SCRIPT not in joined._repr_html_()
    assert "&lt;script&gt;" in joined._repr_html_()


def test_a_joined_column_of_another_name_keeps_its_unit(tmp_path_factory: pytest.TempPathFactory) -> None:
    kd = make_viewed_lab(tmp_path_factory.mktemp("lab"))
    ids = kd.get_table("images")["image_id"].tolist()
    kd.ds.save_table("own", pd.DataFrame({"image_id": ids, "duration_s": [1.0] * len(ids)}))
    html = kymflow_view.table(kd, "own", with_images=True)._repr_html_()
    assert ">image_duration_s (s)<" in html
    assert ">duration_s<" in html


def test_a_hostile_header_and_an_empty_table_are_text(tmp_path_factory: pytest.TempPathFactory) -> None:
    kd = KymDataset(tmp_path_factory.mktemp("lab") / "lab.zarr", mode="a")
    kd.ds.save_table("odd", pd.DataFrame({"image_id": ["a"], "<b>": [1.5]}).iloc[:0])
    html = kymflow_view.table(kd, "odd")._repr_html_()
    assert "&lt;b&gt;" in html
    assert "0 of 0 rows" in html
    with pytest.raises(TableNotFoundError, match="no table 'nothing'"):
        kymflow_view.table(kd, "nothing")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (pd.NaT, ""),
        (True, "yes"),
        (12345, "12,345"),
        (0.123456789, "0.12346"),
        (-310_060.7, "-310,061"),
        (math.inf, "inf"),
        ("a\nb\x1b<&\"'>", "a b\N{REPLACEMENT CHARACTER}&lt;&amp;&quot;&#x27;&gt;"),
        ("x" * 300, "x" * 200 + " ..."),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert cell(value) == text


def test_quotes_in_a_description_end_no_attribute() -> None:
    assert 'title="a &quot;b&quot;"' in table_html([("n", 'a "b"')], [])
