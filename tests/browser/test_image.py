"""The image page: all is seen at every zoom, on one time axis, with contrast from the raw samples."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from kymflow import KymDataset
from kymflow.testing.lab import LINES_PER_SAMPLE
from support.frames import look_at
from support.view_lab import (
    FLASH_LINE,
    HOSTILE_STEMS,
    LONG,
    LONG_LINES,
    SPIKE_LINE,
    THREE_ROIS,
    UNCALIBRATED,
)
from support.viewer import Viewer
from support.watched_pages import Watch

ZOOMS = {"whole": 1, "a tenth": 10, "a hundredth": 100}


def open_image(page: Page, server: Viewer, image_id: str, lines: tuple[int, int] | None = None) -> None:
    part = f"&from={lines[0]}&to={lines[1]}" if lines else ""
    page.goto(f"{server.origin}/images?image={image_id}{part}")
    wait_until_drawn(page)


def pane(page: Page) -> Locator:
    return page.get_by_role("region", name="Image", exact=True)


def wait_until_drawn(page: Page) -> None:
    expect(pane(page).locator("[aria-busy]")).to_have_attribute("aria-busy", "false")


def picture(page: Page) -> Locator:
    return page.get_by_role("img", name="Kymograph of")


def traces(page: Page) -> Locator:
    return page.get_by_role("img", name="Velocity traces")


def around(line: int, part: int) -> tuple[int, int]:
    """Return lines around one: a part of the whole image, and the line not in its middle."""
    length = LONG_LINES // part
    start = max(0, min(LONG_LINES - length, line - length // 3))
    return start, start + length


def flash_is_seen(page: Page, lines: tuple[int, int]) -> bool:
    """Whether there is a bright line where the flash should be, and none beside it."""
    frame = look_at(picture(page))
    x = frame.x_of(FLASH_LINE + 0.5, lines)
    # Where no label and no edge of a ROI is.
    at, beside = (frame.columns(place, 5)[frame.height // 3 : -20].mean(axis=(0, 2)) for place in (x, x + 40))
    return bool(at.max() > 250 and beside.max() < 245)


def spike_is_seen(page: Page, lines: tuple[int, int]) -> bool:
    """Whether a trace reaches the top where the spike should be, and none does beside it."""
    frame = look_at(traces(page))
    ground = np.median(frame.pixels[:10], axis=(0, 1))
    x = frame.x_of(SPIKE_LINE, lines)
    # Far up, the lines to and from a sample that is far outside lie beside its own place.
    width = max(5, 2 * round(frame.x_of(SPIKE_LINE + LINES_PER_SAMPLE, lines) - x))
    # Nearly all rows of the upper part, where else there is nothing but a line of the grid.
    at, beside = (
        (np.abs(frame.columns(place, width)[: frame.height // 5] - ground).max(axis=2) > 60)
        .any(axis=1)
        .mean()
        for place in (x, x + 40)
    )
    return bool(at > 0.9 and beside < 0.2)


@pytest.mark.parametrize("name", [LONG, THREE_ROIS])
@pytest.mark.parametrize("part", ZOOMS.values(), ids=ZOOMS)
def test_a_flash_of_one_line_is_seen(
    page: Page, server: Viewer, ids: dict[str, str], part: int, name: str
) -> None:
    lines = around(FLASH_LINE, part)
    open_image(page, server, ids[name], lines)

    assert flash_is_seen(page, lines)


@pytest.mark.parametrize("name", [LONG, THREE_ROIS])
@pytest.mark.parametrize("part", ZOOMS.values(), ids=ZOOMS)
def test_a_spike_of_one_sample_is_seen(
    page: Page, server: Viewer, ids: dict[str, str], part: int, name: str
) -> None:
    lines = around(SPIKE_LINE, part)
    open_image(page, server, ids[name], lines)

    assert spike_is_seen(page, lines)


def test_a_click_on_a_row_shows_its_picture(page: Page, server: Viewer) -> None:
    page.goto(f"{server.origin}/images")
    page.get_by_role("gridcell", name=LONG, exact=True).click()
    wait_until_drawn(page)

    expect(page.get_by_role("heading", name=LONG)).to_be_visible()
    assert flash_is_seen(page, (0, LONG_LINES))


def test_the_picture_and_the_traces_are_zoomed_together(
    page: Page, server: Viewer, ids: dict[str, str]
) -> None:
    whole = (0, LONG_LINES)
    open_image(page, server, ids[LONG])
    frame = look_at(traces(page))
    y = frame.top + frame.height / 2
    page.mouse.move(frame.left + frame.x_of(FLASH_LINE - 1000, whole), y)
    page.mouse.down()
    page.mouse.move(frame.left + frame.x_of(FLASH_LINE + 2000, whole), y, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d+&to=\d+"))
    wait_until_drawn(page)
    query = parse_qs(urlsplit(page.url).query)
    lines = (int(query["from"][0]), int(query["to"][0]))

    # To the nearest pixel of the screen.
    expected = (FLASH_LINE - 1000, FLASH_LINE + 2000)
    assert lines == pytest.approx(expected, abs=2 * LONG_LINES / frame.width)
    assert flash_is_seen(page, lines)


def test_contrast_comes_from_the_raw_samples(
    page: Page, server: Viewer, ids: dict[str, str], lab: Path
) -> None:
    pixels = KymDataset(lab, "r").ds.record(ids[LONG]).load_array()
    # Each line for itself: white is then not raised to what a maximum of many lines may be.
    open_image(page, server, ids[LONG], around(FLASH_LINE, 100))

    low, high = np.percentile(pixels, [1, 99])
    assert float(page.get_by_role("spinbutton", name="Black as a number").input_value()) == pytest.approx(
        low, abs=3
    )
    assert float(page.get_by_role("spinbutton", name="White as a number").input_value()) == pytest.approx(
        high, abs=3
    )


def test_an_image_without_calibration_is_shown_in_lines_and_pixels(
    page: Page, server: Viewer, ids: dict[str, str]
) -> None:
    open_image(page, server, ids[UNCALIBRATED])

    image = pane(page)
    expect(image).to_contain_text("1,000 lines × 40 pixels")
    expect(image).to_contain_text("not calibrated")


@pytest.mark.parametrize("stem", HOSTILE_STEMS)
def test_a_hostile_name_is_a_text(page: Page, server: Viewer, ids: dict[str, str], stem: str) -> None:
    open_image(page, server, ids[f"{stem}.tif"])

    expect(page.get_by_role("heading", name=f"{stem}.tif", exact=True)).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)


def test_all_values_are_shown_without_a_word_of_what_is_outside(
    page: Page, server: Viewer, ids: dict[str, str]
) -> None:
    open_image(page, server, ids[LONG], around(SPIKE_LINE, 10))
    box = pane(page).get_by_label("Show all values")
    expect(pane(page).get_by_text("outside the axis")).to_be_visible()
    box.check()

    line = pane(page).get_by_role("paragraph").filter(has=page.get_by_label("Show all values"))
    expect(line).to_have_text("Show all values")


def test_the_image_has_its_rows_in_every_table(page: Page, server: Viewer, ids: dict[str, str]) -> None:
    open_image(page, server, ids[LONG])

    for table in ("images", "radon_report", "velocity_events", "vessels"):
        expect(page.get_by_role("region", name=f"Rows in {table}", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Rows in vessels", exact=True)).to_contain_text("4 µm")


def test_panels_of_plugins_are_drawn_and_one_that_fails_says_so(
    page: Page, server: Viewer, ids: dict[str, str]
) -> None:
    open_image(page, server, ids[LONG])

    expect(page.get_by_role("img", name="Brightness <of lines>")).to_be_visible()
    expect(page.get_by_text("no <b>luck</b> today")).to_be_visible()


def test_keys_lead_to_the_next_image_and_back(page: Page, server: Viewer) -> None:
    page.goto(f"{server.origin}/images?sort=file_name")
    expect(page.get_by_role("gridcell", name=LONG, exact=True)).to_be_visible()
    page.locator("[role=row][tabindex='0']").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    heading = pane(page).get_by_role("heading", level=2)
    expect(heading).to_be_visible()
    wait_until_drawn(page)
    first = heading.inner_text()
    page.keyboard.press("]")
    expect(heading).not_to_have_text(first)
    page.keyboard.press("[")
    expect(heading).to_have_text(first)
    page.keyboard.press("Escape")

    expect(pane(page)).to_be_hidden()
    assert "image=" not in page.url


def test_the_back_button_marks_the_row_of_the_image_that_it_shows(page: Page, server: Viewer) -> None:
    page.goto(f"{server.origin}/images?sort=file_name")
    heading = pane(page).get_by_role("heading", level=2)
    for name in (LONG, THREE_ROIS):
        page.get_by_role("gridcell", name=name, exact=True).click()
        expect(heading).to_have_text(name)
    page.go_back()

    expect(heading).to_have_text(LONG)
    marked = page.locator("[role=row][aria-selected=true]")
    expect(marked.get_by_role("gridcell", name=LONG, exact=True)).to_be_visible()


def test_an_event_is_zoomed_to_also_where_its_times_are_not_shown(page: Page, server: Viewer) -> None:
    page.goto(f"{server.origin}/tables/velocity_events?columns=file_name")
    page.get_by_role("gridcell", name="capillary_0006.tif", exact=True).first.click()
    wait_until_drawn(page)

    expect(page).to_have_url(re.compile(r"[&?]from=\d+&to=\d+"))


def test_a_zoom_while_another_image_is_on_its_way_is_not_of_that_one(
    page: Page, server: Viewer, ids: dict[str, str]
) -> None:
    open_image(page, server, ids[LONG])
    held: list[Route] = []
    address = f"{server.origin}/api/images/{ids[THREE_ROIS]}"
    page.route(address, lambda route: held.append(route))
    with page.expect_request(address):
        page.get_by_role("gridcell", name=THREE_ROIS, exact=True).click()
    pane(page).get_by_role("button", name="Zoom in").click()
    held.pop().continue_()

    expect(pane(page).get_by_role("heading", level=2)).to_have_text(THREE_ROIS)
    wait_until_drawn(page)
    assert "from=" not in page.url


def test_a_table_that_cannot_be_read_leaves_the_others(page: Page, server: Viewer, watch: Watch) -> None:
    watch.expected.append("500")
    page.route(
        "**/api/tables/radon_report/rows?*",
        lambda route: route.fulfill(
            status=500, content_type="application/json", body='{"error": "it is damaged"}'
        ),
    )
    page.goto(f"{server.origin}/images")
    page.get_by_role("gridcell", name=LONG, exact=True).click()
    expect(page.get_by_role("region", name="Rows in radon_report")).to_contain_text("it is damaged")
    expect(page.get_by_role("region", name="Rows in images")).to_contain_text("30000")
