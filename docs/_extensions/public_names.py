"""Names of the reference: said as people import them, whatever module they are made in."""

from __future__ import annotations

from abc import ABC
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

PACKAGES = ("kymflow", "kymflow.testing", "kymflow_view", "kymflow_zarr")
# By name, where it is documented: what several packages have is the last one's own.
PAGES = {name: f"{package}.{name}" for package in PACKAGES for name in import_module(package).__all__}


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take references and base classes in hand."""
    app.connect("missing-reference", _find)
    app.connect("autodoc-process-bases", _say_public_bases)
    return {"version": "1", "parallel_read_safe": True}


def _find(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> nodes.Node | None:
    """Return a reference to what is documented in another package than the docstring's."""
    if node.get("refdomain") != "py":
        return None
    name, _, rest = node["reftarget"].partition(".")
    if name not in PAGES:
        return None
    target = f"{PAGES[name]}.{rest}" if rest else PAGES[name]
    return env.domains.python_domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], target, node, text
    )


def _say_public_bases(app: Sphinx, name: str, obj: type, options: Any, bases: list[type]) -> None:
    """Put in the place of each internal base class the bases that it has."""
    while internal := [base for base in bases if _is_internal(base)]:
        for base in internal:
            at = bases.index(base)
            bases[at : at + 1] = [one for one in base.__bases__ if one not in bases]
    bases[:] = [base for base in bases if base not in (ABC, object)] or [object]


def _is_internal(base: type) -> bool:
    return base.__module__.startswith("kymflow") and base.__name__ not in PAGES
