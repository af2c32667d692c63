"""The files of the page: whole, its own, small, and without anything that its security policy forbids."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import kymflow_view
from kymflow_view.server.pages import FIRST_SCRIPT, JOINED
from kymflow_view.server.scripts import join_scripts

STATIC = Path(kymflow_view.__file__).parent / "static"
VENDOR = STATIC / "vendor"
OWN_SCRIPTS = sorted((STATIC / "app").rglob("*.js"))
OWN_STYLES = sorted((STATIC / "css").rglob("*.css"))
THEME_EARLY = STATIC / "theme_early.js"  # No module: it runs before anything is drawn.
OWN = [STATIC / "index.html", STATIC / "icon.svg", THEME_EARLY, *OWN_SCRIPTS, *OWN_STYLES]
# What reads a text as HTML or as code, or sets a style that the policy does not let through.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style\"|https?://"
)


def _name(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def test_vendored_files_are_those_that_are_listed() -> None:
    rows = re.findall(
        r"^\| `([^`]+/[^`]+)` \| (\d+) \| `(\w{64})` \|$", (VENDOR / "README.md").read_text(), re.M
    )
    listed = {name: (int(size), digest) for name, size, digest in rows}

    found = {
        path.relative_to(VENDOR).as_posix(): (len(content), hashlib.sha256(content).hexdigest())
        for path in VENDOR.rglob("*")
        if path.is_file() and path.parent != VENDOR
        for content in [path.read_bytes()]
    }

    assert found == listed


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


def test_what_a_table_needs_is_fetched_at_once() -> None:
    """Found one after the other, the files would cost the first view a round trip each."""
    page = (STATIC / "index.html").read_text()
    fetched = set(re.findall(r'<link rel="modulepreload" href="/static/([^"]+)">', page))
    contents = {_name(path): path.read_bytes() for path in OWN_SCRIPTS}
    table = join_scripts(contents, FIRST_SCRIPT)["app/tables_page.js"].decode()

    needed = re.findall(r'^import .*? from "/static/([^"]+)";$', table, re.MULTILINE)

    assert fetched == {"app/tables_page.js", *needed} - {FIRST_SCRIPT}


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=_name)
def test_a_module_imports_modules_that_are_there(path: Path) -> None:
    asked = re.findall(r'(?:from |import |import\()"([^"]+)"', path.read_text())

    assert [name for name in asked if not (path.parent / name).resolve().is_file()] == []
    assert [name for name in asked if not name.startswith(".")] == []


@pytest.mark.parametrize("path", [THEME_EARLY, *OWN_SCRIPTS], ids=_name)
def test_a_script_takes_no_text_for_html_or_code(path: Path) -> None:
    assert FORBIDDEN.findall(path.read_text()) == []


@pytest.mark.parametrize("path", OWN_STYLES, ids=_name)
def test_a_style_asks_for_nothing(path: Path) -> None:
    assert re.findall(r"url\(|@import", path.read_text()) == []


def test_each_style_is_sent() -> None:
    sent = [STATIC / part for parts in JOINED.values() for part in parts]

    assert sorted(sent) == sorted(STATIC.rglob("*.css"))


def _loaded(script: Path) -> set[Path]:
    """Return the scripts that one loads, at once or later, itself included."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in found or VENDOR in path.parents:
            continue
        found.add(path)
        asked = re.findall(r'(?:from |import |import\()"(\.[^"]+)"', path.read_text())
        waiting += [(path.parent / name).resolve() for name in asked]
    return found


def test_a_page_is_small_as_it_is_sent() -> None:
    contents = {_name(path): path.read_bytes() for path in [*OWN, *OWN_SCRIPTS]}
    scripts = join_scripts(contents, FIRST_SCRIPT)
    first = scripts.pop(FIRST_SCRIPT)
    others = sum(path.stat().st_size for path in set(OWN) - set(OWN_SCRIPTS))
    image = scripts.pop("app/image/image.js")

    assert len(scripts) == 3
    for script in scripts.values():
        # Only the table has an image beside it.
        beside = image if b"image.js" in script else b""
        assert others + len(first) + len(script) + len(beside) < 200_000


def test_no_file_is_long() -> None:
    assert {_name(path): n for path in OWN if (n := len(path.read_text().splitlines())) > 400} == {}


def test_each_script_is_loaded() -> None:
    assert set(OWN_SCRIPTS) == _loaded(STATIC / "app" / "main.js")
