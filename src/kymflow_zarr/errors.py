"""Every error that kymflow raises on purpose: one base class, each also the fitting builtin."""

from __future__ import annotations

import pickle
from typing import Any


class KymflowError(Exception):
    """Base class of all kymflow errors.

    Parameters
    ----------
    message : str
        What failed, where, what was expected and got, and what to do.
    **details
        Where it failed, kept as attributes; see below. What does not apply is None.

    Attributes
    ----------
    dataset : str or None
        Path or URL of the dataset.
    image_id, artifact, table_name, indexer, column : str or None
        The record, artifact, table, indexer and column concerned.
    path : str or None
        A file outside the dataset (a source TIFF, say).
    advice : str or None
        What to do in Python, which the error says after `message`. Who calls kymflow from somewhere else,
        as the command line does, has advice of its own to give.
    """

    dataset: str | None = None
    image_id: str | None = None
    artifact: str | None = None
    table_name: str | None = None
    indexer: str | None = None
    column: str | None = None
    path: str | None = None
    advice: str | None = None

    def __init__(self, message: str, **details: str | None) -> None:
        super().__init__(message)
        self.message = message
        for name, value in details.items():
            if not hasattr(KymflowError, name):
                raise TypeError(f"KymflowError has no detail named {name!r}")
            setattr(self, name, value)

    def __str__(self) -> str:
        # KeyError would show the repr of the message.
        return f"{self.message} {self.advice}" if self.advice else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process boundaries with their details and with their cause.
        state = dict(self.__dict__)
        if self.__cause__ is not None:
            state["__cause__"] = _portable(self.__cause__)
        if isinstance(self, OSError):
            state["errno"] = self.errno
        return (_rebuild, (type(self), self.message), state)


def _rebuild(cls: type[KymflowError], message: str) -> KymflowError:
    return cls(message)


def _portable(cause: BaseException) -> BaseException:
    """Return a cause, or what it says where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(cause))
    except Exception:  # noqa: BLE001
        # It may be of anybody's class, which may fail in any way.
        return RuntimeError(repr(cause))
    return cause


class DatasetError(KymflowError, ValueError):
    """A path that is no dataset we can use, or must not be touched."""


class DatasetNotFoundError(DatasetError, FileNotFoundError):
    """There is no dataset at this path."""


class ReadOnlyError(KymflowError, PermissionError):
    """A write through a dataset that was opened with mode 'r'."""


class StoreError(KymflowError, OSError):
    """The disk or object store refused a read or a write."""


class StorePermissionError(StoreError, PermissionError):
    """The disk or object store did not permit a read or a write."""


class StoreUnavailableError(KymflowError, ConnectionError):
    """The server of an object store does not answer: it is no matter of one image or file."""


class LockTimeoutError(KymflowError, TimeoutError):
    """Another writer held a table for longer than we wait."""


class InvalidNameError(KymflowError, ValueError):
    """A name that must not become a key of the dataset."""


class RecordNotFoundError(KymflowError, KeyError):
    """The dataset has no image of this id."""


class ArtifactNotFoundError(KymflowError, KeyError, FileNotFoundError):
    """The record has no such artifact, pixels or array."""


class MetadataNotFoundError(ArtifactNotFoundError):
    """The record has no metadata payload."""


class ArtifactError(KymflowError, ValueError):
    """An artifact or array is there but cannot be read as what it claims to be."""


class PixelsReplacedError(ArtifactError):
    """Pixels, or an array, were replaced or deleted while they were read piece by piece."""


class TableNotFoundError(KymflowError, KeyError, FileNotFoundError):
    """The dataset has no table of this name."""


class TableError(KymflowError, ValueError):
    """A table is there but cannot be read as one."""


class ColumnError(KymflowError, ValueError):
    """A column that a Parquet table cannot hold, or that is missing."""


class ConflictError(KymflowError, RuntimeError):
    """Somebody else changed what was about to be overwritten."""


class SourceError(KymflowError, ValueError):
    """A source file, outside the dataset, that cannot be read as an image."""


class InstallationError(KymflowError, ImportError):
    """What kymflow needs cannot be imported: it is not installed, or something beside it is damaged."""


class SettingError(KymflowError, ValueError):
    """An environment variable of kymflow's, or a setting of an indexer, that holds what it cannot mean."""


class CancelledError(KymflowError, RuntimeError):
    """The caller's cancel event was set; what is on disk is whole."""
