"""The files of the page: whole, its own, small, and without anything that its security policy forbids."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import kymflow_view
from kymflow_view.server.pages import JOINED

STATIC = Path(kymflow_view.__file__).parent / "static"
VENDOR = STATIC / "vendor"
OWN_SCRIPTS = sorted((STATIC / "app").rglob("*.js"))
OWN_STYLES = sorted((STATIC / "css").rglob("*.css"))
OWN = [STATIC / "index.html", STATIC / "icon.svg", *OWN_SCRIPTS, *OWN_STYLES]
# What reads a text as HTML or as code, or sets a style that the policy does not let through.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style\"|https?://"
)


def _name(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def test_vendored_files_are_those_that_were_released() -> None:
    sums = dict(reversed(line.split("  ", 1)) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())

    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.parent != VENDOR
    }

    assert found == sums


def test_each_vendored_library_has_its_licence_and_its_version() -> None:
    text = (VENDOR / "README.md").read_text()
    for folder in filter(Path.is_dir, VENDOR.iterdir()):
        assert "MIT" in (folder / "LICENSE").read_text()
        assert re.search(rf"\| `{folder.name}` \| `[\w-]+` \| \d+\.\d+\.\d+ \| MIT \|", text)


def test_the_page_asks_for_files_that_are_there_and_has_nothing_inline() -> None:
    page = (STATIC / "index.html").read_text()

    asked = re.findall(r'(?:src|href)="/static/([^"]+)"', page)

    assert asked
    assert [name for name in asked if name not in JOINED and not (STATIC / name).is_file()] == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) == []


def _imported(path: Path, found: dict[Path, None]) -> dict[Path, None]:
    """Return the modules that a module needs before it runs, itself among them."""
    if path not in found:
        found[path] = None
        for name in re.findall(r'^import .*?"([^"]+)";$', path.read_text(), re.MULTILINE):
            _imported((path.parent / name).resolve(), found)
    return found


def test_what_a_table_needs_is_fetched_at_once() -> None:
    """Found one after the other, the modules would cost the first view a round trip each."""
    page = (STATIC / "index.html").read_text()

    fetched = re.findall(r'<link rel="modulepreload" href="/static/([^"]+)">', page)

    needed: dict[Path, None] = {}
    _imported(STATIC / "app" / "main.js", needed)
    _imported(STATIC / "app" / "tables_page.js", needed)
    assert sorted(fetched) == sorted(_name(path) for path in needed if path.name != "main.js")


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=_name)
def test_a_module_imports_modules_that_are_there(path: Path) -> None:
    asked = re.findall(r'(?:from |import |import\()"([^"]+)"', path.read_text())

    assert [name for name in asked if not (path.parent / name).resolve().is_file()] == []
    assert [name for name in asked if not name.startswith(".")] == []


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=_name)
def test_a_script_takes_no_text_for_html_or_code(path: Path) -> None:
    assert FORBIDDEN.findall(path.read_text()) == []


@pytest.mark.parametrize("path", OWN_STYLES, ids=_name)
def test_a_style_asks_for_nothing(path: Path) -> None:
    assert re.findall(r"url\(|@import", path.read_text()) == []


def test_each_style_is_sent() -> None:
    sent = [STATIC / part for parts in JOINED.values() for part in parts]

    assert sorted(sent) == sorted(STATIC.rglob("*.css"))


def _loaded(script: Path, *, but: frozenset[Path] = frozenset()) -> set[Path]:
    """Return the scripts that one loads, at once or later, itself included."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in found or path in but or VENDOR in path.parents:
            continue
        found.add(path)
        asked = re.findall(r'(?:from |import |import\()"(\.[^"]+)"', path.read_text())
        waiting += [(path.parent / name).resolve() for name in asked]
    return found


PAGES = sorted((STATIC / "app").glob("*_page.js"))


@pytest.mark.parametrize("script", PAGES, ids=_name)
def test_a_page_is_small(script: Path) -> None:
    others = frozenset(PAGES) - {script}
    scripts = _loaded(STATIC / "app" / "main.js", but=others)

    assert script in scripts
    assert sum(path.stat().st_size for path in [*(set(OWN) - set(OWN_SCRIPTS)), *scripts]) < 200_000


def test_no_file_is_long() -> None:
    assert {_name(path): n for path in OWN if (n := len(path.read_text().splitlines())) > 400} == {}


def test_each_script_is_loaded() -> None:
    assert set(OWN_SCRIPTS) == _loaded(STATIC / "app" / "main.js") | {STATIC / "app" / "theme_early.js"}
