"""The import of zarr, which fails where any installed distribution has damaged entry points."""

from __future__ import annotations

import importlib.metadata

from kymflow_zarr.errors import InstallationError


def require_zarr() -> None:
    """Import zarr, after which a plain ``import zarr`` works.

    Raises
    ------
    InstallationError
        The entry points of a distribution, which zarr reads as it is imported, are damaged.
    """
    try:
        import zarr  # noqa: F401
    # What damaged entry points raise is nobody's promise.
    except Exception as error:
        damaged = _damaged_distribution()
        if damaged is None:
            raise
        raise InstallationError(
            f"zarr cannot be imported: the entry points of {damaged}; reinstall or remove it"
        ) from error


def _damaged_distribution() -> str | None:
    """Name an installed distribution whose entry points cannot be read, with the reason."""
    for distribution in importlib.metadata.distributions():
        try:
            list(distribution.entry_points)
        # The same errors as above.
        except Exception as error:  # noqa: BLE001
            named = f"{distribution.name} {distribution.version}"
            return f"{named} cannot be read: {type(error).__name__}: {error}"
    return None
