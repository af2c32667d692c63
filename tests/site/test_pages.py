"""The built pages: nothing is loaded from elsewhere, every link leads somewhere, every source is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from support.paths import REPO

# What a browser fetches by itself, by element; links (a) are followed by people.
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
NOT_FETCHED = {"canonical", "next", "prev", "search", "index", "author", "license"}


@dataclass
class Page(HTMLParser):
    """What one page loads, where its links lead, and which anchors it has."""

    loads: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        self.anchors.update({have.get("id", ""), have.get("name", "")})
        if tag == "a" and "href" in have:
            self.links.append(have["href"])
        if LOADED.get(tag) in have and have.get("rel") not in NOT_FETCHED:
            self.loads.append(have[LOADED[tag]])


def read(file: Path) -> Page:
    page = Page()
    page.feed(file.read_text("utf-8"))
    return page


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: read(file) for file in site.rglob("*.html") if "_static" not in file.parts}


def test_nothing_is_loaded_from_another_host(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {(file.name, address) for file, page in pages.items() for address in page.loads}
    assert len(loaded) > 1000
    elsewhere = {one for one in loaded if urlsplit(one[1]).netloc or urlsplit(one[1]).scheme}
    assert elsewhere == set()
    for sheet in site.rglob("*.css"):
        found = re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", sheet.read_text("utf-8"))
        assert found == [], sheet


def test_every_link_and_picture_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    for file, page in pages.items():
        for address in [*page.links, *page.loads]:
            to = urlsplit(address)
            if to.scheme or to.netloc:
                continue
            target = (file.parent / unquote(to.path)).resolve() if to.path else file
            if not target.is_file():
                broken.append((file.name, address, "no such file"))
            elif target in pages and to.fragment and unquote(to.fragment) not in pages[target].anchors:
                broken.append((file.name, address, "no such anchor"))
    assert broken == []


def test_every_page_of_the_sources_is_built(site: Path) -> None:
    sources = {path.relative_to(REPO / "docs").with_suffix("") for path in (REPO / "docs").rglob("*.md")}
    assert len(sources) > 20
    assert {one for one in sources if not (site / f"{one}.html").is_file()} == set()


def test_files_of_the_repository_that_are_pages_are_linked_as_pages(site: Path) -> None:
    linked = read(site / "getting-started.html").links
    assert "index.html" in linked  # ../README.md in the source
    assert [one for one in read(site / "contributing.html").links if one.endswith(".md")] == [
        one for one in read(site / "contributing.html").links if one.startswith("_downloads/")
    ]
