"""How much memory a process has, and has had at most, as Linux tells it."""

from __future__ import annotations

import math
import re
from pathlib import Path


def resident_mb(pid: int | str = "self") -> float:
    """Return how much memory a process has now, in MB; NaN where the system does not tell."""
    return _told("VmRSS", pid)


def peak_mb(pid: int | str = "self") -> float:
    """Return the most memory that a process has had, in MB; NaN where the system does not tell.

    Not from ``getrusage``: what that tells begins with what the process that started it had.
    """
    return _told("VmHWM", pid)


def _told(name: str, pid: int | str) -> float:
    status = Path(f"/proc/{pid}/status")
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text("ascii")) if status.exists() else None
    return int(found[1]) * 1024 / 1e6 if found else math.nan
