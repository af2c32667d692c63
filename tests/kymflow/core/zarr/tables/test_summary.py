"""A dataset as a notebook shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import KymDataset
from support.simple_indexers import frame


def plain_html(kd: KymDataset) -> str:
    return kd._repr_html_().replace(' style="text-align: left"', "")


def test_it_tells_path_format_images_and_tables_with_what_made_them(kd: KymDataset) -> None:
    kd.rebuild("radon_report")
    kd.ds.save_table("mine", frame(image_id=["<b>"], x=[1]))
    html = plain_html(kd)
    for words in (
        "<th>path</th><th>mode</th><th>format</th><th>images</th><th>tables</th>",
        f"<td>{kd.ds.path}</td><td>a</td><td>Zarr v3</td><td>{len(kd.ds.list_image_ids())}</td><td>2</td>",
        "<td>mine</td><td>1</td><td>2</td><td>hand, or another program</td>",
        "<td>radon_report</td>",
        "indexer radon_report",
    ):
        assert words in html
    assert list(kd.tables) == ["radon_report"]


def test_a_damaged_table_is_said_and_costs_no_other(kd: KymDataset) -> None:
    kd.ds.save_table("mine", frame(image_id=["a"]))
    kd.ds.save_table("theirs", frame(image_id=["a"]))
    (Path(kd.ds.path) / "tables" / "mine.parquet").write_bytes(b"PAR1")
    html = plain_html(kd)
    assert "table &#x27;mine&#x27; of" in html
    assert "<td>theirs</td><td>1</td>" in html


def test_a_dataset_that_cannot_be_listed_says_why(kd: KymDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from kymflow_zarr.errors import StoreError

    def refuse(*args: object) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(type(kd.ds), "list_image_ids", refuse)
    html = plain_html(kd)
    assert "<th>problem</th></tr>" in html
    assert "<td>the disk is gone</td></tr>" in html
