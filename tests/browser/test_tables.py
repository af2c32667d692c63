"""Tables: sorted, filtered, searched, joined, exported; by mouse, by keyboard, and by address alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from support.view_lab import FORMULA, HOSTILE_STEMS, LONG, N_IMAGES, SCRIPT
from support.viewer import Viewer


def header(page: Page, name: str) -> Locator:
    return page.get_by_role("columnheader", name=name, exact=True)


def row_count(page: Page) -> Locator:
    return page.get_by_role("group", name="Rows of").get_by_role("status")


def column(page: Page, name: str) -> Locator:
    """Return the cells of a column, from the first row in view to the last."""
    head = page.get_by_role("columnheader").filter(has=page.get_by_label(f"Filter {name}", exact=True))
    # Only columns in view have cells.
    head.scroll_into_view_if_needed()
    return page.locator(f"[role=gridcell][aria-colindex='{head.get_attribute('aria-colindex')}']:visible")


def left_of(part: Locator) -> int:
    box = part.bounding_box()
    assert box is not None
    return round(box["x"])


@pytest.fixture
def images(page: Page, server: Viewer) -> Page:
    page.goto(f"{server.origin}/images")
    expect(page.get_by_role("gridcell", name=LONG, exact=True)).to_be_visible()
    return page


def test_a_click_on_a_column_sorts_and_another_one_turns_it_round(images: Page) -> None:
    head = header(images, "lines")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(column(images, "lines")).to_have_text(["1000"] * 9 + ["30000"] * 2)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(column(images, "lines")).to_have_text(["30000"] * 2 + ["1000"] * 9)
    assert "sort=-lines" in images.url


def test_the_back_button_leads_through_pages_with_their_filters(images: Page) -> None:
    images.get_by_role("searchbox").fill("three ro")
    expect(row_count(images)).to_have_text("1 of 11 rows")
    images.get_by_role("link", name="vessels").click()
    expect(row_count(images)).to_have_text("11 rows")
    images.go_back()

    expect(row_count(images)).to_have_text("1 of 11 rows")
    expect(images.get_by_role("searchbox")).to_have_value("three ro")


def test_a_wide_table_has_the_cells_of_the_columns_in_view(images: Page) -> None:
    images.set_viewport_size({"width": 600, "height": 600})
    file_names = images.get_by_role("gridcell", name=LONG, exact=True)
    last = images.get_by_role("columnheader").last
    ids = images.locator(f"[role=gridcell][aria-colindex='{last.get_attribute('aria-colindex')}']:visible")
    expect(file_names).to_be_visible()
    expect(ids).to_have_count(0)
    last.scroll_into_view_if_needed()

    expect(ids).to_have_count(N_IMAGES)
    expect(ids.first).to_be_in_viewport()
    expect(file_names).to_have_count(0)
    assert left_of(ids.first) == left_of(last)


def test_a_column_that_is_made_wider_moves_those_beside_it(images: Page) -> None:
    second = images.get_by_role("columnheader").nth(1)
    cell = images.locator("[role=gridcell][aria-colindex='2']").first
    before = left_of(second)
    handle = images.locator(".tabulator-col-resize-handle").first.bounding_box()
    assert handle is not None
    images.mouse.move(handle["x"] + 1, handle["y"] + 1)
    images.mouse.down()
    images.mouse.move(handle["x"] + 81, handle["y"] + 1)
    images.mouse.up()

    assert left_of(second) == left_of(cell) == before + 80
    images.reload()
    expect(cell).to_be_visible()
    assert left_of(second) == left_of(cell) == before + 80


def test_a_filter_of_a_number_and_one_of_a_text(images: Page) -> None:
    images.get_by_label("Filter lines").fill("> 1000")
    expect(row_count(images)).to_have_text("2 of 11 rows")
    images.get_by_label("Filter file_name").fill("three")

    expect(row_count(images)).to_have_text("1 of 11 rows")
    expect(column(images, "file_name")).to_have_text(["three rois.tif"])


def test_search_looks_into_all_texts(images: Page) -> None:
    images.get_by_role("searchbox").fill("three ro")

    expect(row_count(images)).to_have_text("1 of 11 rows")
    expect(images.get_by_role("gridcell", name="three rois.tif", exact=True)).to_be_visible()


def test_a_view_comes_back_by_its_address_alone(page: Page, server: Viewer) -> None:
    where = quote(json.dumps([["lines", ">", 1000]]))
    page.goto(f"{server.origin}/images?sort=-file_name&where={where}")

    expect(row_count(page)).to_have_text("2 of 11 rows")
    expect(column(page, "file_name")).to_have_text(["three rois.tif", "long.tif"])


def test_hostile_names_are_texts(images: Page) -> None:
    # Had one of them run, a dialog would be a fault of the page.
    for stem in HOSTILE_STEMS:
        expect(images.get_by_role("gridcell", name=f"{stem}.tif", exact=True)).to_be_visible()
    for text in (FORMULA, SCRIPT):
        images.goto(images.url.partition("?")[0] + f"?q={quote(text)}")
        expect(row_count(images)).to_have_text("1 of 11 rows")
    expect(images.locator("main img, main script")).to_have_count(0)


def test_a_table_of_a_plugin_has_units_and_descriptions(page: Page, server: Viewer) -> None:
    page.get_by_role("link", name="vessels").click()
    head = header(page, "diameter_um [µm]")

    expect(row_count(page)).to_have_text("11 rows")
    expect(head.get_by_role("button")).to_have_attribute(
        "title",
        "diameter_um [µm]: Width of the vessel <b>at rest</b>\n"
        "Sort; with Shift also by other columns. Arrow keys: to the columns beside.",
    )
    expect(column(page, "diameter_um")).to_have_text(["4"] * N_IMAGES)


READ = {"CSV": pd.read_csv, "Excel (XLSX)": pd.read_excel, "Parquet": pd.read_parquet}


@pytest.mark.parametrize("form", READ)
def test_what_is_filtered_is_exported(images: Page, form: str, tmp_path: Path) -> None:
    images.get_by_role("searchbox").fill("capillary_0005")
    expect(row_count(images)).to_have_text("1 of 11 rows")
    images.get_by_role("button", name="Export").click()
    with images.expect_download() as download:
        images.get_by_role("link", name=form).click()
    path = tmp_path / "exported"
    download.value.save_as(path)

    table = READ[form](path)
    assert table["file_name"].tolist() == ["capillary_0005.tif"]
    # A spreadsheet shows it as the text that it is; Parquet runs nothing.
    assert table["treatment"].tolist() == [FORMULA if form != "CSV" else f"'{FORMULA}"]


def test_rows_are_reached_by_keyboard(images: Page) -> None:
    images.locator("[role=row][tabindex='0']").focus()
    images.keyboard.press("End")
    expect(images.locator("[role=row][aria-selected=true]")).to_have_attribute(
        "aria-rowindex", str(N_IMAGES + 1)
    )
    images.keyboard.press("Home")
    images.keyboard.press("Enter")

    expect(images.get_by_role("heading", level=2).first).to_be_visible()
    assert "image=" in images.url


def test_the_head_is_passed_with_two_tabs_and_walked_with_arrows(images: Page) -> None:
    first = images.get_by_role("columnheader").first.get_by_role("button")
    first.focus()
    images.keyboard.press("Tab")
    images.keyboard.press("Tab")
    expect(images.locator("[role=row][tabindex='0']")).to_be_focused()
    images.keyboard.press("Shift+Tab")
    images.keyboard.press("Shift+Tab")
    expect(first).to_be_focused()

    images.keyboard.press("End")
    expect(images.get_by_role("columnheader").last.get_by_role("button")).to_be_focused()
    images.keyboard.press("Home")
    expect(first).to_be_focused()
    lines = header(images, "lines")
    for _ in range(int(str(lines.get_attribute("aria-colindex"))) - 1):
        images.keyboard.press("ArrowRight")
    expect(lines.get_by_role("button")).to_be_focused()
    images.keyboard.press("ArrowLeft")
    images.keyboard.press("Enter")
    images.keyboard.press("ArrowRight")
    images.keyboard.press("Shift+Enter")
    expect(lines).to_have_attribute("aria-sort", "ascending")
    expect(images).to_have_url(re.compile(r"sort=\w+(,|%2C)lines"))
    images.keyboard.press("Tab")
    images.keyboard.type("> 1000")
    images.keyboard.press("Enter")

    expect(row_count(images)).to_have_text("2 of 11 rows")
    # Where one was is where one comes back to.
    images.keyboard.press("Shift+Tab")
    expect(lines.get_by_role("button")).to_be_focused()
