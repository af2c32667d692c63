"""In which units the velocities of a table are: a column declares one, its rows may tell of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

# The column that tells a row's unit; where it is missing, velocities are in what they are declared to be in.
VELOCITY_UNIT = "velocity_unit"
DEFAULT_VELOCITY_UNIT = "mm/s"


def velocity_units(declared: str, told: Iterable[Any]) -> list[str]:
    """Return the units in which the velocities of a column are.

    Tables declare velocities to be in mm/s. Those of some programs are not, and column ``velocity_unit`` of
    their rows tells in which unit they are: a mean over several of them is none of anything.

    Parameters
    ----------
    declared : str
        The unit of the column.
    told : iterable of str
        What column ``velocity_unit`` has in the rows in which the column has a value; a missing one is mm/s.

    Returns
    -------
    list of str
        In order. Empty for a column that is not of velocities, or has no value.

    Examples
    --------
    >>> from kymflow import velocity_units
    >>> velocity_units("mm/s", ["um/s", None, "um/s"])
    ['mm/s', 'um/s']
    >>> velocity_units("s", ["um/s"])
    []
    """
    if declared != DEFAULT_VELOCITY_UNIT:
        return []
    return sorted({DEFAULT_VELOCITY_UNIT if pd.isna(unit) or not unit else str(unit) for unit in told})
