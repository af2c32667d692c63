"""Which code an indexer is of: a digest of the source files of its package."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

# Of a folder that holds more, it is some other tree: then the module's own file counts alone.
_MOST_FILES = 2000


def code_digest(indexer: object) -> str:
    """Return a digest of the source files that the class of an indexer comes from; empty if there are none.

    These are all ``.py`` files of its package, from the outermost folder with an ``__init__.py`` down, or
    its module's file alone where it is in no package. Each is read once in a process: what is imported does
    not change when its file does. A class of a notebook or an interpreter has no file.
    """
    name = type(indexer).__module__
    parts = name.split(".")
    for n_parts in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:n_parts]))
        # A namespace package is many distributions' folder, and has no file.
        file = _source_of(module)
        if file is not None:
            return _digest(file, of_package=hasattr(module, "__path__"))
    return ""


def _source_of(module: ModuleType | None) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) and file.endswith(".py") else None


@cache
def _digest(file: str, *, of_package: bool) -> str:
    own = Path(file)
    files = _sources_below(own.parent) if of_package else [own]
    if len(files) > _MOST_FILES:
        files = [own]
    found = hashlib.sha256()
    try:
        for path in files:
            # A checkout on Windows ends its lines otherwise.
            content = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
            found.update(f"{path.relative_to(own.parent).as_posix()} {content}\n".encode("utf-8", "replace"))
    except OSError:
        # It has been imported, and its files are not there any more: nothing can be said.
        return ""
    return found.hexdigest()


def _sources_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        found += [Path(where, name) for name in files if name.endswith(".py")]
        if len(found) > _MOST_FILES:
            break
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
