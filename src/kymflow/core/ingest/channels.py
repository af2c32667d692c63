"""Which files hold the channels of one acquisition, where an export made a TIFF of each."""

from __future__ import annotations

from pathlib import Path

from kymflow.core.ingest.desktop_sidecars import find_desktop_sidecars
from kymflow.core.ingest.line_scan import is_tiff
from kymflow.core.ingest.olympus import channel_export
from kymflow_zarr.sources.siblings import alike, find_beside


def channel_files(tiff: Path) -> list[Path]:
    """Return the files of the acquisition that this one leads, by channel; none if it follows another.

    ``scan_C001T001.tif`` leads ``scan_C002T001.tif``. A file with sidecars of its own, as programs leave them
    that take each file for an image, follows none.
    """
    own = channel_export(tiff)
    if own is None:
        return [tiff]
    group: dict[int, Path] = {}
    for path in alike(tiff, _acquisition):
        if (other := channel_export(path)) is not None:
            group.setdefault(other.channel, path)
    if group.get(own.channel) != tiff:
        # There is one of its channel already, under another suffix.
        return [tiff]
    first = group.pop(min(group))
    if acqstore_sidecar(first) is not None:
        return [tiff]
    following = [path for _, path in sorted(group.items()) if not _has_sidecars(path)]
    if tiff == first:
        return [first, *following]
    return [] if tiff in following else [tiff]


def _acquisition(path: Path) -> tuple[str, str] | None:
    export = channel_export(path) if is_tiff(path) else None
    return None if export is None else (export.stem, export.time)


def acqstore_sidecar(tiff: Path) -> Path | None:
    """Return the sidecar in which AcqStore has saved what belongs to a TIFF, if it has."""
    return find_beside(tiff.parent, tiff.stem, f"{tiff.suffix}.json")


def _has_sidecars(tiff: Path) -> bool:
    return bool(find_desktop_sidecars(tiff).existing()) or acqstore_sidecar(tiff) is not None
