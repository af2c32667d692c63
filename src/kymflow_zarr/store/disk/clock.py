"""The clock of a file system, by which it gives files their times: it may not be this machine's."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass

from kymflow_zarr.store.base import SETTLED_AFTER_NS
from kymflow_zarr.store.disk import files

# Where nobody may look at the clock, nothing is noted on disk either, only in memory.
_SETTLED_UNSEEN_AFTER_NS = 60_000_000_000
# Of a file on another disk, behind a link: clocks of other time zones are among those.
_SETTLED_ELSEWHERE_AFTER_NS = 24 * 3600 * 1_000_000_000
# After this it is looked at again: clocks are set, and differ in how fast they are.
_LOOK_AGAIN_AFTER_NS = 60_000_000_000


def look(folder: str) -> int | None:
    """Return the time that a file gets that is made now, ns since 1970; None where none can be made."""
    info = _make_and_look(folder)
    return None if info is None else info.st_mtime_ns


def _make_and_look(folder: str) -> os.stat_result | None:
    # Linux makes one without a name, which nobody sees and nothing can leave behind.
    unnamed = getattr(os, "O_TMPFILE", 0)
    path = os.path.join(folder, files.temporary_name())
    for place, flags in ((folder, unnamed), (path, os.O_CREAT | os.O_EXCL)):
        with suppress(OSError):
            if flags:
                descriptor = os.open(place, os.O_RDWR | flags, 0o600)
                try:
                    # Nothing is written: until it is, the time is the file system's and not a cache's.
                    return os.fstat(descriptor)
                finally:
                    os.close(descriptor)
                    if place == path:
                        os.unlink(path)
    return None


def _latest_ns(info: os.stat_result) -> int:
    """Return when a file was last changed: who sets a modification time cannot set the time of that."""
    return max(info.st_mtime_ns, info.st_ctime_ns)


@dataclass(frozen=True)
class _Look:
    """What the clock said, on which device, and when by this machine's clock that nobody sets."""

    device: int
    time_ns: int
    at_ns: int


class DiskClock:
    """Tells whether files are so old that another write would give them another time.

    Parameters
    ----------
    folder : str
        Where a file may be made to look at the clock.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._last: _Look | None = None

    def settled(self, info: os.stat_result, *, look: bool) -> bool:
        """Tell whether a file that is written from now on gets another time than it has by `info`.

        Only with `look` the clock may be looked at; otherwise a file must be older.
        """
        last = self._last_look() if look else None
        if last is None:
            return _latest_ns(info) < time.time_ns() - _SETTLED_UNSEEN_AFTER_NS
        if last.device != info.st_dev:
            return _latest_ns(info) < time.time_ns() - _SETTLED_ELSEWHERE_AFTER_NS
        now_ns = last.time_ns + time.monotonic_ns() - last.at_ns
        return _latest_ns(info) < now_ns - SETTLED_AFTER_NS

    def _last_look(self) -> _Look | None:
        last = self._last
        if last is None or time.monotonic_ns() - last.at_ns > _LOOK_AGAIN_AFTER_NS:
            info = _make_and_look(self._folder)
            # This machine's is read after it, so that the clock is not thought to be further than it is.
            last = None if info is None else _Look(info.st_dev, info.st_mtime_ns, time.monotonic_ns())
            self._last = last
        return last
