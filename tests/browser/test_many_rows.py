"""A table of 100,000 rows: scrolled, sorted, filtered and searched, with a page of it in the browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import BrowserContext, expect

from kymflow import ZarrDataset
from support.viewer import Viewer

N_ROWS = 100_000


def make_large(path: Path) -> None:
    """Write the table ``images`` straight; there need not be so many images for it."""
    dataset = ZarrDataset(path, "a")
    dataset.add_image(np.zeros((2, 2), np.uint16))
    number = np.arange(N_ROWS)
    table = {
        "image_id": [f"image-{n}" for n in number],
        "file_name": [f"capillary_{n:06d}.tif" for n in number],
        "condition": np.where(number % 3 == 0, "stroke", "control"),
        "lines": 1000 + number,
    }
    dataset.save_table("images", pd.DataFrame(table))


def test_a_hundred_thousand_rows(
    tmp_path: Path, view: Callable[..., Viewer], context: BrowserContext
) -> None:
    make_large(tmp_path / "large.zarr")
    page = context.new_page()
    page.goto(view(tmp_path / "large.zarr").link)
    count = page.get_by_role("group", name="Rows of").get_by_role("status")
    expect(count).to_have_text("100,000 rows")
    first = page.get_by_role("gridcell", name="capillary_000000.tif", exact=True)
    last = page.get_by_role("gridcell", name="capillary_099999.tif", exact=True)
    expect(first).to_be_visible()
    page.locator("[role=row][tabindex='0']").focus()
    page.keyboard.press("End")
    expect(last).to_be_visible()
    expect(first).to_have_count(0)
    # What is not in view is not in the page.
    assert page.get_by_role("row").count() < 200

    page.get_by_role("columnheader", name="lines", exact=True).get_by_role("button").click()
    page.get_by_role("columnheader", name="lines", exact=True).get_by_role("button").click()
    expect(page.get_by_role("gridcell", name="100999", exact=True)).to_be_visible()
    page.get_by_label("Filter condition").fill("= stroke")
    expect(count).to_have_text("33,334 of 100,000 rows")
    page.get_by_role("searchbox").fill("0999")
    expect(count).to_have_text("42 of 100,000 rows")
    expect(last).to_be_visible()
