"""For which versions of kymflow a plugin is made, as its distribution's metadata say."""

from __future__ import annotations

from collections.abc import Iterable


def misfit(requirements: Iterable[str], version: str) -> str:
    """Say that a plugin is made for other versions of kymflow, as ``pip check`` would; empty if it is not.

    Parameters
    ----------
    requirements : iterable of str
        What its distribution requires of kymflow: ``kymflow>=1.2``.
    version : str
        kymflow's own.

    Examples
    --------
    >>> misfit(["kymflow>=99"], "1.0.0")
    'made for another version of kymflow: needs >=99, this is 1.0.0'
    >>> misfit(["kymflow>=1.0,<2"], "1.0.0")
    ''
    """
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requirements:
        try:
            found = Requirement(text)
        except InvalidRequirement:
            # Installers have had their say of it.
            continue
        holds = found.marker is None or found.marker.evaluate({"extra": ""})
        if holds and not found.specifier.contains(version, prereleases=True):
            return f"made for another version of kymflow: needs {found.specifier}, this is {version}"
    return ""
