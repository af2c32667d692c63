"""Records of earlier versions: what theirs lack of NGFF attributes and calibration, added in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kymflow_zarr import layout
from kymflow_zarr.errors import ArtifactError, ArtifactNotFoundError
from kymflow_zarr.formats import arrays, documents, ngff, pixels
from kymflow_zarr.formats.groups import write_group
from kymflow_zarr.record.record import ZarrImageRecord

if TYPE_CHECKING:
    from kymflow_zarr.store.base import Store

# From the names of the axes to the calibration that is known elsewhere than in the attributes.
Calibrate = Callable[[Sequence[str]], ngff.Calibration]


@dataclass(frozen=True)
class RecordUpgrade:
    """What is to be done to one record.

    Attributes
    ----------
    attrs : dict or None
        Its attributes, as they will be; None if they may stay.
    array_attrs : dict or None
        Those of its pixels, likewise.
    is_calibrated : bool
        Whether a pixel's size is known.
    without_ngff : str
        Why it has no NGFF attributes, even then; empty if it has.
    """

    attrs: dict[str, Any] | None = None
    array_attrs: dict[str, Any] | None = None
    is_calibrated: bool = False
    without_ngff: str = ""

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.attrs is not None or self.array_attrs is not None


def plan_upgrade(store: Store, zarr_format: int, image_id: str, calibrate: Calibrate) -> RecordUpgrade:
    """Say what a record lacks; nothing is written.

    What other programs have written of NGFF, pyramids for example, stays as it is.

    Raises
    ------
    KymflowError
        The record cannot be read.
    """
    record = ZarrImageRecord(store, image_id, zarr_format=zarr_format)
    before = record.get_attrs()
    try:
        array = record.open_array()
    except ArtifactNotFoundError:
        return RecordUpgrade(without_ngff="it has no pixels")
    try:
        names = record.get_axes() or pixels.check_axes(array.ndim, None)
    except ValueError as error:
        raise ArtifactError(f"image {image_id!r} of {store.url}: {error}", image_id=image_id) from error
    if len(names) != array.ndim:
        raise ArtifactError(
            f"image {image_id!r} of {store.url} has {array.ndim} dimensions, and the axes {names}. "
            "Store its pixels again, with their axes.",
            image_id=image_id,
        )
    axes = known = ngff.axes_of(before, names)
    if not known.calibration.is_known:
        axes = ngff.ImageAxes(names, calibrate(names))
    attrs = ngff.describe(before, axes, zarr_format, image_id)
    own = ngff.describe(before, known, zarr_format, image_id)
    if ngff.multiscales_of(before, zarr_format) not in (None, ngff.multiscales_of(own, zarr_format)):
        attrs = before
    array_attrs = None
    if zarr_format == 2:
        array_attrs = arrays.read_attrs(store, f"{layout.record_prefix(image_id)}/data", zarr_format) or {}
        array_attrs = (
            None if ngff.DIMENSIONS_ATTR in array_attrs else {**array_attrs, ngff.DIMENSIONS_ATTR: names}
        )
    return RecordUpgrade(
        None if attrs == before else attrs,
        array_attrs,
        axes.calibration.is_known,
        "" if ngff.can_express(names) else f"NGFF has no form for the axes {', '.join(names)}",
    )


def apply_upgrade(store: Store, zarr_format: int, image_id: str, upgrade: RecordUpgrade) -> None:
    """Write what a record lacks: each document at once, so that the record is whole at every moment."""
    prefix = layout.record_prefix(image_id)
    if upgrade.array_attrs is not None:
        key = f"{prefix}/data/{arrays.ATTRS_DOCUMENT[zarr_format]}"
        store.put(key, documents.json_to_bytes(upgrade.array_attrs))
    if upgrade.attrs is not None:
        write_group(store, prefix, upgrade.attrs, zarr_format)
