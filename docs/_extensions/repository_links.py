"""Links from pages to files of the repository: to the page that shows the file, or to the file itself."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

# Files outside of this folder that are pages of the site, by the page that includes them.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take links in hand before they are parsed."""
    app.connect("source-read", _on_page)
    app.connect("include-read", _on_include)
    return {"version": "1", "parallel_read_safe": True}


def _on_page(app: Sphinx, docname: str, content: list[str]) -> None:
    content[0] = lead(content[0], app.srcdir / f"{docname}.md", app.srcdir)


def _on_include(app: Sphinx, path: Path, docname: str, content: list[str]) -> None:
    content[0] = lead(content[0], app.srcdir / path, app.srcdir)


def lead(text: str, written_in: Path, docs: Path) -> str:
    """Return a page's text, its links as they are from the top of the site.

    Parameters
    ----------
    text : str
        Markdown.
    written_in : Path
        The file whose text it is; its links start there.
    docs : Path
        The folder of the site's sources, in the repository.
    """
    docs = docs.resolve()
    repository = docs.parent

    def replaced(link: re.Match[str]) -> str:
        target = (written_in.parent / link[1]).resolve()
        if not target.exists() or not target.is_relative_to(repository):
            return link[0]  # Sphinx says what is wrong with it
        if target.is_dir():
            # A browser shows no folder of a repository: what introduces it, then.
            target = next(file for file in (target / "README.md", target / "__init__.py") if file.is_file())
        page = PAGES.get(target.relative_to(repository).as_posix())
        if page is None and not target.is_relative_to(docs):
            return f"](path:/../{target.relative_to(repository).as_posix()})"
        return f"](/{page or target.relative_to(docs).as_posix()}{link[2] or ''})"

    return _LINK.sub(replaced, text)
