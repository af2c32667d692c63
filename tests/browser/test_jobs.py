"""Refresh and Rebuild from the page, and what another process does to a table while somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import BrowserContext, expect

from kymflow import KymDataset
from support.gates import Gate
from support.processes import StartPython, wait_for_all
from support.simple_indexers import write_distribution
from support.view_lab import N_IMAGES
from support.view_plugin import GATE, VesselsIndexer
from support.viewer import Viewer, viewing_with_plugin
from support.watched_pages import Watch

VESSELS = "/tables/vessels"
CHANGE_A_NOTE = """
import sys
from kymflow import KymDataset
from kymflow_indexers_builtin import ImagesIndexer
kd = KymDataset(sys.argv[1], "r+")
(image_id,) = [i for i in kd.ds.list_image_ids() if kd.ds.record(i).get_source().file_name == "long.tif"]
record = kd.ds.record(image_id)
payload = record.load_metadata_payload()
payload["experiment_metadata"]["note"] = "changed by another process"
record.save_metadata_payload(payload)
kd.update_image(ImagesIndexer(), image_id)
print("done")
"""

# Before those that the last image in the table has, one more.
ADD_AN_EVENT = """
import sys
import pandas as pd
from kymflow import KymDataset
from kymflow_indexers_builtin import VelocityEventsIndexer
kd = KymDataset(sys.argv[1], "r+")
image_id = kd.get_table("velocity_events")["image_id"].iloc[-1]
record = kd.ds.record(image_id)
events = record.load_df_parquet("velocity_events")
added = events.iloc[[0]].assign(event_id="added", t0_s=0.1, kind="added")
record.save_df_parquet("velocity_events", pd.concat([added, events], ignore_index=True))
kd.update_image(VelocityEventsIndexer(), image_id)
print("done")
"""


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


def edit_all(dataset: Path) -> None:
    """Change what the table ``vessels`` is made from, so that all of its rows are stale."""
    kd = KymDataset(dataset, "r+")
    for image_id in kd.ds.list_image_ids():
        record = kd.ds.record(image_id)
        payload = record.load_metadata_payload() if record.has_artifact("metadata") else {}
        record.save_metadata_payload({**payload, "edited": True})


def vessels(dataset: Path) -> bytes:
    return (dataset / "tables" / "vessels.parquet").read_bytes()


def test_refresh_shows_progress_and_brings_all_up_to_date(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext, gate: Gate
) -> None:
    edit_all(own_lab)
    server = view(own_lab, **{GATE: str(gate.path)})
    page = context.new_page()
    page.goto(server.link_to("/status"))
    page.get_by_role("button", name="Refresh", exact=True).first.click()
    gate.wait_for_one()

    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    gate.open()
    expect(page.get_by_text("Refresh done").first).to_be_visible()
    assert KymDataset(own_lab, "r").plan(VesselsIndexer()).is_empty


def test_a_table_of_tables_that_cannot_be_derived_says_why(
    own_lab: Path, tmp_path: Path, context: BrowserContext
) -> None:
    site = tmp_path / "site"
    write_distribution(site, "lab-means", "1.0", "means = lab_means:means")
    (site / "lab_means.py").write_text(
        "from support.table_indexers import FromTables, raising\n"
        "means = FromTables('means', 'images', derive=raising(ValueError('no groups')))\n",
        "utf-8",
    )
    with viewing_with_plugin(own_lab, site, tmp_path) as server:
        page = context.new_page()
        page.goto(server.link_to("/tables/images"))
        page.get_by_role("button", name="Refresh", exact=True).first.click()

        expect(page.get_by_role("link", name="means is as it was: ")).to_contain_text("no groups")
        # Before the server ends, which the page would say.
        page.close()


def test_cancel_keeps_the_table_as_it_was(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext, gate: Gate
) -> None:
    before = vessels(own_lab)
    server = view(own_lab, **{GATE: str(gate.path)})
    page = context.new_page()
    page.goto(server.link_to("/status"))
    page.get_by_role("button", name="Rebuild", exact=True).first.click()
    gate.wait_for_one()
    page.get_by_role("button", name="Cancel").click()
    gate.open()

    expect(page.get_by_text("Rebuild cancelled").first).to_be_visible()
    assert vessels(own_lab) == before


def test_a_server_that_is_killed_during_a_refresh_leaves_the_old_table(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext, gate: Gate, watch: Watch
) -> None:
    # The page says that nobody answers any more, and so does the console.
    watch.expected += ["net::ERR_"]
    before = vessels(own_lab)
    edit_all(own_lab)
    server = view(own_lab, **{GATE: str(gate.path)})
    page = context.new_page()
    page.goto(server.link_to("/status"))
    page.get_by_role("button", name="Refresh", exact=True).first.click()
    gate.wait_for_one()
    server.kill()

    expect(page.get_by_text("The viewer does not answer")).to_be_visible()
    assert vessels(own_lab) == before
    gate.open()
    kd = KymDataset(own_lab, "r")
    assert len(kd.get_table("vessels")) == N_IMAGES
    assert pq.ParquetFile(own_lab / "tables" / "vessels.parquet").metadata.num_rows == N_IMAGES


def test_what_another_process_changes_is_seen_at_once(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext, start_python: StartPython
) -> None:
    server = view(own_lab)
    page = context.new_page()
    page.goto(server.link)
    page.goto(f"{server.origin}/images?q=another+process")
    expect(page.get_by_role("group", name="Rows of").get_by_role("status")).to_have_text("0 of 11 rows")
    wait_for_all(start_python(CHANGE_A_NOTE, own_lab))

    expect(page.get_by_role("gridcell", name="long.tif", exact=True)).to_be_visible()


def test_the_row_of_an_image_stays_marked_when_another_process_moves_it(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext, start_python: StartPython
) -> None:
    server = view(own_lab)
    page = context.new_page()
    page.goto(server.link)
    # One image has a note. By ids, which are random, this one might come after it already.
    page.goto(f"{server.origin}/images?sort=note,file_name&columns=file_name,note")
    page.get_by_role("gridcell", name="long.tif", exact=True).click()
    marked = page.locator("[role=row][aria-selected=true]")
    expect(marked).to_contain_text("long.tif")
    assert marked.get_attribute("aria-rowindex") != "3"
    wait_for_all(start_python(CHANGE_A_NOTE, own_lab))

    expect(marked).to_contain_text("changed by another process")
    expect(marked).to_contain_text("long.tif")
    expect(marked).to_have_attribute("aria-rowindex", "3")


@pytest.mark.parametrize("columns", ["t0_s,kind,event_id", "t0_s,kind"])
def test_the_row_of_an_event_stays_marked_when_another_process_adds_one_above(
    own_lab: Path,
    view: Callable[..., Viewer],
    context: BrowserContext,
    start_python: StartPython,
    columns: str,
) -> None:
    events = KymDataset(own_lab, "r").get_table("velocity_events")
    server = view(own_lab)
    page = context.new_page()
    page.goto(server.link)
    page.goto(f"{server.origin}/tables/velocity_events?columns={columns}")
    page.get_by_role("gridcell", name=str(events["kind"].iloc[-1]), exact=True).last.click()
    marked = page.locator("[role=row][aria-selected=true]")
    expect(marked).to_have_attribute("aria-rowindex", str(len(events) + 1))
    wait_for_all(start_python(ADD_AN_EVENT, own_lab))

    expect(page.get_by_role("group", name="Rows of").get_by_role("status")).to_have_text(
        f"{len(events) + 1} rows"
    )
    expect(marked).to_have_attribute("aria-rowindex", str(len(events) + 2))
    expect(marked).to_contain_text(str(events["kind"].iloc[-1]))


def test_a_page_whose_viewer_has_ended_says_how_to_go_on(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext, watch: Watch
) -> None:
    watch.expected += ["net::ERR_", "403"]
    first = view(own_lab)
    page = context.new_page()
    page.goto(first.link_to("/images"))
    page.get_by_role("gridcell", name="three rois.tif", exact=True).click()
    expect(page.get_by_role("img", name="Kymograph of three rois.tif")).to_be_visible()
    first.kill()
    told = page.get_by_role("alert")
    expect(told.get_by_text("The viewer does not answer")).to_contain_text(f"kymflow view {own_lab}")
    page.get_by_role("gridcell", name="long.tif", exact=True).click()
    expect(page.get_by_text("Is kymflow view still running?")).to_be_visible()
    second = view(own_lab, "--port", str(first.port))

    expect(told).to_contain_text("The viewer was started again. Open, in this browser, the link")
    # The cookie of the new link is this page's, too.
    context.new_page().goto(second.link)
    expect(page.get_by_role("img", name="Kymograph of long.tif")).to_be_visible()
    expect(page.get_by_role("region", name="Rows in vessels")).to_contain_text("diameter_um")
    expect(told.locator("p")).to_have_count(0)


def test_a_dataset_that_cannot_be_written_offers_no_refresh(
    own_lab: Path, view: Callable[..., Viewer], context: BrowserContext
) -> None:
    server = view(own_lab, "--read-only")
    page = context.new_page()
    page.goto(server.link_to("/status"))

    expect(page.get_by_text("read-only").first).to_be_visible()
    expect(page.get_by_role("button", name="Refresh")).to_have_count(0)
