"""Pieces of the page: sections, lists, and figures that take the page's colours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from kymflow_view.figures import THEMES, ViewFigure
from kymflow_view.tables.html import cell, table_html

# So many images and files are named; the others are counted.
MAX_NAMED = 100
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
# Numbered names that nothing refers to, and that would be the same in several figures.
_GROUP_IDS = re.compile(r' id="[A-Za-z.]+\d*_\d+"')

CSS = """
:root { color-scheme: light dark; --paper: #fefefe; --ink: #1b1f24; --faint: #57606b; --grid: #d9dee3;
  --bad: #a3420a; --good: #00664a; --link: #005a8f; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e6e9ec; --faint: #a3abb4;
  --grid: #343b43; --bad: #ff9a5c; --good: #4fd1a5; --link: #7cc4f0; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif;
  max-width: 1100px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin-top: 2.2rem;
  border-bottom: 1px solid var(--grid); padding-bottom: .2rem; }
h3 { font-size: 1rem; overflow-wrap: anywhere; } a { color: var(--link); } nav a { margin-right: 1rem; }
p.faint, figcaption { color: var(--faint); font-size: .87rem; } .bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); font-weight: 600; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; margin: .5rem 0; }
caption { text-align: left; color: var(--faint); padding-bottom: .2rem; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left; vertical-align: top; overflow-wrap: break-word;
  border-bottom: 1px solid var(--grid); }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; display: block; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 0 1.5rem; }
.pair > div { min-width: 0; } summary { color: var(--faint); font-size: .87rem; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } nav { display: none; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""


def section(anchor: str, title: str, *parts: str) -> str:
    """Return a section under a heading."""
    return f'<section id="{anchor}"><h2>{cell(title)}</h2>{"".join(parts)}</section>'


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; the text is escaped."""
    return f"<p{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{cell(text)}</p>"


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], more: str = "") -> str:
    """Return the first rows of a table, and how many others there are."""
    listed = list(rows)
    left = len(listed) - MAX_NAMED
    told = paragraph(f"and {left:,} more{f' {more}' if more else ''}", "faint") if left > 0 else ""
    return f'<div class="wide">{table_html(((head, "") for head in heads), listed[:MAX_NAMED])}</div>{told}'


def figure(drawn: ViewFigure, description: str, caption: str) -> str:
    """Return a figure as SVG within the page; what it shows is told to those who do not see it."""
    text = drawn.to_bytes("svg").decode()
    text = _GROUP_IDS.sub("", _METADATA.sub("", text[text.index("<svg ") :]))
    for name, value in vars(THEMES["light"]).items():
        text = text.replace(value, f"var(--{name})")
    text = text.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)
    told = f"<figcaption>{cell(caption)}</figcaption>" if caption else ""
    return f"<figure>{text}{told}</figure>"
