"""Every page: it opens by its address, in both themes, and hinders nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from playwright.sync_api import BrowserContext, Page, Route, expect

from kymflow import KymDataset
from support.paths import REPO
from support.view_lab import LONG, THREE_ROIS
from support.viewer import Viewer
from support.watched_pages import Watch

SCREENSHOTS = REPO / "build" / "screenshots"
AXE = REPO / "build"
# What is to be seen on each before it is looked at.
PAGES: dict[str, tuple[str, str | re.Pattern[str]]] = {
    "images": ("/images", "11 rows"),
    "image": (f"/images?image={{{LONG}}}", "40 pixels"),
    "three-rois": (f"/images?image={{{THREE_ROIS}}}", "ROI 3"),
    "events": ("/tables/velocity_events?images=1", re.compile(r"\d rows.*baseline_drop", re.DOTALL)),
    "third-party": ("/tables/vessels", "11 rows"),
    "plots": ("/plots/radon_report", re.compile(r"\d rows")),
    "status": ("/status", "vessels"),
    "no-such-table": ("/tables/absent", "No such table"),
}


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, which looks for what hinders people."""
    (script,) = AXE.glob("axe-core-*.min.js")
    return script.read_text("utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_hinders_nobody(
    page: Page, server: Viewer, ids: dict[str, str], axe: str, name: str, theme: str
) -> None:
    address, text = PAGES[name]
    path = re.sub(r"{(.*?)}", lambda found: ids[found[1]], address)
    page.goto(server.origin + path)
    expect(page.get_by_role("main")).to_contain_text(text)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}-{theme}.png", full_page=True)
    page.evaluate(axe)
    found = page.evaluate("() => axe.run()")

    assert [
        f"{it['id']}: {it['help']}: {[n['html'][:200] for n in it['nodes'][:3]]}"
        for it in found["violations"]
    ] == []
    assert len(found["passes"]) > 10


def test_the_theme_can_be_switched_and_is_kept(page: Page, server: Viewer) -> None:
    def ground() -> str:
        return page.evaluate("() => getComputedStyle(document.body).backgroundColor")

    light = ground()
    page.get_by_role("button", name="Switch to the dark theme").click()
    expect(page.get_by_role("button", name="Switch to the light theme")).to_be_visible()
    dark = ground()
    page.goto(f"{server.origin}/status")
    expect(page.get_by_role("button", name="Switch to the light theme")).to_be_visible()

    assert dark != light
    assert ground() == dark


# Playwright's pages are never hidden; one says that it is, and that it is seen again.
HIDE, SEE = (
    f"""() => {{
        Object.defineProperty(document, "hidden", {{ value: {is_hidden}, configurable: true }});
        document.dispatchEvent(new Event("visibilitychange"));
    }}"""
    for is_hidden in ("true", "false")
)


def test_pages_that_nobody_sees_leave_their_connection_to_others(
    context: BrowserContext, server: Viewer
) -> None:
    for number in range(8):
        page = context.new_page()
        with page.expect_response("**/api/changes"):
            page.goto(server.link if number == 0 else f"{server.origin}/status")
        page.evaluate(HIDE)


def test_however_many_windows_are_seen_one_listens_for_all(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext, watch: Watch
) -> None:
    """A browser opens six connections to a server at most: with one for each, the seventh would hang."""
    server = view(own_lab)
    pages = [context.new_page() for _ in range(8)]
    for number, page in enumerate(pages):
        page.goto(server.link_to("/status") if number == 0 else f"{server.origin}/status")
        expect(page.get_by_role("heading", name="Tables", exact=True)).to_be_visible()
    assert sum(url.endswith("/api/changes") for url in watch.requests) == 1

    kd = KymDataset(own_lab, "r+")
    kd.ds.save_table("made_meanwhile", kd.get_table("vessels"))
    for page in pages:
        expect(page.get_by_role("banner").get_by_role("link", name="made_meanwhile")).to_be_visible()


def test_another_window_listens_when_the_first_is_closed_or_hidden(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext
) -> None:
    server = view(own_lab)
    kd = KymDataset(own_lab, "r+")
    rows = kd.get_table("vessels")
    first, second, third = (context.new_page() for _ in range(3))
    for page, address in [(first, server.link), (second, server.origin), (third, server.origin)]:
        page.goto(address)
        expect(page.get_by_role("link", name="vessels", exact=True)).to_be_visible()
    with second.expect_response("**/api/changes"):
        first.evaluate(HIDE)
    kd.ds.save_table("made_meanwhile", rows)
    expect(third.get_by_role("link", name="made_meanwhile")).to_be_visible()

    # Seen again, it is told by the window that listens now.
    expect(first.get_by_role("link", name="made_meanwhile")).to_have_count(0)
    first.evaluate(SEE)
    expect(first.get_by_role("link", name="made_meanwhile")).to_be_visible()
    with third.expect_response("**/api/changes"):
        second.close()
    kd.ds.save_table("made_later", rows)
    for page in (first, third):
        expect(page.get_by_role("link", name="made_later")).to_be_visible()


