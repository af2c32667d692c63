"""How Sphinx makes the site of these pages; ``make docs`` builds it in build/site, without the internet."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import public_names
from numpydoc.xref import DEFAULT_LINKS

import kymflow

project = "kymflow"
copyright = "the kymflow authors"
version = release = kymflow.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "public_names",
    "repository_links",
]
exclude_patterns = ["_extensions", "_static", "_templates"]
templates_path = ["_templates"]
# Blocks without a language are commands, or what they print.
highlight_language = "text"

# Headings have the anchors that they have in the repository.
myst_heading_anchors = 4
myst_links_external_new_tab = False

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections have them
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # autodoc shows them
# In lists of parameters, public names lead to their pages; words such as "optional" and "str" stay words.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS} | public_names.PAGES
toc_object_entries_show_parents = "hide"

# Every reference must lead somewhere. What other projects document has no page here, and no inventory of
# theirs is at hand without the internet.
nitpicky = True
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(numpy|np|pandas|pd|pyarrow|pa|zarr|matplotlib|concurrent|collections|threading|pathlib)\..*",
    ),
]

html_theme = "pydata_sphinx_theme"
html_title = "kymflow"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "show_nav_level": 1,
    "navigation_with_keys": False,
    "use_edit_page_button": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "search_bar_text": "Search these pages ...",
}
# Pages with no others below them.
html_sidebars = {"index": [], "getting-started": []}
linkcheck_timeout = 20
