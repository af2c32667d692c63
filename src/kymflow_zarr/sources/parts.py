"""The parts of a record that an ingest writes: pixels, arrays and artifacts, each with its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from kymflow_zarr import layout
from kymflow_zarr.errors import ColumnError, SourceError
from kymflow_zarr.formats import arrays, documents, frames, ngff, pixels
from kymflow_zarr.sources.reader import SourceImage
from kymflow_zarr.store.base import Store, StoreReader

DATA = "data"


@dataclass(frozen=True)
class Part:
    """One part: the bytes of a blob of its own, or an array, which is read and encoded as it is written."""

    content: bytes | pixels.EncodedArray

    @cached_property
    def _sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest() if isinstance(self.content, bytes) else ""

    def digest(self, on_chunk: pixels.OnChunk | None = None) -> str:
        """Return its digest, for which an array is read; `on_chunk` as in :func:`write_part`."""
        return self._sha256 if isinstance(self.content, bytes) else self.content.digest(on_chunk)


def encode_image(image: SourceImage, zarr_format: int) -> tuple[dict[str, Part], ngff.ImageAxes]:
    """Encode all artifacts of an image, and check all its parts, before anything is written.

    Returns
    -------
    parts : dict of str to Part
        By key relative to the record: ``data``, ``analysis/<file>``, ``analysis_arrays/<name>``.
    axes : ImageAxes
        Of the pixels, with their calibration.

    Raises
    ------
    SourceError
        A part that cannot be stored.
    """
    try:
        array = pixels.check_pixels(image.pixels)
        names = pixels.check_axes(len(array.shape), image.axes)
        axes = ngff.ImageAxes(names, ngff.check_calibration(names, image.scale, image.units))
        parts = {DATA: Part(pixels.EncodedArray(array, zarr_format, axes=names))}
        for name, other in image.arrays.items():
            encoded = pixels.EncodedArray(pixels.check_pixels(other), zarr_format)
            parts[f"analysis_arrays/{layout.check_array_name(name)}"] = Part(encoded)
        for name, obj in image.json.items():
            key = f"analysis/{layout.check_artifact_name(name)}.json"
            parts[key] = Part(documents.json_to_bytes(obj))
        for name, df in image.tables.items():
            key = f"analysis/{layout.check_artifact_name(name)}.parquet"
            try:
                parts[key] = Part(frames.frame_to_parquet(df))
            except ColumnError as error:
                raise SourceError(f"artifact {name!r}: {error}") from error
    except SourceError:
        raise
    except ValueError as error:
        raise SourceError(str(error)) from error
    return parts, axes


def _tree(prefix: str, part: str) -> str:
    return f"{prefix}/{part}" if part == DATA else f"{prefix}/{part}/data"


def _is_blob(part: str) -> bool:
    return part.startswith("analysis/")


def current_digest(store: StoreReader, prefix: str, part: str, zarr_format: int) -> str | None:
    """Return the digest of what the record holds now; None if it holds no such part.

    An array that was not written through this package has the digest ``unknown``, or None in Zarr
    v2, which earlier versions wrote without; a damaged one has the digest ``damaged``.
    """
    try:
        if _is_blob(part):
            return hashlib.sha256(store.read(f"{prefix}/{part}")[0]).hexdigest()
        attrs = arrays.read_attrs(store, _tree(prefix, part), zarr_format)
    except FileNotFoundError:
        return None
    except ValueError:
        return "damaged"
    if attrs is None or (zarr_format == 2 and pixels.DIGEST_ATTR not in attrs):
        return None
    return str(attrs.get(pixels.DIGEST_ATTR, "unknown"))


def write_part(
    store: Store, prefix: str, name: str, part: Part, on_chunk: pixels.OnChunk | None = None
) -> None:
    """Write one part of a record, replacing what was there.

    Parameters
    ----------
    store, prefix, name, part
        What is written, and where.
    on_chunk : callable, optional
        Told while an array is read how many bytes of it are done, and of how many. What it raises ends
        the writing; the array then is as it was, or, on an object store, absent.
    """
    if isinstance(part.content, bytes):
        store.put(f"{prefix}/{name}", part.content)
    else:
        store.put_tree(_tree(prefix, name), part.content.blobs(on_chunk), last=part.content.last)


def delete_part(store: Store, prefix: str, name: str) -> None:
    """Delete one part of a record."""
    if _is_blob(name):
        store.delete(f"{prefix}/{name}")
    else:
        store.delete_tree(f"{prefix}/{name}")
