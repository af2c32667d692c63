"""One installed entry point of a plugin, and how names of distributions are compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PluginSource:
    """One entry point of one installed distribution.

    Attributes
    ----------
    name, value : str
        The entry point, ``name = value``.
    distribution, version : str
        Who registers it; empty where nobody does.
    requires : tuple of str
        What its distribution requires of kymflow.
    load : callable
        Imports what it names.
    info_folder : str
        Where its metadata are installed; empty where that is not known.
    """

    name: str
    value: str
    distribution: str = ""
    version: str = ""
    requires: tuple[str, ...] = ()
    load: Callable[[], object] = field(kw_only=True, compare=False, repr=False)
    info_folder: str = field(default="", kw_only=True, compare=False, repr=False)

    @property
    def entry_point(self) -> str:
        """``name = value``, as the distribution registers it."""
        return f"{self.name} = {self.value}"


def normalized(name: str) -> str:
    """Return a distribution's name as names are compared: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()
