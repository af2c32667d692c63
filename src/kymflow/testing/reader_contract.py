"""``check_reader``: whether a reader of source files keeps its promises, tried on one file."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kymflow.core.plugins.info import ReaderInfo
from kymflow.core.plugins.readers import describe_reader
from kymflow.testing.conformance.comparing import difference, same_values
from kymflow.testing.conformance.findings import ConformanceError, Finding
from kymflow_zarr import SourceImage, SourceReader, ZarrDataset


def check_reader(reader: SourceReader, path: str | os.PathLike[str]) -> None:
    """Raise at the first promise that a reader does not keep; say nothing if all is well.

    It is asked for everything twice. What it gives is stored in a dataset of its own, which is
    deleted again; `path` and all beside it are only read.

    Parameters
    ----------
    reader : SourceReader
        An instance.
    path : str or path-like
        A file that it reads, in a folder with the sidecars of the file.

    Raises
    ------
    InvalidReaderError
        It lacks a member, or one is not what the contract says.
    ConformanceError
        What it does with the file is not; the message says what was expected, and what to do.
    Exception
        Whatever the reader raises where it reads the file.

    Examples
    --------
    >>> import numpy as np
    >>> from kymflow import SourceImage
    >>> from kymflow.testing import check_reader
    >>> class NpyReader:
    ...     name = "npy"
    ...
    ...     def matches(self, path):
    ...         return path.suffix == ".npy"
    ...
    ...     def files(self, primary):
    ...         return []
    ...
    ...     def read(self, primary):
    ...         return SourceImage(np.load(primary))
    >>> np.save("cell.npy", np.zeros((3, 4)))
    >>> check_reader(NpyReader(), "cell.npy")
    """
    name = describe_reader(reader, ReaderInfo(name="")).name
    path = Path(path).absolute()
    before = _beside(path)
    _check_matches(name, reader, path)
    _check_files(name, reader, path)
    changed = _changed(reader.read(path), reader.read(path))
    if changed is not None:
        _fail(name, "read", f"the same image of {path.name} twice", f"other {changed}", "Keep no state.")
    _check_storable(name, reader, path)
    if _beside(path) != before:
        _fail(
            name,
            "nothing written",
            f"the folder {path.parent} as it was",
            "files that were written, changed or deleted",
            "Write elsewhere, or not at all: the folder may be somebody's only copy, or read-only.",
        )


def _check_matches(name: str, reader: SourceReader, path: Path) -> None:
    answers = [reader.matches(path), reader.matches(path)]
    if answers != [True, True]:
        remedy = "Return True for files that it reads; let the answer depend on the file alone."
        _fail(name, "matches", f"True for {path.name}, twice", str(answers), remedy)


def _check_files(name: str, reader: SourceReader, path: Path) -> None:
    once, again = list(reader.files(path)), list(reader.files(path))
    if once != again:
        remedy = "Return them in the same order each time; sorted() will do."
        _fail(name, "files", "the same sidecars twice", f"{once}, then {again}", remedy)
    wrong = [str(file) for file in once if not file.is_file() or file == path]
    if wrong or len(set(once)) < len(once):
        remedy = "Name sidecars that exist now, each once, and not the file itself."
        _fail(name, "files", "sidecars that exist", ", ".join(wrong) or f"{once}", remedy)


def _check_storable(name: str, reader: SourceReader, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = ZarrDataset(Path(folder, "lab.zarr"))
        report = dataset.sync_from_folder(path.parent, glob.escape(path.name), reader=reader)
    for source, cause in report.failed.items():
        _fail(name, "storable", f"an image of {source} that can be stored", cause, "See SourceImage.")


def _changed(one: SourceImage, other: SourceImage) -> str | None:
    """Say in a word or two where two images differ, or None."""
    if not _same_array(one.pixels, other.pixels):
        return "pixels"
    for member in ("axes", "scale", "units", "json", "remarks"):
        if not same_values(getattr(one, member), getattr(other, member)):
            return member
    return _differing("table", one.tables, other.tables) or _differing("array", one.arrays, other.arrays)


def _differing(kind: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    if list(one) != list(other):
        return f"{kind}s: {list(one)}, then {list(other)}"
    for name, content in one.items():
        if isinstance(content, pd.DataFrame):
            same = difference(content, other[name]) is None
        else:
            same = _same_array(content, other[name])
        if not same:
            return f"{kind} {name!r}"
    return None


def _same_array(one: npt.ArrayLike, other: npt.ArrayLike) -> bool:
    a, b = np.asarray(one), np.asarray(other)
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def _beside(path: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of all that is in the folder of `path`."""
    with os.scandir(path.parent) as entries:
        stats = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def _fail(name: str, check: str, expected: str, got: str, remedy: str) -> None:
    finding = Finding(check, "failed", "the reader breaks its promise", expected, got, remedy)
    error = ConformanceError(f"reader {name!r}: {finding}")
    error.finding = finding
    raise error
