"""The clock of a file system, by which it gives files their times: it may not be this machine's."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass

from kymflow_zarr.store.base import SETTLED_AFTER_NS
from kymflow_zarr.store.disk import files

# Of files whose clock nobody could look at: clocks of other time zones are among them.
SETTLED_ELSEWHERE_AFTER_NS = 24 * 3600 * 1_000_000_000
# After this it is looked at again: clocks are set, and run differently fast.
_LOOK_AGAIN_AFTER_NS = 60_000_000_000


def look(folder: str) -> int | None:
    """Return the time that a file gets that is written now, ns since 1970; None where none can be written."""
    info = _write_and_look(folder)
    return None if info is None else info.st_mtime_ns


def _write_and_look(folder: str) -> os.stat_result | None:
    path = os.path.join(folder, files.temporary_name())
    try:
        with open(path, "xb") as file:
            file.write(b"?")
            file.flush()
            return os.fstat(file.fileno())
    except OSError:
        return None
    finally:
        with suppress(OSError):
            os.unlink(path)


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
        Where a file may be written to look at the clock.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        # Whether that may be done at all.
        self.may_write = False
        self._look: _Look | None = None

    def settled(self, info: os.stat_result) -> bool:
        """Tell whether a file that is written from now on gets another time than it has by `info`.

        Who sets a modification time by hand cannot set the time of that, which counts, too.
        """
        latest_ns = max(info.st_mtime_ns, info.st_ctime_ns)
        look = self._last_look()
        if look is None or look.device != info.st_dev:
            return latest_ns < time.time_ns() - SETTLED_ELSEWHERE_AFTER_NS
        now_ns = look.time_ns + time.monotonic_ns() - look.at_ns
        return latest_ns < now_ns - SETTLED_AFTER_NS

    def _last_look(self) -> _Look | None:
        if not self.may_write:
            return None
        look = self._look
        if look is None or time.monotonic_ns() - look.at_ns > _LOOK_AGAIN_AFTER_NS:
            info = _write_and_look(self._folder)
            # Read after it, so that the clock is not thought to be further than it is.
            look = None if info is None else _Look(info.st_dev, info.st_mtime_ns, time.monotonic_ns())
            self._look = look
        return look
