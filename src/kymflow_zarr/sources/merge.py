"""Merge a changed source into its record: what was ingested, what was edited since, what it gives now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kymflow_zarr.formats.arrays import ARRAY_DOCUMENT
from kymflow_zarr.formats.groups import read_group
from kymflow_zarr.formats.ngff import ImageAxes, axes_of
from kymflow_zarr.formats.pixels import OnChunk
from kymflow_zarr.record.attrs import write_attrs
from kymflow_zarr.sources import parts
from kymflow_zarr.sources.parts import DATA, Part
from kymflow_zarr.store.base import Store

# Attribute of a record: the digest of each part that an ingest wrote. An edited part has another one.
INGESTED_ATTR = "ingested"
_ABSENT = ""


@dataclass(frozen=True)
class Record:
    """Where a record is: store, key prefix, Zarr format."""

    store: Store
    prefix: str
    zarr_format: int

    def digest(self, part: str) -> str:
        """Return the digest of what the record holds now; empty if it holds no such part."""
        return parts.current_digest(self.store, self.prefix, part, self.zarr_format) or _ABSENT

    def lacks_pixels(self) -> bool:
        """Tell whether there is no array of pixels at all."""
        return not self.store.exists(f"{self.prefix}/{DATA}/{ARRAY_DOCUMENT[self.zarr_format]}")

    def ingested(self) -> tuple[dict[str, str], ImageAxes | None]:
        """Return the digests that the last ingest left, and the axes."""
        group = read_group(self.store, self.prefix)
        attrs: dict[str, Any] = group.attrs if group else {}
        digests, names = attrs.get(INGESTED_ATTR), attrs.get("axes")
        axes = axes_of(attrs, names) if isinstance(names, list) else None
        return digests if isinstance(digests, dict) else {}, axes


def merge_image(
    record: Record,
    theirs: Mapping[str, Part],
    axes: ImageAxes,
    *,
    exists: bool,
    overwrite: bool,
    on_chunk: OnChunk | None = None,
) -> dict[str, str]:
    """Write what has changed at the source, and keep what was edited in the dataset since.

    Parameters
    ----------
    record : Record
        The record; its attributes are written last.
    theirs : mapping of str to Part
        All parts that the source gives now.
    axes : ImageAxes
        Of the source's pixels.
    exists : bool
        Whether the record counts already; if not, there is nothing to keep.
    overwrite : bool
        Whether the source wins where both have changed.
    on_chunk : callable, optional
        Told how many bytes of an array are done, and of how many, while it is read: of each array once
        to compare it with what the record holds, if it exists, and once to write it, if it has changed.
        What it raises ends the merge, after which the record's attributes are as they were.

    Returns
    -------
    dict of str to str
        The conflicts: parts that changed on both sides and were kept, with the digest that the
        source gives (empty where it gives none).
    """
    base, axes_now = record.ingested()
    base_now: dict[str, str] = {}
    conflicts: dict[str, str] = {}
    keeps_pixels = same_pixels = False
    for name in dict.fromkeys([*theirs, *base]):
        if exists:
            wanted = theirs[name].digest(on_chunk) if name in theirs else _ABSENT
            ours, was = record.digest(name), base.get(name, _ABSENT)
            # Nobody deletes pixels alone: a replacement was cut short.
            edited = ours not in (was, wanted) and not (name == DATA and record.lacks_pixels())
            if edited and (wanted == was or not overwrite):
                if wanted != was:
                    conflicts[name] = wanted
                keeps_pixels |= name == DATA
                base_now[name] = was
                continue
            if ours == wanted:
                same_pixels |= name == DATA
                base_now[name] = wanted
                continue
        if name in theirs:
            parts.write_part(record.store, record.prefix, name, theirs[name], on_chunk)
            # What is written for the first time is read once, for both.
            base_now[name] = theirs[name].digest()
        else:
            parts.delete_part(record.store, record.prefix, name)
    if axes_now and (keeps_pixels or (same_pixels and axes_now.tells_more_than(axes))):
        axes = axes_now
    write_attrs(
        record.store,
        record.prefix,
        axes,
        record.zarr_format,
        {INGESTED_ATTR: {name: digest for name, digest in base_now.items() if digest}},
    )
    return conflicts


def review_conflicts(record: Record, conflicts: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Check which conflicts remain while the source is unchanged.

    Returns
    -------
    held : dict of str to str
        Those that are still conflicts.
    reverted : bool
        Whether an edit was taken back, so that the source's part can be had now.
    """
    if not conflicts:
        return {}, False
    base, _ = record.ingested()
    held = {}
    reverted = False
    for part, wanted in conflicts.items():
        ours = record.digest(part)
        if ours == base.get(part, _ABSENT):
            reverted = True
        elif ours != wanted:
            held[part] = wanted
    return held, reverted
