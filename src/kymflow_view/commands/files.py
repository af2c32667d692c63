"""Files that commands write: whole or not at all, and never into a dataset."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import typer


def suffix_of(path: Path, allowed: Sequence[str]) -> str:
    """Return the suffix of a file to be written, without its dot.

    Raises
    ------
    typer.BadParameter
        It is none of those that can be written.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in allowed:
        known = ", ".join(f".{one}" for one in allowed)
        raise typer.BadParameter(f"--output must end with {known}, got {str(path)!r}")
    return suffix


def check_target(path: Path, dataset: str) -> None:
    """Refuse to write into the dataset itself, or where there is no folder.

    Raises
    ------
    typer.BadParameter
        The file would lie in the dataset.
    FileNotFoundError
        There is no such folder.
    """
    inside = os.path.join(os.path.realpath(path), "")
    if inside.startswith(os.path.join(os.path.realpath(dataset), "")):
        raise typer.BadParameter(f"{path} lies inside the dataset {dataset}; write it somewhere else")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; an old one stays until the new one is whole."""
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        if error.filename != str(temporary):
            raise
        # Of the file that was asked for, not of one that nobody knows.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
