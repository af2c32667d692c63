from __future__ import annotations

import copyreg
import errno
import pickle

import pytest

import kymflow_zarr
from kymflow_zarr import KymflowError, StoreError

BUILTINS = {
    "ArtifactError": [ValueError],
    "ArtifactNotFoundError": [KeyError, FileNotFoundError],
    "CancelledError": [RuntimeError],
    "ColumnError": [ValueError],
    "ConflictError": [RuntimeError],
    "DatasetError": [ValueError],
    "DatasetNotFoundError": [FileNotFoundError, ValueError],
    "InstallationError": [ImportError],
    "InvalidNameError": [ValueError],
    "KymflowError": [Exception],
    "LockTimeoutError": [TimeoutError],
    "MetadataNotFoundError": [KeyError, FileNotFoundError],
    "PixelsReplacedError": [ValueError],
    "ReadOnlyError": [PermissionError],
    "RecordNotFoundError": [KeyError],
    "SettingError": [ValueError],
    "SourceError": [ValueError],
    "StoreError": [OSError],
    "StorePermissionError": [PermissionError, OSError],
    "StoreUnavailableError": [ConnectionError, OSError],
    "TableError": [ValueError],
    "TableNotFoundError": [KeyError, FileNotFoundError],
}


def test_every_exported_error_is_listed_here() -> None:
    exported = {name for name in kymflow_zarr.__all__ if name.endswith("Error")}
    assert exported == set(BUILTINS)


@pytest.mark.parametrize("name", BUILTINS)
def test_error_is_also_the_fitting_builtin(name: str) -> None:
    error = getattr(kymflow_zarr, name)
    assert issubclass(error, KymflowError)
    for builtin in BUILTINS[name]:
        assert issubclass(error, builtin)


@pytest.mark.parametrize("name", BUILTINS)
def test_error_survives_pickling_with_its_details(name: str) -> None:
    error = getattr(kymflow_zarr, name)("it failed", dataset="lab.zarr", image_id="a", artifact="x.json")
    error.add_note("seen by a worker")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == "it failed"
    assert (back.dataset, back.image_id, back.artifact, back.column) == ("lab.zarr", "a", "x.json", None)
    assert back.__notes__ == ["seen by a worker"]


@pytest.fixture
def plain_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once Dask was used, all of the process pickles exceptions in another way."""
    for one in list(copyreg.dispatch_table):
        if isinstance(one, type) and issubclass(one, BaseException):
            monkeypatch.delitem(copyreg.dispatch_table, one)


class Unpicklable(Exception):
    """Cannot be made again of its args alone."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


@pytest.mark.usefixtures("plain_pickle")
def test_causes_survive_pickling() -> None:
    error, cause = StoreError("it failed"), KymflowError("since this did", column="x")
    cause.__cause__ = ZeroDivisionError("by nothing")
    error.__cause__ = cause
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back.__cause__, KymflowError)
    assert (str(back.__cause__), back.__cause__.column) == ("since this did", "x")
    assert repr(back.__cause__.__cause__) == "ZeroDivisionError('by nothing')"
    assert back.__suppress_context__


@pytest.mark.usefixtures("plain_pickle")
@pytest.mark.parametrize("cause", [Unpicklable("this", "that"), ValueError(lambda: None)])
def test_of_a_cause_that_cannot_be_pickled_its_words_survive(cause: Exception) -> None:
    error = StoreError("it failed")
    error.__cause__ = cause
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back.__cause__, RuntimeError)
    assert str(back.__cause__) == repr(cause)
    assert pickle.loads(pickle.dumps(StoreError("alone"))).__cause__ is None


def test_errno_survives_pickling() -> None:
    error = StoreError("disk full")
    error.errno = errno.ENOSPC
    assert pickle.loads(pickle.dumps(error)).errno == errno.ENOSPC


def test_message_of_a_key_error_is_shown_as_it_is() -> None:
    assert str(kymflow_zarr.RecordNotFoundError("no image 'a'")) == "no image 'a'"


def test_unknown_detail_is_refused() -> None:
    with pytest.raises(TypeError, match="no detail named 'colour'"):
        KymflowError("x", colour="red")


def test_a_store_error_carries_its_errno(local_record, disk_full) -> None:
    disk_full("replace")
    with pytest.raises(StoreError, match="No space left") as caught:
        local_record.save_json("x", {})
    assert caught.value.errno == errno.ENOSPC
