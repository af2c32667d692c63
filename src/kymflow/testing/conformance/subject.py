"""The indexer under test: fresh copies of it, its sample records, and what it gave for each."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow.core.zarr.indexers.contract import TableContract, contract_of
from kymflow.testing.conformance.children.job import Answer, Job, Tell
from kymflow.testing.conformance.children.preloading import libraries_of
from kymflow.testing.conformance.children.server import do
from kymflow.testing.conformance.findings import NotRun
from kymflow.testing.conformance.limits import NoAnswer, call_within, describe
from kymflow.testing.conformance.no_rows import why_no_rows
from kymflow.testing.conformance.noting_store import NotingStore
from kymflow.testing.conformance.outcome import Outcome
from kymflow.testing.conformance.samples import HOW_TO_GIVE_A_SAMPLE, AnyDataset, Sample, make_sample
from kymflow_zarr import ZarrImageRecord

if TYPE_CHECKING:
    from types import FrameType

    from kymflow.core.zarr.indexers.base import DatasetIndexer
    from kymflow.testing.conformance.samples import WriteArtifacts
    from kymflow_zarr import ZarrDataset

DEFAULT_TIMEOUT_S = 60.0
# Of the order of sets: where the checks are made, and elsewhere.
SEEDS = ("1", "2")
_JOBS = f"{__package__}.jobs"
_START_S = 10.0
Trace = Callable[["FrameType", str, Any], Any]


class Subject:
    """The indexer under test.

    Parameters
    ----------
    indexer : DatasetIndexer
        As its author gave it. It is pickled at once, and almost all checks run on copies.
    folder : Path
        An existing folder for the sample and its copies.
    write_artifacts, dataset
        As :func:`~kymflow.testing.check_indexer`.
    timeout_s : float
        How long one call of extract_rows may take, s.
    inherited : tuple, optional
        In a child process, the pickle and the sample of the parent's.
    tell : callable, optional
        In a child process, what tells the parent of each image before its extraction.
    """

    def __init__(
        self,
        indexer: DatasetIndexer,
        folder: Path,
        *,
        write_artifacts: WriteArtifacts | None = None,
        dataset: AnyDataset | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        inherited: tuple[bytes, Sample] | None = None,
        tell: Tell | None = None,
    ) -> None:
        self.indexer = indexer
        self.folder = folder
        self.timeout_s = timeout_s
        self._write_artifacts = write_artifacts
        self._dataset = dataset
        self._numbers = count()
        self._no_answer: str | None = None
        self._shared: dict[str, Any] = {}
        self.given: dict[str, pd.DataFrame] | NotRun | None = None
        self._tell = tell
        if inherited is None:
            self._pickled, self.pickle_error = _pickled(indexer)
        else:
            self.pickle_error = None
            # As if it had been made here.
            self._pickled, self.sample = inherited

    # The indexer

    @property
    def name(self) -> str:
        """Its name, or that of its class if it has none."""
        try:
            name = self.indexer.name
        except Exception:  # noqa: BLE001
            # A check of its own tells of that.
            name = ""
        return name if isinstance(name, str) and name else type(self.indexer).__qualname__

    @cached_property
    def contract(self) -> TableContract:
        """What it promises of its table."""
        try:
            return contract_of(self.indexer)
        except Exception as error:
            raise NotRun(
                "the indexer does not meet the protocol", "See the check meets_the_protocol"
            ) from error

    @property
    def pickled(self) -> bytes:
        """Its pickle, made before it was used."""
        if self._pickled is None:
            raise NotRun("the indexer cannot be pickled", "See the check can_be_pickled")
        return self._pickled

    def fresh(self) -> DatasetIndexer:
        """Return a copy of the indexer as it was before it was used."""
        _ = self.contract
        try:
            copy: DatasetIndexer = pickle.loads(self.pickled)
        except Exception as error:
            raise NotRun(
                f"the indexer cannot be unpickled: {describe(error)}", "See the check can_be_pickled"
            ) from error
        return copy

    # Its records

    @cached_property
    def sample(self) -> Sample:
        """The records on which it is checked; made when they are first needed."""
        return make_sample(
            self.folder, self.indexer, write_artifacts=self._write_artifacts, dataset=self._dataset
        )

    @property
    def sample_words(self) -> str:
        """What the sample is, also where it could not be made."""
        try:
            return self.sample.words
        except NotRun:
            return "no records"

    def new_path(self, name: str) -> Path:
        """Return a path in the folder at which there is nothing yet."""
        return self.folder / f"{name}-{next(self._numbers)}"

    def copy(self, *image_ids: str) -> ZarrDataset:
        """Return a copy of these sample records, by default of all, to change at will."""
        return self.sample.copy_to(self.new_path("copy"), image_ids or self.sample.image_ids)

    # What it gives

    def extract(
        self,
        indexer: DatasetIndexer,
        image_id: str,
        *,
        ds: ZarrDataset | None = None,
        url: str | None = None,
        trace: Trace | None = None,
    ) -> Outcome:
        """Call extract_rows on one image, as kymflow does but for what follows from it.

        Parameters
        ----------
        indexer : DatasetIndexer
            Which copy.
        image_id : str
            The image.
        ds : ZarrDataset, optional
            Of which dataset; by default the sample.
        url : str, optional
            Where the record claims to be.
        trace : callable, optional
            A trace function as of :func:`sys.settrace`, for the call.

        Raises
        ------
        NotRun
            An earlier call has not come back.
        """
        if self._no_answer is not None:
            raise NotRun(
                f"extract_rows had not come back from image {self._no_answer!r} after {self.timeout_s:g} s",
                "Mend that first",
            )
        if self._tell is not None:
            self._tell("image", image_id)
        ds = self.sample.ds if ds is None else ds
        store = NotingStore(ds.store, url=url)
        record = ZarrImageRecord(store, image_id, zarr_format=ds.zarr_format)

        def call() -> object:
            before = sys.gettrace()
            if trace is not None:
                sys.settrace(trace)
            try:
                return indexer.extract_rows(record)
            finally:
                if trace is not None:
                    sys.settrace(before)

        returned, error = call_within(self.timeout_s, call)
        if isinstance(error, NoAnswer):
            self._no_answer = image_id
        rows = returned.copy() if isinstance(returned, pd.DataFrame) else None
        return Outcome(
            image_id, self.module, returned, rows, error, tuple(store.dependencies), tuple(store.refused)
        )

    @cached_property
    def baseline(self) -> dict[str, Outcome]:
        """The first outcome of each sample record, each from a fresh copy."""
        outcomes: dict[str, Outcome] = {}
        for image_id in self.sample.image_ids:
            outcomes[image_id] = self.extract(self.fresh(), image_id)
            if self._no_answer is not None:
                break
        return outcomes

    @property
    def good(self) -> dict[str, pd.DataFrame]:
        """The rows of each sample record from which it gave a DataFrame, without any too.

        They are those that a child process gave, if it could.

        Raises
        ------
        NotRun
            None has rows: nothing could be told from them.
        """
        if isinstance(self.given, NotRun):
            raise self.given
        if self.given is not None:
            return self.given
        good = {
            image_id: outcome.rows for image_id, outcome in self.baseline.items() if outcome.rows is not None
        }
        if not any(len(rows) for rows in good.values()):
            raise why_no_rows(self.sample, self.baseline.values())
        return good

    def with_rows(self) -> list[str]:
        """Return the ids of the sample records that gave rows; at least one, see :attr:`good`."""
        return [image_id for image_id, rows in self.good.items() if len(rows)]

    def two_records(self) -> tuple[str, str]:
        """Return the id of a record that gave rows, and of another, which did too if there is one.

        Raises
        ------
        NotRun
            There is no other.
        """
        first, *more = self.with_rows()
        others = [*more, *(image_id for image_id in self.good if image_id not in (first, *more))]
        if not others:
            raise NotRun(
                f"it takes two records, and there is one in {self.sample.words}", HOW_TO_GIVE_A_SAMPLE
            )
        return first, others[0]

    def shared(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what several checks need; made once."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    @property
    def module(self) -> str:
        """The module of its class."""
        return type(self.indexer).__module__

    def do(
        self,
        call: str,
        *arguments: Any,
        seed: str = SEEDS[0],
        patience_s: float = 0.0,
        variables: Mapping[str, str] = {},
    ) -> Answer:
        """Call a function of the module jobs in a child process.

        Parameters
        ----------
        call : str
            Its name; it is given `arguments`.
        seed : str
            The seed of the order of sets there.
        patience_s : float
            How long it may be silent beyond the time of one call, s.
        variables : dict of str to str
            Environment variables that are others there.
        """
        if self.module == "__main__":
            raise NotRun(
                "the indexer's class is in the program itself (__main__), which no other process can import",
                "Put the class into a module of its own, and import it",
            )
        folder = self.new_path(call)
        # What is left in there was left by the indexer.
        temporary = folder.with_suffix(".tmp")
        temporary.mkdir()
        places = {name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")}
        environ = {**os.environ, **places, **variables}
        sys_path = [os.path.abspath(path) for path in sys.path]
        job = Job(f"{_JOBS}:{call}", arguments, folder, environ, sys_path, libraries_of(self.module))
        return do(job, seed=seed, patience_s=self.timeout_s + _START_S + patience_s)

    def own_modules(self) -> set[str]:
        """Return the names of the modules in which its class and the classes above it are."""
        return {cls.__module__ for cls in type(self.indexer).__mro__} - {"builtins", "typing", "abc"}


def _pickled(indexer: object) -> tuple[bytes | None, Exception | None]:
    try:
        return pickle.dumps(indexer), None
    except Exception as error:  # noqa: BLE001
        # What an author's object raises here, the check can_be_pickled tells.
        return None, error
