"""What a lazy package says that it offers, where only type checkers read it."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType


def declared_names(package: ModuleType) -> dict[str, str]:
    """Return the names that a package imports for type checkers, with the module of each."""
    tree = ast.parse(Path(str(package.__file__)).read_text("utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        str(alias.asname): str(node.module)
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
