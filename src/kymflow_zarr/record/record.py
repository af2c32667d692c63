"""One image of a dataset: its pixels, attributes and analysis artifacts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kymflow_zarr import layout
from kymflow_zarr.errors import KymflowError, PixelsReplacedError, StoreError, StoreUnavailableError
from kymflow_zarr.formats import arrays, ngff, pixels
from kymflow_zarr.formats.groups import read_group, write_group
from kymflow_zarr.record.artifacts import RecordArtifacts
from kymflow_zarr.record.attrs import new_attrs

if TYPE_CHECKING:
    import numpy.typing as npt
    import zarr

    from kymflow_zarr.store.source_files import SourceFile

# How often an array that others keep replacing is read anew.
_READ_ATTEMPTS = 20
# How long an array may be away while another one is put in its place.
_REPLACED_WITHIN_S = 1.0
_REPLACING_PAUSE_S = 0.005


class ZarrImageRecord(RecordArtifacts):
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

    def __repr__(self) -> str:
        return f"ZarrImageRecord({self.image_id!r} in {self._store.url!r})"

    # Attributes

    def get_attrs(self) -> dict[str, Any]:
        """Return the record's attributes (``axes``, ``created_utc``, ...).

        Raises
        ------
        RecordNotFoundError
            The dataset has no such image.
        """
        return self._attrs()

    def _attrs(self, *, calibrated: bool = True) -> dict[str, Any]:
        group = read_group(self._store, self._prefix, calibrated=calibrated)
        if group is None:
            raise self._faults.no_record()
        return group.attrs

    def get_source(self) -> SourceFile | None:
        """Return the file that the image came from; None if it came from no folder.

        Raises
        ------
        TableError
            The dataset's sources table is damaged.
        """
        return self._store.read_source(self.image_id)

    def get_axes(self) -> list[str] | None:
        """Return the name of each dimension of the pixels, or None where none are stored."""
        try:
            # Those that were written together with the pixels fit them at every moment.
            attrs = arrays.read_attrs(self._store, f"{self._prefix}/data", self._zarr_format) or {}
        except ValueError as error:
            raise self._faults.damaged("data", error) from error
        axes = attrs.get(arrays.AXES_ATTR) or self._attrs(calibrated=False).get("axes")
        return [str(axis) for axis in axes] if isinstance(axes, list) else None

    def get_calibration(self) -> ngff.Calibration:
        """Return size and unit of a pixel along each dimension; 1 and None where they are not known.

        Examples
        --------
        >>> from kymflow_zarr import ZarrDataset
        >>> record = ZarrDataset("memory://calibrated").add_image(
        ...     [[0, 1], [2, 3]], scale=(0.001, 0.3), units=("second", "micrometer")
        ... )
        >>> record.get_calibration()
        Calibration(scale=(0.001, 0.3), units=('second', 'micrometer'))
        """
        return ngff.axes_of(self.get_attrs(), list(self.get_axis_lengths())).calibration

    def get_axis_lengths(self) -> dict[str, int]:
        """Return the number of pixels along each dimension, by the name of its axis, in order.

        Raises
        ------
        ArtifactNotFoundError
            The record has no pixels.
        ArtifactError
            They are damaged.
        """
        try:
            # From the document: to open the array takes zarr twenty times as long.
            shape = arrays.read_shape(self._store, f"{self._prefix}/data", self._zarr_format)
        except ValueError as error:
            raise self._faults.damaged("data", error) from error
        if shape is None:
            raise self._faults.missing("data") if self.exists() else self._faults.no_record()
        try:
            names = self.get_axes() or pixels.check_axes(len(shape), None)
            return dict(zip(names, shape, strict=True))
        except ValueError as error:
            # Nobody has named so many axes, or so few.
            raise self._faults.damaged("data", f"its shape is {shape}: {error}") from error

    def get_image_bounds(self) -> dict[str, int]:
        """Return ``width`` (x), ``height`` (y; time, in a line scan) and ``num_slices`` (z), in pixels.

        An axis that the image lacks counts 0; ``num_slices`` then counts 1. Errors as
        :meth:`get_axis_lengths`.
        """
        lengths = self.get_axis_lengths()
        return {
            "width": lengths.get("x", 0),
            "height": lengths.get("y", 0),
            "num_slices": lengths.get("z", 1),
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
        scale: Sequence[float] | None = None,
        units: Sequence[str | None] | None = None,
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
        scale : sequence of float, optional
            Size of a pixel along each dimension, in `units`; 1 where it is not known.
        units : sequence of str or None, optional
            Unit of each dimension by its name (``"second"``, ``"micrometer"``); None where it is not known.

        Raises
        ------
        ValueError
            `arr`, `axes`, `chunks`, `scale` or `units` do not fit; or there are pixels and `overwrite` is
            False.
        """
        store = self._writable_store()
        array = pixels.check_pixels(arr)
        names = pixels.check_axes(len(array.shape), axes)
        image_axes = ngff.ImageAxes(names, ngff.check_calibration(names, scale, units))
        key = f"{self._prefix}/data"
        encoded = pixels.EncodedArray(array, self._zarr_format, axes=names, chunks=chunks)
        if not overwrite and store.exists(f"{key}/{self._array_document()}"):
            raise ValueError(f"{self._faults.who} has pixels already; pass overwrite=True to replace them")
        made = self._zarr_format if self._before_first is None else self._before_first()
        if made != self._zarr_format:
            # Somebody else has made the dataset meanwhile, in another format.
            self._zarr_format = made
            encoded = pixels.EncodedArray(array, self._zarr_format, axes=names, chunks=chunks)
        attrs = new_attrs(store, self._prefix, image_axes, self._zarr_format, extra_attrs)
        store.put_tree(key, encoded.blobs(), last=encoded.last)
        write_group(store, self._prefix, attrs, self._zarr_format)

    def open_array(self) -> zarr.Array[Any]:
        """Open the pixels for reading piece by piece (a read-only zarr array).

        What is read of it is of the pixels that were opened. Once they are replaced or deleted, reading
        raises :class:`PixelsReplacedError`; open them again then.

        Raises
        ------
        ArtifactNotFoundError
            The record has no pixels.
        ArtifactError
            They are damaged.
        """
        return self._open_array(f"{self._prefix}/data", "data")

    def load_array(self) -> npt.NDArray[Any]:
        """Read all pixels: the old or the new ones, if they are replaced meanwhile.

        Errors as :meth:`open_array`, and PixelsReplacedError where they are replaced again and again.
        """
        return self._load_array(f"{self._prefix}/data", "data")

    def _array_document(self) -> str:
        return arrays.ARRAY_DOCUMENT[self._zarr_format]

    def _open_array(self, key: str, artifact: str) -> zarr.Array[Any]:
        # Read, not only looked for: these documents tell one content of the array from another.
        if not self._is_array_there(key):
            raise self._faults.missing(artifact) if self.exists() else self._faults.no_record()
        try:
            return arrays.open_array(
                self._store, key, self._zarr_format, partial(self._faults.replaced, artifact)
            )
        except (PixelsReplacedError, StoreError, StoreUnavailableError):
            raise
        except FileNotFoundError as error:
            raise self._faults.replaced(artifact) from error
        except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError) as error:
            raise self._faults.damaged(artifact, error) from error

    def _is_array_there(self, key: str) -> bool:
        """Tell whether there is an array; one that is away while another one is put there is waited for."""
        deadline = time.monotonic() + _REPLACED_WITHIN_S
        while arrays.read_documents(self._store, key, self._zarr_format) is None:
            if not self._store.is_replacing(key) or time.monotonic() > deadline:
                # It may have come back in between.
                return arrays.read_documents(self._store, key, self._zarr_format) is not None
            time.sleep(_REPLACING_PAUSE_S)
        return True

    def _load_array(self, key: str, artifact: str) -> npt.NDArray[Any]:
        for _ in range(_READ_ATTEMPTS):
            try:
                return np.asarray(self._open_array(key, artifact)[...])
            except PixelsReplacedError:
                continue
            except (ValueError, TypeError, KeyError, RuntimeError, OSError) as error:
                if isinstance(error, KymflowError):
                    raise
                raise self._faults.damaged(artifact, error) from error
        raise self._faults.replaced(artifact)

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
        folder = "analysis_arrays"
        start = len(f"{self._prefix}/{folder}/")
        end = f"/data/{self._array_document()}"
        return sorted(found.key[start : -len(end)] for found in self._list(folder) if found.key.endswith(end))

    def _array_key(self, name: str) -> str:
        return f"{self._prefix}/analysis_arrays/{layout.check_array_name(name)}/data"
