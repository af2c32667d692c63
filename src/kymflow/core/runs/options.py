"""What every long run is told: what a failure does, who follows its progress, when to stop, where to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

OnError = Literal["raise", "skip"]
OnProgress = Callable[[int, int], None]
