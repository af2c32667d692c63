"""All that is in a folder, to be compared with what is in it later."""

from __future__ import annotations

from pathlib import Path

Tree = dict[str, tuple[int, bytes | None]]


def tree(folder: str | Path) -> Tree:
    """Return modification time and content of everything in a folder; links are not followed."""
    found: Tree = {}
    for path in sorted(Path(folder).rglob("*")):
        info = path.lstat()
        is_file = path.is_file() and not path.is_symlink()
        found[str(path.relative_to(folder))] = (info.st_mtime_ns, path.read_bytes() if is_file else None)
    return found
