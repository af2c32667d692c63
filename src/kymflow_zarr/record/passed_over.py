"""Which folders beside the images are none: copies that programs left, and names that no image can have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kymflow_zarr import layout
from kymflow_zarr.record.copies import find_copies
from kymflow_zarr.store.base import StoreReader


@dataclass(frozen=True)
class PassedOver:
    """Folders beside the images that count as none.

    Attributes
    ----------
    copies : mapping of str to str
        Id of the image, by the name of a record that is a copy of it.
    unusable : list of str
        Names that no image can have on every system, sorted.
    """

    copies: Mapping[str, str] = field(default_factory=dict)
    unusable: Sequence[str] = ()


def part_names(
    store: StoreReader, names: Sequence[str], zarr_format: int, *, known: Collection[str] | None = None
) -> tuple[Sequence[str], PassedOver]:
    """Return which names of folders are those of images, and which others there are.

    Parameters
    ----------
    store, zarr_format
        The dataset's.
    names : sequence of str
        Sorted, as a listing gave them.
    known : collection of str, optional
        The names of all records, if `names` are others.
    """
    copies = find_copies(store, names, zarr_format, known=names if known is None else known)
    unusable = [name for name in names if not layout.is_name(name) and name not in copies]
    if not (copies or unusable):
        return names, PassedOver()
    passed = {*copies, *unusable}
    return [name for name in names if name not in passed], PassedOver(copies, unusable)
