"""Which libraries of an indexer a server imports before it makes copies of itself: once, not in each copy."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType

from kymflow.testing.conformance.children.frames import top_package

# They take a second or more, change nothing of the process, and start no thread that a fork would lose.
_LIBRARIES = frozenset({"scipy", "skimage", "sklearn", "statsmodels"})


def libraries_of(module: str) -> list[str]:
    """Return the modules of such libraries that the package of this module has imported at its top."""
    package = top_package(module)
    loaded = list(sys.modules.items())
    own = [one for name, one in loaded if top_package(name) == package and type(one) is ModuleType]
    values = [value for one in own for value in vars(one).values()]
    # Of anything else, to ask for an attribute may run the author's code.
    names = [vars(value).get("__name__") for value in values if type(value) is ModuleType]
    names += [value.__module__ for value in values if type(value) in (FunctionType, type)]
    return sorted({name for name in names if isinstance(name, str) and top_package(name) in _LIBRARIES})
