"""The parts of a record that an ingest writes: pixels, arrays and artifacts, each with its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial

from kymflow_zarr import layout
from kymflow_zarr.errors import ColumnError, InvalidNameError, KymflowError, SourceError, StoreError
from kymflow_zarr.formats import arrays, documents, frames, ngff, pixels
from kymflow_zarr.sources.reader import SourceImage
from kymflow_zarr.store.base import Fingerprint, OutdatedError, Store, StoreReader

DATA = "data"
# Digests that no content has.
ABSENT = ""
DAMAGED = "damaged"
_REPLACED = "replaced"


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


def is_array(part: str) -> bool:
    """Tell whether a part is an array: pixels, or one beside them."""
    return not _is_blob(part)


@dataclass(frozen=True)
class Present:
    """A part as the record holds it now.

    Attributes
    ----------
    digest : str
        Of a blob's bytes, or as it is noted at an array; empty if there is no such part. An array that was
        not written through this package has the digest ``unknown``, or none in Zarr v2, which earlier
        versions wrote without; one whose documents cannot be read has the digest ``damaged``.
    files : tuple of Fingerprint
        All files of an array, when it was looked at.
    """

    digest: str
    files: tuple[Fingerprint, ...] = ()


def find_present(store: StoreReader, prefix: str, part: str, zarr_format: int) -> Present:
    """Look at what the record holds now; of an array, no pixels are read."""
    if _is_blob(part):
        try:
            return Present(hashlib.sha256(store.read(f"{prefix}/{part}")[0]).hexdigest())
        except FileNotFoundError:
            return Present(ABSENT)
        except InvalidNameError:
            return Present(DAMAGED)
    tree = _tree(prefix, part)
    # Before the digest: what is written in between is then another state.
    files: tuple[Fingerprint, ...] = ()
    try:
        files = _files_of(store, tree)
        attrs = arrays.read_attrs(store, tree, zarr_format)
    except ValueError:
        return Present(DAMAGED, files)
    if attrs is None or (zarr_format == 2 and pixels.DIGEST_ATTR not in attrs):
        return Present(ABSENT, files)
    return Present(str(attrs.get(pixels.DIGEST_ATTR, "unknown")), files)


def _files_of(store: StoreReader, tree: str) -> tuple[Fingerprint, ...]:
    return tuple(sorted(store.list(tree)))


def read_digest(
    store: StoreReader,
    prefix: str,
    part: str,
    noted: str,
    zarr_format: int,
    on_chunk: pixels.OnChunk | None = None,
) -> str:
    """Return the digest of what a part holds, for which an array is read: other programs write chunks alone.

    Where an array cannot be decoded, it is ``damaged``. A blob's digest, or none, is as `noted`.

    Raises
    ------
    StoreError
        The medium refused.
    """
    if _is_blob(part) or noted in (ABSENT, DAMAGED):
        return noted
    try:
        array = arrays.open_array(store, _tree(prefix, part), zarr_format, OutdatedError)
        return pixels.content_digest(array, noted, on_chunk)
    except OutdatedError:
        # By somebody else, just now.
        return _REPLACED
    except KymflowError:
        raise
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        raise StoreError(f"cannot read {_tree(prefix, part)!r} in {store.url}: {error}") from error
    # Whatever the bytes make the decoder raise: they are no pixels.
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, RecursionError):
        return DAMAGED


def write_part(
    store: Store,
    prefix: str,
    name: str,
    part: Part,
    on_chunk: pixels.OnChunk | None = None,
    *,
    expected: Present | None = None,
) -> None:
    """Write one part of a record, replacing what was there.

    Parameters
    ----------
    store, prefix, name, part
        What is written, and where.
    on_chunk : callable, optional
        Told while an array is read how many bytes of it are done, and of how many. What it raises ends
        the writing; the array then is as it was, or, on an object store, absent.
    expected : Present, optional
        What is to be replaced; anything else stays.

    Raises
    ------
    OutdatedError
        Something else than `expected` is there: somebody has written it meanwhile.
    """
    if not isinstance(part.content, bytes):
        still = None if expected is None else partial(_check_files, store, _tree(prefix, name), expected)
        blobs = part.content.blobs(on_chunk)
        store.put_tree(_tree(prefix, name), blobs, last=part.content.last, before_swap=still)
    elif expected is None:
        store.put(f"{prefix}/{name}", part.content)
    else:
        store.replace(f"{prefix}/{name}", part.content, expected.digest)


def _check_files(store: StoreReader, tree: str, expected: Present) -> None:
    if _files_of(store, tree) != expected.files:
        raise OutdatedError


def delete_part(store: Store, prefix: str, name: str, expected: Present) -> None:
    """Delete one part of a record; errors as :func:`write_part`."""
    if _is_blob(name):
        store.replace(f"{prefix}/{name}", None, expected.digest)
        return
    _check_files(store, _tree(prefix, name), expected)
    store.delete_tree(f"{prefix}/{name}")
