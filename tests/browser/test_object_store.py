"""The viewer of a dataset in an S3 store."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from kymflow import KymDataset
from kymflow.testing import make_lab
from kymflow_indexers_builtin import ImagesIndexer
from support.viewer import Viewer


def test_a_dataset_in_s3_is_looked_at(
    new_url: Callable[[str], str], view: Callable[..., Viewer], context: BrowserContext
) -> None:
    url = new_url("s3")
    make_lab(url, n_images=3)
    KymDataset(url, "r+").rebuild(ImagesIndexer())
    page = context.new_page()
    page.goto(view(url).link)
    expect(page.get_by_role("group", name="Rows of").get_by_role("status")).to_have_text("3 rows")
    page.get_by_role("gridcell", name="capillary_0001.tif", exact=True).click()

    expect(page.get_by_role("img", name="Kymograph of capillary_0001.tif")).to_be_visible()
    expect(page.get_by_role("region", name="Image", exact=True)).to_contain_text("400 lines × 16 pixels")
