"""The pictures of docs/view.md, made anew: ``.venv-view/bin/python tests/browser/docs_pictures.py``.

A simulated lab of two conditions and four days; pictures of few colours, small enough for a repository.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from support.paths import REPO
from support.viewer import viewing_with_plugin

SIZE = {"width": 1280, "height": 800}
# A control group, and one that is slower: what is plotted should look like something.
CONDITIONS = ("control", "stroke")


def make_lab(folder: Path) -> Path:
    """Make a dataset of forty line scans; one has changed since its tables were made."""
    images = []
    for number, condition in enumerate(CONDITIONS):
        images += [
            (image, condition)
            for image in simulate_folder(
                folder / "kymographs" / f"{condition} 2026-03", 20, seed=number, n_lines=6000, n_pixels=64
            )
        ]
    for image, condition in images:
        sidecar = image.tiff.with_suffix(".json")
        metadata = json.loads(sidecar.read_text("utf-8"))
        metadata["experiment_metadata"].update(condition=condition, genotype="WT", depth="120")
        sidecar.write_text(json.dumps(metadata), "utf-8")
    kd = KymDataset(folder / "mouse-cortex.zarr", "a")
    kd.ingest_folder(folder / "kymographs")
    kd.rebuild_all()
    record = kd.ds.record(kd.ds.list_image_ids()[3])
    record.save_metadata_payload({**record.load_metadata_payload(), "accepted": False})
    return folder / "mouse-cortex.zarr"


def save(page: Page, name: str) -> None:
    """Write a picture of few colours to docs/."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    # Where the lab was made for this is nobody's business.
    for path in page.locator(".path").all():
        path.evaluate("(element) => { element.textContent = element.textContent.split('/').pop(); }")
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    path = REPO / "docs" / f"view-{name}.png"
    shot.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    """Make all of them."""
    # As in the tests: the machine may do other things as well.
    expect.set_options(timeout=60_000)
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="lab-") as folder, sync_playwright() as playwright:
        dataset, site = make_lab(Path(folder)), Path(folder, "site")
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=root)
        with viewing_with_plugin(dataset, site, Path(folder)) as server:
            for theme, pages in PAGES.items():
                context = browser.new_context(viewport=SIZE, color_scheme=theme)
                page = context.new_page()
                page.goto(server.link)
                for name, (path, clicked, seen) in pages.items():
                    page.goto(server.origin + path)
                    if clicked:
                        page.get_by_role("gridcell", name=clicked, exact=True).first.click()
                    expect(page.locator(seen).first).to_be_visible()
                    save(page, name)


# Address, what is clicked there, and what is to be seen before the picture is taken.
PAGES = {
    "light": {
        "images": ("/images?sort=file_name", "capillary_0002.tif", "canvas[aria-label^=Velocity]"),
        "plot": ("/plots/radon_report?kind=strip&y=mean_velocity&by=condition", "", "#plot-groups"),
        "status": ("/status", "", "#status-tables"),
    },
    "dark": {
        "events": ("/tables/velocity_events?images=1", "baseline_drop", "canvas[aria-label^=Velocity]"),
    },
}

if __name__ == "__main__":
    main()
