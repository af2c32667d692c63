"""A lab, the viewer as a process of its own, and a real browser in which nothing may go wrong unseen."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kymflow import KymDataset
from support import view_lab, view_plugin
from support.paths import REPO, TESTS
from support.viewer import Viewer, viewing_with_plugin
from support.watched_pages import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

SCREENSHOTS = REPO / "build" / "screenshots"
SIZE = {"width": 1400, "height": 900}

View = Callable[..., Viewer]


class LeftOut(pytest.Module):
    """A file of tests that is listed as skipped: without Playwright it cannot even be imported."""

    def collect(self) -> list[pytest.Item]:
        pytest.skip("make test-view runs it, where Playwright and a browser are", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if importlib.util.find_spec("playwright") is None:
        return LeftOut.from_parent(parent, path=module_path)
    return None


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the lab's plugin is installed."""
    folder = tmp_path_factory.mktemp("site")
    view_plugin.install(folder)
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Path:
    """The lab's dataset; nothing may change it."""
    folder = tmp_path_factory.mktemp("lab")
    view_lab.write_folder(folder / "kymographs")
    with_plugin = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(TESTS)])}
    command = [sys.executable, "-m", "support.view_lab", folder / "lab.zarr", folder / "kymographs"]
    subprocess.run(command, env=with_plugin, check=True)
    return folder / "lab.zarr"


@pytest.fixture(scope="session")
def ids(lab: Path) -> dict[str, str]:
    """Ids of the lab's images, by file name."""
    sources = KymDataset(lab, "r").ds.load_sources_index()
    names = [path.rpartition("/")[2] for path in sources["source_rel_path"]]
    return dict(zip(names, map(str, sources["image_id"]), strict=True))


@pytest.fixture
def own_lab(lab: Path, tmp_path: Path) -> Path:
    """A copy of the lab's dataset, which the test may change."""
    return view_lab.copy_dataset(lab, tmp_path / "own.zarr")


@pytest.fixture(scope="session")
def server(lab: Path, site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """A viewer of the lab's dataset."""
    with viewing_with_plugin(lab, site, tmp_path_factory.mktemp("cache")) as server:
        yield server


@pytest.fixture
def view(site: Path, tmp_path: Path) -> Iterator[View]:
    """Start a viewer of a dataset; it ends with the test."""
    with ExitStack() as stack:
        cache = tmp_path / "cache"
        cache.mkdir()
        yield lambda dataset, *options, **variables: stack.enter_context(
            viewing_with_plugin(dataset, site, cache, *options, **variables)
        )


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. A missing one is an error: these tests are never left out unseen."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert found, "there is no chromium here: make test-view installs it, or set CHROMIUM to Chrome's program"
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    # The machine may do other things as well; what is there sooner is seen sooner.
    expect.set_options(timeout=30_000)
    # Chromium has no sandbox for root.
    options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    # Names of other hosts lead nowhere.
    options.append("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What goes wrong in the test's pages; at the end, nothing may have that was not expected."""
    watch = Watch()
    yield watch
    unexpected = watch.unexpected()
    assert not unexpected, "\n".join(unexpected)


@pytest.fixture
def theme() -> str:
    """The colours that the person's system has; tests may have others as a parameter."""
    return "light"


@pytest.fixture
def context(browser: Browser, watch: Watch, theme: str) -> Iterator[BrowserContext]:
    """A browser of its own: no cookies, nothing kept."""
    context = browser.new_context(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
    watch.follow(context)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, server: Viewer) -> Page:
    """A page that came in by the link: with the cookie, at the first page."""
    page = context.new_page()
    page.goto(server.link)
    return page
