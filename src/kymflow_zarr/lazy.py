"""A package's public names: listed once, in the stub beside its ``__init__``, imported when first used."""

from __future__ import annotations

import os
import sys

# The command line can answer Ctrl-C only when this is imported: nothing else is, nor is the stub read, before
# a name is asked for.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


def attach_stub(package: str, filename: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package, as its stub says; they give ``__all__``, too.

    Public is what the stub imports under its own name, ``from a.module import Name as Name``, the
    same lines that type checkers read, and the variables that it declares. A package calls it in its
    ``__init__``::

        __getattr__, __dir__ = attach_stub(__name__, __file__)

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    filename : str
        Its ``__file__``; the stub is beside it and ends in ``.pyi``.
    """
    module = sys.modules[package]
    homes: dict[str, str] = {}

    def read() -> dict[str, str]:
        if not homes:
            homes.update(_public_names(f"{os.path.splitext(filename)[0]}.pyi", package))
        return homes

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            value: Any = sorted(read())
        elif name in read():
            from importlib import import_module

            value = getattr(import_module(homes[name]), name)
        else:
            # With these two, Python adds the name that was probably meant.
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)
        setattr(module, name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(module), *read(), "__all__"})

    return __getattr__, __dir__


def _public_names(stub: str, package: str) -> Iterator[tuple[str, str]]:
    """Yield each public name and the module that it is imported from."""
    import ast

    with open(stub, encoding="utf-8") as file:
        tree = ast.parse(file.read(), stub)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if alias.asname == alias.name:
                    yield alias.name, node.module
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, package
