"""The contract of a source reader: from a file and its sidecars to pixels and artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kymflow_zarr.errors import KymflowError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


@dataclass(frozen=True)
class SourceImage:
    """What one source file and its sidecars hold, ready to be stored as a record.

    Attributes
    ----------
    pixels : array_like
        2 to 5 dimensions, numbers or booleans. Anything with ``shape``, ``dtype`` and slices will do
        (a memory map, a zarr array): it is read piece by piece, so that it need not fit into memory.
    axes : sequence of str, optional
        A name per dimension; the dataset's default otherwise.
    scale : sequence of float, optional
        Size of one pixel along each dimension, in `units`; 1 where it is not known.
    units : sequence of str or None, optional
        Unit per dimension, by its name (``"second"``, ``"micrometer"``); None where it is not known.
    json : mapping of str to Any
        JSON artifacts by name (``metadata`` is the metadata payload).
    tables : mapping of str to DataFrame
        Table artifacts by name, to be stored as Parquet.
    arrays : mapping of str to array_like
        Array artifacts by name.
    remarks : sequence of str
        What was passed over within the files, and why; the report of the ingest names it.
    """

    pixels: npt.ArrayLike
    axes: Sequence[str] | None = None
    json: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    arrays: Mapping[str, npt.ArrayLike] = field(default_factory=dict)
    scale: Sequence[float] | None = None
    units: Sequence[str | None] | None = None
    remarks: Sequence[str] = ()


@runtime_checkable
class SourceReader(Protocol):
    """Turns a source file and its sidecars into a :class:`SourceImage`.

    A reader may also have ``priority``, a whole number, 0 without it: of several readers that take the
    same file, the one with the highest reads it. It may be used by several threads at once.
    """

    @property
    def name(self) -> str:
        """What reports call it, unique among the readers of a dataset."""

    def matches(self, path: Path) -> bool:
        """Tell whether it reads `path` as an image; nothing but names should be needed for it."""

    def files(self, primary: Path) -> Sequence[Path]:
        """Return the sidecars of `primary` that exist now; a change of one is a change of the image.

        Raises
        ------
        SourceError, OSError
            One of them is known to exist, and is not at hand; this source fails, nothing is deleted.
        """

    def read(self, primary: Path) -> SourceImage:
        """Read `primary` and its sidecars.

        Raises
        ------
        SourceError, OSError, ValueError
            They cannot be read; this source fails, others go on.
        """


def cause_of(error: BaseException) -> str:
    """Return what an error says; of one that is of no kind to speak for itself, its type too."""
    speaks = isinstance(error, KymflowError | OSError)
    return str(error) if speaks else f"{type(error).__name__}: {error}"
