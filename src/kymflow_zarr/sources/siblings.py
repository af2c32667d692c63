"""Files beside a file, looked up by name: in any case, however accents are written, in the cloud or here."""

from __future__ import annotations

import os
import stat
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from kymflow_zarr.errors import SourceError
from kymflow_zarr.sources.names import evicted, is_conflicted_copy, path_key, placeholder, same_name
from kymflow_zarr.store.base import SETTLED_AFTER_NS


def is_at_hand(path: Path) -> bool:
    """Tell whether there is a regular file at `path`.

    Raises
    ------
    SourceError
        It is known to exist, but its content is not here: in a cloud, behind a link that leads
        nowhere, or at what is no regular file.
    OSError
        It cannot be looked at.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        if os.path.lexists(path):
            raise _elsewhere(path, "is a link that leads nowhere; fetch its content") from None
        if os.path.lexists(path.with_name(placeholder(path.name))):
            raise _elsewhere(path, "is in iCloud and not on this disk; download it") from None
        return False
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise _elsewhere(path, "is no regular file; move it away")
    return stat.S_ISREG(mode)


def _elsewhere(path: Path, what: str) -> SourceError:
    return SourceError(f"{path} {what}, then ingest again", path=str(path))


def find_beside(folder: Path, stem: str, suffix: str) -> Path | None:
    """Return the file in `folder` that is named so; `suffix` may be in another case.

    Raises
    ------
    SourceError, OSError
        As :func:`is_at_hand`.
    """
    wanted = same_name(stem + suffix)
    found = [path for path in _alike(folder, stem, suffix) if same_name(path.name) == wanted]
    exact_first = sorted(found, key=lambda path: path.name != stem + suffix)
    return next((path for path in exact_first if is_at_hand(path)), None)


def beginning_with(folder: Path, stem: str, rest: str = "") -> list[Path]:
    """Return the files in `folder` whose names begin so, sorted; `rest` may be in another case.

    Raises
    ------
    SourceError, OSError
        As :func:`is_at_hand`.
    """
    return [path for path in _alike(folder, stem, rest) if is_at_hand(path)]


def alike(path: Path, key: Callable[[Path], Hashable | None]) -> list[Path]:
    """Return the files beside `path`, itself among them, of whose names `key` says the same, sorted.

    A folder is gone through once for all of its files. `key` says None of what is like nothing.

    Raises
    ------
    SourceError, OSError
        As :func:`is_at_hand`.
    """
    group = _names(path.parent).groups(key).get(key(path), ())
    return [one for one in group if is_at_hand(one)]


def _alike(folder: Path, stem: str, rest: str) -> list[Path]:
    names = _names(folder)
    found = set(names.beginning(same_name(stem + rest)))
    found |= {evicted(name) for name in names.beginning(same_name("." + stem + rest))} - {""}
    start = path_key(stem)
    return sorted(folder / name for name in found if path_key(name).startswith(start))


class _Names:
    """The names in a folder, by their common form; a conflicted copy is no sidecar."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups: dict[Callable[[Path], Hashable | None], dict[Hashable, list[Path]]] = {}
        self.spelt: dict[str, tuple[str, ...]] = {}
        for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
            key = same_name(name)
            self.spelt[key] = (*self.spelt.get(key, ()), name)
        self._keys = sorted(key for key in self.spelt if not is_conflicted_copy(key, self.spelt))

    def beginning(self, start: str) -> Iterator[str]:
        place = bisect_left(self._keys, start)
        while place < len(self._keys) and self._keys[place].startswith(start):
            yield from self.spelt[self._keys[place]]
            place += 1

    def groups(self, key: Callable[[Path], Hashable | None]) -> Mapping[Hashable, Sequence[Path]]:
        if key not in self._groups:
            groups: dict[Hashable, list[Path]] = {}
            names = {evicted(name) or name for one in self._keys for name in self.spelt[one]}
            for path in (self._folder / name for name in sorted(names)):
                if (said := key(path)) is not None:
                    groups.setdefault(said, []).append(path)
            self._groups[key] = groups
        return self._groups[key]


@contextmanager
def listing_once() -> Iterator[None]:
    """List each folder once meanwhile, even if it has changed so lately that its time may stay the same."""
    global _runs
    with _lock:
        _kept.cache_clear()
        _runs += 1
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            # A folder may have changed since without its time having done so.
            _kept.cache_clear()


def _names(folder: Path) -> _Names:
    # A listing for each image of a folder would be quadratic.
    try:
        mtime_ns = folder.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        if os.path.lexists(folder):
            raise _elsewhere(folder, "is a link that leads nowhere; fetch its content") from None
        return _Names(folder)
    if not _runs and time.time_ns() - mtime_ns < SETTLED_AFTER_NS:
        return _Names(folder)
    return _kept(folder, mtime_ns)


@lru_cache(maxsize=1024)
def _kept(folder: Path, mtime_ns: int) -> _Names:
    return _Names(folder)


_lock = threading.Lock()
_runs = 0
