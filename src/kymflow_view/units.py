"""How units are written for people."""

from __future__ import annotations

import re

# The column that tells in which unit the velocities of a row are.
VELOCITY_UNIT = "velocity_unit"
_MICROMETER = re.compile(r"(?<![^\W\d_])um(?![^\W\d_])")


def shown_unit(unit: str) -> str:
    """Return a unit as people write it: ``µm`` and ``µm/s``, where columns and footers have ``um``."""
    return _MICROMETER.sub("µm", unit)
