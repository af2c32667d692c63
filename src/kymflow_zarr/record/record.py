"""One image of a dataset: its pixels, attributes and analysis artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kymflow_zarr import layout
from kymflow_zarr.errors import ArtifactNotFoundError, MetadataNotFoundError
from kymflow_zarr.formats import documents, frames, pixels
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT, read_group, write_group
from kymflow_zarr.record.attrs import new_attrs
from kymflow_zarr.record.faults import RecordFaults
from kymflow_zarr.store.base import Store, StoreReader

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa
    import zarr

METADATA = "metadata"
# How often an array that others keep replacing is read anew.
_READ_ATTEMPTS = 10


class ZarrImageRecord:
    """One image: ``images/<image_id>`` of a dataset. Nothing is read until it is asked for.

    Get one from :meth:`ZarrDataset.record`, :meth:`ZarrDataset.iter_records` or
    :meth:`ZarrDataset.add_image`.

    Attributes
    ----------
    image_id : str
        Its id, unique in the dataset.

    Examples
    --------
    >>> import pandas as pd
    >>> from kymflow_zarr import ZarrDataset
    >>> record = ZarrDataset("memory://one-record").record("cell-1")
    >>> record.exists()
    False
    >>> record.save_array([[0, 1, 2], [3, 4, 5]])
    >>> record.get_axes(), record.get_image_bounds()
    (['y', 'x'], {'width': 3, 'height': 2, 'num_slices': 1})
    >>> record.save_df_parquet("velocity", pd.DataFrame({"time_s": [0.0, 0.1], "mm_s": [1.5, 1.25]}))
    'images/cell-1/analysis/velocity.parquet'
    >>> record.save_json("velocity/params", {"window": 16})
    'images/cell-1/analysis/velocity/params.json'
    >>> record.load_df_parquet("velocity")["mm_s"].tolist()
    [1.5, 1.25]
    >>> record.load_json("radon")
    Traceback (most recent call last):
    kymflow_zarr.errors.ArtifactNotFoundError: ...
    """

    def __init__(
        self, store: StoreReader, image_id: str, *, zarr_format: int = 3, read_only: bool = False
    ) -> None:
        self._store = store
        self._prefix = layout.record_prefix(image_id)
        self._zarr_format = zarr_format
        self._read_only = read_only
        self._faults = RecordFaults(store.url, image_id)
        self.image_id = image_id

    def __repr__(self) -> str:
        return f"ZarrImageRecord({self.image_id!r} in {self._store.url!r})"

    # Attributes

    def exists(self) -> bool:
        """Tell whether the dataset has this image (its attributes are there)."""
        return self._store.exists(f"{self._prefix}/{ATTRS_DOCUMENT[self._zarr_format]}")

    def get_attrs(self) -> dict[str, Any]:
        """Return the record's attributes (``axes``, ``created_utc``, ...).

        Raises
        ------
        RecordNotFoundError
            The dataset has no such image.
        """
        group = read_group(self._store, self._prefix)
        if group is None:
            raise self._faults.no_record()
        return group.attrs

    def get_axes(self) -> list[str] | None:
        """Return the name of each dimension of the pixels, or None where none are stored."""
        try:
            # Those that were written together with the pixels fit them at every moment.
            attrs = pixels.read_attrs(self._store, f"{self._prefix}/data", self._zarr_format) or {}
        except ValueError as error:
            raise self._faults.damaged("data", error) from error
        axes = attrs.get(pixels.AXES_ATTR) or self.get_attrs().get("axes")
        return [str(axis) for axis in axes] if isinstance(axes, list) else None

    def get_image_bounds(self) -> dict[str, int]:
        """Return ``width`` (x), ``height`` (y; time, in a line scan) and ``num_slices`` (z), in pixels.

        An axis that the image lacks counts 0; ``num_slices`` then counts 1.
        """
        shape = self.open_array().shape
        lengths = dict(zip(self.get_axes() or pixels.check_axes(len(shape), None), shape, strict=True))
        return {
            "width": int(lengths.get("x", 0)),
            "height": int(lengths.get("y", 0)),
            "num_slices": int(lengths.get("z", 1)),
        }

    # Pixels

    def save_array(
        self,
        arr: npt.ArrayLike,
        *,
        axes: Sequence[str] | None = None,
        chunks: Sequence[int] | None = None,
        overwrite: bool = True,
        extra_attrs: dict[str, Any] | None = None,
    ) -> None:
        """Store the pixels; the record is created if it is not there.

        Parameters
        ----------
        arr : array_like
            2 to 5 dimensions, numbers or booleans.
        axes : sequence of str, optional
            A name per dimension; by default y x, z y x, z y x c or t z y x c.
        chunks : sequence of int, optional
            Chunk lengths; by default about 8 MiB, cut along the first axes.
        overwrite : bool
            Replace pixels that are there already.
        extra_attrs : dict, optional
            More attributes for the record.

        Raises
        ------
        ValueError
            `arr`, `axes` or `chunks` do not fit; or there are pixels and `overwrite` is False.
        """
        store = self._writable_store()
        array = pixels.check_pixels(arr)
        names = pixels.check_axes(len(array.shape), axes)
        key = f"{self._prefix}/data"
        encoded = pixels.EncodedArray(array, self._zarr_format, axes=names, chunks=chunks)
        if not overwrite and store.exists(f"{key}/{self._array_document()}"):
            raise ValueError(f"{self._faults.who} has pixels already; pass overwrite=True to replace them")
        attrs = new_attrs(store, self._prefix, names, extra_attrs)
        store.put_tree(key, encoded.blobs(), last=encoded.last)
        write_group(store, self._prefix, attrs, self._zarr_format)

    def open_array(self) -> zarr.Array[Any]:
        """Open the pixels for reading piece by piece (a read-only zarr array).

        Raises
        ------
        ArtifactNotFoundError
            The record has no pixels.
        ArtifactError
            They are damaged.
        """
        return self._open_array(f"{self._prefix}/data", "data")

    def load_array(self) -> npt.NDArray[Any]:
        """Read all pixels; errors as :meth:`open_array`."""
        return self._load_array(f"{self._prefix}/data", "data")

    def _array_document(self) -> str:
        return pixels.ARRAY_DOCUMENT[self._zarr_format]

    def _open_array(self, key: str, artifact: str) -> zarr.Array[Any]:
        # Read, not only looked for: these documents tell one content of the array from another.
        if pixels.read_documents(self._store, key, self._zarr_format) is None:
            raise self._faults.missing(artifact) if self.exists() else self._faults.no_record()
        try:
            return pixels.open_array(self._store, key, self._zarr_format)
        except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError) as error:
            raise self._faults.damaged(artifact, error) from error

    def _load_array(self, key: str, artifact: str) -> npt.NDArray[Any]:
        for _ in range(_READ_ATTEMPTS):
            before = pixels.read_documents(self._store, key, self._zarr_format)
            array = self._open_array(key, artifact)
            cause: Exception | None = None
            try:
                values = np.asarray(array[...])
            except (ValueError, TypeError, KeyError, RuntimeError, OSError) as error:
                cause = error
            if before != pixels.read_documents(self._store, key, self._zarr_format):
                # Somebody replaced the array meanwhile: the chunks may be of both.
                continue
            if cause is not None:
                raise self._faults.damaged(artifact, cause) from cause
            return values
        raise self._faults.damaged(artifact, "it was replaced again and again while it was read")

    # JSON artifacts

    def save_json(self, name: str, obj: Any, *, indent: int | None = 2) -> str:
        """Store `obj` as ``analysis/<name>.json``; return its key.

        Raises
        ------
        ValueError
            JSON cannot hold it.
        """
        try:
            data = documents.json_to_bytes(obj, indent=indent)
        except ValueError as error:
            raise self._faults.unstorable(name, error) from error
        key = self._put(name, ".json", data)
        # An old compressed form would come back if this one were ever deleted.
        self._writable_store().discard(key + ".gz")
        return key

    def load_json(self, name: str) -> Any:
        """Read ``analysis/<name>.json``, or the ``.json.gz`` of old datasets.

        Raises
        ------
        ArtifactNotFoundError
            There is neither.
        ArtifactError
            It is damaged.
        """
        key = self._analysis_key(name)
        artifact = f"{name}.json"
        try:
            try:
                return documents.bytes_to_json(self._store.read(f"{key}.json")[0])
            except FileNotFoundError:
                artifact = f"{name}.json.gz"
                data = self._store.read(f"{key}.json.gz")[0]
                return documents.bytes_to_json(documents.gunzip(data))
        except FileNotFoundError:
            raise self._faults.missing(f"{name}.json") from None
        except documents.UnreadableDocument as error:
            raise self._faults.damaged(artifact, error) from error

    def save_metadata_payload(self, payload: dict[str, Any]) -> str:
        """Store the metadata payload (header, experiment metadata, ROIs) as artifact ``metadata``."""
        return self.save_json(METADATA, payload)

    def load_metadata_payload(self) -> dict[str, Any]:
        """Read the metadata payload.

        Raises
        ------
        MetadataNotFoundError
            The record has none.
        ArtifactError
            It is damaged or no JSON object.
        """
        try:
            payload = self.load_json(METADATA)
        except ArtifactNotFoundError as error:
            raise MetadataNotFoundError(
                f"{self._faults.who} has no metadata payload. Store one with save_metadata_payload().",
                **self._faults.where(METADATA),
            ) from error
        if not isinstance(payload, dict):
            raise self._faults.damaged(
                f"{METADATA}.json", f"expected a JSON object, got {type(payload).__name__}"
            )
        return payload

    # Table artifacts

    def save_df_parquet(
        self, name: str, df: pd.DataFrame, *, compression: str = frames.ARTIFACT_COMPRESSION
    ) -> str:
        """Store a DataFrame as ``analysis/<name>.parquet``, without its index; return its key.

        Raises
        ------
        ColumnError
            A column that Parquet cannot hold exactly.
        """
        try:
            data = frames.frame_to_parquet(df, compression=compression)
        except ValueError as error:
            raise self._faults.unstorable(name, error) from error
        return self._put(name, ".parquet", data)

    def load_df_parquet(self, name: str) -> pd.DataFrame:
        """Read ``analysis/<name>.parquet`` as ``pd.read_parquet`` does.

        Raises
        ------
        ArtifactNotFoundError
            There is no such artifact.
        ArtifactError
            It is damaged.
        """
        try:
            return frames.arrow_to_frame(self.load_arrow(name))
        except frames.UnreadableParquet as error:
            raise self._faults.damaged(f"{name}.parquet", error) from error

    def load_arrow(self, name: str) -> pa.Table:
        """Read ``analysis/<name>.parquet`` as an Arrow table; errors as :meth:`load_df_parquet`."""
        artifact = f"{name}.parquet"
        try:
            return frames.parquet_to_arrow(self._store.read(self._analysis_key(name) + ".parquet")[0])
        except FileNotFoundError:
            raise self._faults.missing(artifact) from None
        except frames.UnreadableParquet as error:
            raise self._faults.damaged(artifact, error) from error

    def save_df_csv_gz(self, name: str, df: pd.DataFrame, *, index: bool = False) -> str:
        """Store a DataFrame as ``analysis/<name>.csv.gz``, without its types; return its key."""
        return self._put(name, ".csv.gz", documents.frame_to_csv_gz(df, index=index))

    def load_df_csv_gz(self, name: str) -> pd.DataFrame:
        """Read ``analysis/<name>.csv.gz`` as ``pd.read_csv`` does; errors as :meth:`load_df_parquet`."""
        artifact = f"{name}.csv.gz"
        try:
            data = self._store.read(self._analysis_key(name) + ".csv.gz")[0]
            return documents.csv_to_frame(documents.gunzip(data))
        except FileNotFoundError:
            raise self._faults.missing(artifact) from None
        except documents.UnreadableDocument as error:
            raise self._faults.damaged(artifact, error) from error

    def list_analysis_keys(self) -> list[str]:
        """Return the keys of all JSON and table artifacts, sorted: ``images/<image_id>/analysis/...``."""
        start = len(self._prefix) + 1
        return sorted(
            found.key
            for found in self._store.list(f"{self._prefix}/analysis")
            if not any(part.startswith(".") for part in found.key[start:].split("/"))
        )

    def delete_analysis(self, *, suffixes: Sequence[str] | None = None) -> int:
        """Delete JSON and table artifacts; return how many.

        Parameters
        ----------
        suffixes : sequence of str, optional
            Only those whose key ends with one of these, for example
            ``("/velocity_events.parquet",)``; all of them by default.
        """
        store = self._writable_store()
        if isinstance(suffixes, str):
            suffixes = (suffixes,)
        keys = self.list_analysis_keys()
        if suffixes is not None:
            keys = [key for key in keys if key.endswith(tuple(suffixes))]
        return sum(store.each(store.delete, keys))

    # Array artifacts

    def save_array_artifact(
        self,
        name: str,
        arr: npt.ArrayLike,
        *,
        axes: Sequence[str] | None = None,
        chunks: Sequence[int] | None = None,
    ) -> None:
        """Store an array that is not the image itself, of any shape, under a name of its own.

        Parameters
        ----------
        name : str
            Its name.
        arr : array_like
            Numbers or booleans.
        axes : sequence of str, optional
            A name per dimension, kept as attribute ``axes`` of the array.
        chunks : sequence of int, optional
            Chunk lengths; by default about 8 MiB.
        """
        key = self._array_key(name)
        array = pixels.check_pixels(arr)
        if axes is not None and len(axes) != len(array.shape):
            raise ValueError(f"axes must name {len(array.shape)} dimensions, got {list(axes)}")
        names = None if axes is None else [str(axis) for axis in axes]
        encoded = pixels.EncodedArray(array, self._zarr_format, axes=names, chunks=chunks)
        self._writable_store(existing=True).put_tree(key, encoded.blobs(), last=encoded.last)

    def load_array_artifact(self, name: str) -> npt.NDArray[Any]:
        """Read an array artifact; errors as :meth:`open_array`."""
        return self._load_array(self._array_key(name), name)

    def list_array_artifacts(self) -> list[str]:
        """Return the names of all array artifacts, sorted."""
        prefix = f"{self._prefix}/analysis_arrays"
        end = f"/data/{self._array_document()}"
        return sorted(
            found.key[len(prefix) + 1 : -len(end)]
            for found in self._store.list(prefix)
            if found.key.endswith(end)
        )

    # What the methods above share

    def _analysis_key(self, name: str) -> str:
        return f"{self._prefix}/analysis/{layout.check_artifact_name(name)}"

    def _array_key(self, name: str) -> str:
        return f"{self._prefix}/analysis_arrays/{layout.check_array_name(name)}/data"

    def _put(self, name: str, suffix: str, data: bytes) -> str:
        key = self._analysis_key(name) + suffix
        self._writable_store(existing=True).put(key, data)
        return key

    def _writable_store(self, *, existing: bool = False) -> Store:
        if self._read_only or not isinstance(self._store, Store):
            raise self._faults.read_only()
        if existing and not self.exists():
            raise self._faults.no_record()
        return self._store
