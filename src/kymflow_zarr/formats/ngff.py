"""OME-NGFF attributes: how other programs learn the axes, the pixel sizes and the units of an image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

# The one level of a record's image: the array beside its attributes.
LEVEL = "data"
VERSIONS = {2: "0.4", 3: "0.5"}

SCALE_ATTR = "scale"
UNITS_ATTR = "units"
DISPLAY_ATTR = "axis_display"
# Where xarray looks for the names of dimensions in Zarr v2; Zarr v3 has a place of its own for them.
DIMENSIONS_ATTR = "_ARRAY_DIMENSIONS"

# NGFF wants axes in this order: time, then channels, then two or three of space.
_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_PREFIXES = (
    *("yocto", "zepto", "atto", "femto", "pico", "nano", "micro", "milli", "centi", "deci", ""),
    *("hecto", "kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta"),
)
# The names that NGFF knows.
UNITS = {
    "space": frozenset(
        {f"{prefix}meter" for prefix in _PREFIXES} | {"angstrom", "inch", "foot", "yard", "mile", "parsec"}
    ),
    "time": frozenset({f"{prefix}second" for prefix in _PREFIXES} | {"minute", "hour", "day"}),
}


class Calibration(NamedTuple):
    """What a step from one pixel to the next means.

    Attributes
    ----------
    scale : tuple of float
        Size of a pixel along each dimension, in its unit; 1 where it is not known.
    units : tuple of str or None
        Unit of each dimension by its name (``"second"``, ``"micrometer"``); None where it is not known.
    """

    scale: tuple[float, ...]
    units: tuple[str | None, ...]

    @classmethod
    def unknown(cls, ndim: int) -> Calibration:
        """Return that of an image of which nothing is known."""
        return cls((1.0,) * ndim, (None,) * ndim)

    @property
    def is_known(self) -> bool:
        """Whether anything is known."""
        return self != Calibration.unknown(len(self.scale))


@dataclass(frozen=True)
class ImageAxes:
    """The axes of an image: a name per dimension, and what a step along each means."""

    names: list[str]
    calibration: Calibration

    def tells_more_than(self, other: ImageAxes) -> bool:
        """Whether it knows the calibration of the same axes, and `other` does not."""
        return self.names == other.names and self.calibration.is_known and not other.calibration.is_known


def check_calibration(
    names: Sequence[str], scale: Sequence[float] | None, units: Sequence[str | None] | None
) -> Calibration:
    """Return the calibration of an image with these axes.

    Raises
    ------
    ValueError
        `scale` or `units` do not fit the axes; a size is not positive; a unit is none that NGFF knows.
    """
    ndim = len(names)
    units = (None,) * ndim if units is None else tuple(units)
    if scale is None:
        if any(unit is not None for unit in units):
            raise ValueError(f"units {list(units)} say nothing without a scale; pass both")
        return Calibration.unknown(ndim)
    scale = tuple(scale)
    for what, values in (("scale", scale), ("units", units)):
        if len(values) != ndim:
            raise ValueError(
                f"{what} must have a value for each of the axes {list(names)}, got {list(values)}"
            )
    try:
        sizes = tuple(float(size) for size in scale)
    except (TypeError, ValueError):
        sizes = (math.nan,)
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        raise ValueError(f"scale must hold positive sizes of a pixel, 1 where unknown; got {list(scale)}")
    for unit in units:
        if unit is not None and unit not in UNITS["space"] | UNITS["time"]:
            raise ValueError(
                f"{unit!r} is no unit of NGFF; give its whole name, as 'second' or 'micrometer', "
                "or None if it is not known"
            )
    return Calibration(sizes, units)


def axes_of(attrs: Mapping[str, Any], names: Sequence[str]) -> ImageAxes:
    """Return the axes of a record with these attributes; what is absent or does not fit is unknown."""
    try:
        calibration = check_calibration(names, attrs.get(SCALE_ATTR), attrs.get(UNITS_ATTR))
    except (ValueError, TypeError):
        calibration = Calibration.unknown(len(names))
    return ImageAxes(list(names), calibration)


def can_express(names: Sequence[str]) -> bool:
    """Tell whether NGFF has a form for these axes: some of t, c, z, in this order, and then y, x."""
    return list(names) == [name for name in _TYPES if name in names] and {"y", "x"} <= set(names)


def describe(attrs: Mapping[str, Any], axes: ImageAxes, zarr_format: int, image_id: str) -> dict[str, Any]:
    """Return a record's attributes with all that tells of its axes and calibration; others are kept.

    Where NGFF has no form for the axes, there are no attributes of it. For other programs, the image's
    name is its id.
    """
    told = {"axes": axes.names, **_own(axes.calibration), **_display(axes)}
    kept = {
        name: value for name, value in attrs.items() if name not in (SCALE_ATTR, UNITS_ATTR, DISPLAY_ATTR)
    }
    image = {"multiscales": [_image(axes, zarr_format, image_id)]} if can_express(axes.names) else {}
    if zarr_format == 2:
        kept.pop("multiscales", None)
        return {**kept, **told, **image}
    ome = kept.pop("ome", None)
    others = ome if isinstance(ome, dict) else {}
    ome = {name: value for name, value in others.items() if name not in ("version", "multiscales")}
    if image:
        ome |= {"version": VERSIONS[3], **image}
    return {**kept, **told, **({"ome": ome} if ome else {})}


def multiscales_of(attrs: Mapping[str, Any], zarr_format: int) -> object:
    """Return what NGFF attributes say of a record's image, whoever wrote them; None without any."""
    ome = attrs if zarr_format == 2 else attrs.get("ome")
    return ome.get("multiscales") if isinstance(ome, Mapping) else None


def _own(calibration: Calibration) -> dict[str, Any]:
    if not calibration.is_known:
        return {}
    return {SCALE_ATTR: list(calibration.scale), UNITS_ATTR: list(calibration.units)}


def _unit(name: str, unit: str | None) -> str | None:
    """Return the unit if NGFF has it for axes of this type: those of space have no time."""
    return unit if unit in UNITS.get(_TYPES[name], ()) else None


def _display(axes: ImageAxes) -> dict[str, Any]:
    """Return what NGFF cannot say: that an axis, of space for NGFF, is one of time."""
    if not can_express(axes.names):
        return {}
    untold = {
        name: {"type": next(kind for kind, known in UNITS.items() if unit in known), "unit": unit}
        for name, unit in zip(axes.names, axes.calibration.units, strict=True)
        if unit is not None and _unit(name, unit) is None
    }
    return {DISPLAY_ATTR: untold} if untold else {}


def _image(axes: ImageAxes, zarr_format: int, name: str) -> dict[str, Any]:
    scale, units = axes.calibration
    described = [
        {"name": name, "type": _TYPES[name], **({"unit": unit} if unit else {})}
        for name, unit in zip(axes.names, map(_unit, axes.names, units), strict=True)
    ]
    level = {"path": LEVEL, "coordinateTransformations": [{"type": "scale", "scale": list(scale)}]}
    version = {"version": VERSIONS[2]} if zarr_format == 2 else {}
    return {**version, "name": name, "axes": described, "datasets": [level]}
