"""The report: all of it in one file, and every name only a text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow_view.figures import THEMES
from kymflow_view.report import report_html
from support.viewed_lab import HOSTILE, SCRIPT, make_viewed_lab


class Page(HTMLParser):
    """Names of elements, attributes, and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    kd = make_viewed_lab(tmp_path_factory.mktemp("lab"))
    frame = pd.DataFrame({"image_id": kd.ds.list_image_ids(), "<i>score": 1.0, "score": range(7)})
    kd.ds.save_table("by_hand", frame)
    return kd


@pytest.fixture(scope="module")
def page(lab: KymDataset) -> str:
    return report_html(lab)


def test_it_needs_nothing_from_elsewhere_and_runs_nothing(page: str) -> None:
    parsed = Page(page)
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base", "foreignobject"}
    for tag, attributes in parsed.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,")), (
                tag,
                attributes,
            )
    policy = next(attributes["content"] for _, attributes in parsed.elements if "http-equiv" in attributes)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not re.search(r"url\((?!#)", page)


def test_names_are_text(page: str) -> None:
    texts = " ".join(Page(page).texts)
    assert SCRIPT not in page
    assert SCRIPT in texts
    assert "<i>" not in page


def test_it_says_how_things_stand(page: str) -> None:
    texts = " ".join(" ".join(Page(page).texts).split())
    assert "7 images, 4 tables" in texts
    for heading in ("Tables", "Counts", "Plots", "Most extreme images", "What failed", "What made this"):
        assert heading in texts
    assert "Sources that failed (1)" in texts
    assert "broken.tif" in texts
    assert "Not analysed (2)" in texts
    assert HOSTILE in texts
    assert "indexer radon_report (schema version 1)" in texts
    assert "hand, or another program" in texts


def test_it_plots_what_there_is_by_what_there_is(page: str) -> None:
    labels = [attributes.get("aria-label") or "" for tag, attributes in Page(page).elements if tag == "svg"]
    plots = [label for label in labels if label.startswith("Strip and box plot of")]
    by = [re.match(r"Strip and box plot of (.*?), one mean for each image", label) for label in plots]
    assert [found[1] for found in by if found] == [
        "n_events by condition",
        "n_events by date",
        "score by condition",
        "score by date",
        "median_velocity (mm/s) by condition",
        "median_velocity (mm/s) by date",
        "score (mm/s) by kind",
    ]
    kymographs = [label for label in labels if label.startswith("Kymograph of")]
    assert 3 <= len(kymographs) <= 8


def test_figures_take_the_colours_of_the_page(page: str) -> None:
    body = page[page.index("<body>") :]
    for name, value in vars(THEMES["light"]).items():
        assert value not in body
        assert f"var(--{name})" in body


def test_figures_share_no_clip_path(page: str) -> None:
    ids = re.findall(r'<clipPath id="([^"]+)"', page)
    assert len(ids) > 5
    assert len(set(ids)) == len(ids)


@pytest.mark.slow
def test_nothing_is_written(lab: KymDataset) -> None:
    def trees() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in Path(lab.ds.path).rglob("*")}

    before = trees()
    report_html(KymDataset(lab.ds.path, mode="r", registry=lab.registry))
    assert trees() == before


def test_an_empty_dataset_and_a_damaged_table_have_a_report_too(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    assert "No table has a column to be plotted." in report_html(kd)
    for name in ("images", "radon_report"):
        (tmp_path / "lab.zarr" / "tables" / f"{name}.parquet").parent.mkdir(exist_ok=True)
        (tmp_path / "lab.zarr" / "tables" / f"{name}.parquet").write_bytes(b"no Parquet")
    kd.ds.add_image([[1, 2], [3, 4]])
    page = report_html(kd)
    assert "cannot be read" in page
    assert "not there, or not readable" in page


def test_columns_of_other_types_than_usual_are_passed_over(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    ids = [kd.ds.add_image([[1, 2], [3, 4]]).image_id for _ in range(2)]
    usual = ("n_events", "n_rois", "accepted", "duration_s")
    texts = {name: ["good", "bad"] for name in usual}
    kd.ds.save_table("images", pd.DataFrame({"image_id": ids, **texts, "condition": ["new", "old"]}))
    lists = {"kind": [["a"], ["b"]], "condition": [["a"], ["b"]]}
    kd.ds.save_table("judged", pd.DataFrame({"image_id": ids, "score": ["good", "bad"]}))
    kd.ds.save_table("grouped", pd.DataFrame({"image_id": ids, "score": [1.0, 2.0], **lists}))
    texts_of_page = Page(report_html(kd)).texts
    assert "score of grouped" in texts_of_page
    assert not {"score of judged", "n_events of images", "recorded, minutes", "accepted"} & set(texts_of_page)
    assert {"new", "old"} <= set(texts_of_page)


def test_an_image_that_cannot_be_drawn_says_why(tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    record = kd.ds.add_image([[1, 2], [3, 4]])
    other = kd.ds.add_image([[1, 2], [3, 4]])
    record.save_metadata_payload({"rois": "none"})
    kd.ds.save_table("t", pd.DataFrame({"image_id": [record.image_id, other.image_id], "score": [1.0, 9.0]}))
    page = report_html(kd)
    assert "It cannot be drawn:" in page
    assert page.count("Kymograph of") == 1