def test_a_dataset_that_cannot_be_read_is_told_of_until_it_can(
    context: BrowserContext, server: Viewer
) -> None:
    page = context.new_page()
    told = ['{"error": "the disk <b>is</b> gone"}', '{"error": null}']
    page.route(
        "**/api/changes",
        lambda route: route.fulfill(
            content_type="text/event-stream", body=f"retry: 9999999\nevent: problem\ndata: {told.pop(0)}\n\n"
        ),
    )
    page.goto(server.link_to("/status"))
    expect(page.get_by_role("alert")).to_contain_text("the disk <b>is</b> gone")
    # Left and come back to, the page listens anew.
    page.evaluate("""() => {
        dispatchEvent(new Event("pagehide"));
        document.dispatchEvent(new Event("visibilitychange"));
    }""")

    expect(page.get_by_role("alert")).not_to_contain_text("gone")
    assert told == []


def test_a_plot_is_drawn_once(page: Page, server: Viewer) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/plot?" in request.url else None)
    page.clock.install()
    page.goto(f"{server.origin}/plots/radon_report")
    expect(page.locator("#plot-groups")).to_be_visible()
    # Past the pause after which a plot of another size is drawn.
    page.clock.run_for(1_000)
    assert len(asked) == 1

    page.set_viewport_size({"width": 700, "height": 600})
    with page.expect_request("**/plot?*"):
        page.clock.run_for(1_000)


def test_a_change_between_the_rows_and_the_first_event_is_seen(
    context: BrowserContext, server: Viewer
) -> None:
    held: list[Route] = []
    page = context.new_page()
    page.route("**/api/changes", lambda route: held.append(route))
    with page.expect_request("**/api/changes"):
        page.goto(server.link_to("/images"))
    expect(page.locator("[role=row][aria-rowindex='2']")).to_be_visible()
    with page.expect_request("**/api/tables/images"):
        held[0].fulfill(
            content_type="text/event-stream",
            body='retry: 9999999\nevent: tables\ndata: {"images": "another version"}\n\n',
        )


def test_a_lab_of_one_image_without_analysis_is_told_of_in_words(
    tmp_path: Path, view: Callable[..., Viewer], context: BrowserContext
) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    tifffile.imwrite(folder / "lonely.tif", np.ones((500, 1), np.uint16))
    tifffile.imwrite(folder / "rgb.tif", np.ones((9, 9, 3), np.uint8), photometric="rgb")
    kd = KymDataset(tmp_path / "one.zarr", "a")
    kd.ingest_folder(folder)
    kd.rebuild_all()
    page = context.new_page()
    server = view(tmp_path / "one.zarr")
    page.goto(server.link_to("/plots/velocity_events"))
    expect(page.get_by_role("main")).to_contain_text("The table has no rows.")
    page.get_by_role("link", name="Status").click()
    expect(page.get_by_role("main")).to_contain_text("1 image")
    expect(page.get_by_role("main")).not_to_contain_text("1 images")
    # A message that begins with the path does not tell it twice.
    failed = page.get_by_role("listitem").filter(has_text="rgb.tif")
    expect(failed).to_have_text(re.compile(r"^\S+rgb\.tif: a line scan has 2 dimensions"))
    page.get_by_role("link", name="Images", exact=True).click()
    page.get_by_role("gridcell", name="lonely.tif", exact=True).first.click()
    expect(page.get_by_role("region", name="Image", exact=True)).to_contain_text("500 lines × 1 pixel ·")


def test_a_narrow_window_cuts_nothing_off(page: Page, server: Viewer, ids: dict[str, str]) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    for path in (f"/images?image={ids[LONG]}", "/status"):
        page.goto(server.origin + path)
        buttons = page.get_by_role("button", name="Auto") if "image=" in path else page.locator("h1")
        expect(buttons).to_be_visible()
        main, pane = page.locator("main"), page.locator(".image-pane")
        for box in [main, pane] if "image=" in path else [main]:
            assert box.evaluate("it => it.scrollWidth <= it.clientWidth"), path
