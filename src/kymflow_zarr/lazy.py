"""A package's public names: listed once, in the stub beside its ``__init__``, imported when first used."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any


def attach_stub(
    package: str, filename: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package, as its stub says.

    Public is what the stub imports under its own name, ``from a.module import Name as Name``: the
    same lines that type checkers read. A package calls it in its ``__init__``::

        __getattr__, __dir__, __all__ = attach_stub(__name__, __file__)

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    filename : str
        Its ``__file__``; the stub is beside it and ends in ``.pyi``.
    """
    homes = dict(_public_names(f"{os.path.splitext(filename)[0]}.pyi"))
    module = sys.modules[package]

    def __getattr__(name: str) -> Any:
        if name not in homes:
            # With these two, Python adds the name that was probably meant.
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(module, name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(module), *homes})

    return __getattr__, __dir__, sorted(homes)


def _public_names(stub: str) -> Iterator[tuple[str, str]]:
    """Yield each public name and the module that it is imported from."""
    with open(stub, encoding="utf-8") as file:
        tree = ast.parse(file.read(), stub)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if alias.asname == alias.name:
                    yield alias.name, node.module
