"""The indexer under test: fresh copies of it, its sample records, and what it gave for each."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.testing import assert_series_equal

from kymflow.core.zarr.indexers.contract import TableContract, contract_of
from kymflow.testing.conformance.findings import Breach, NotRun
from kymflow.testing.conformance.limits import NoAnswer, call_within, describe
from kymflow.testing.conformance.noting_store import NotingStore
from kymflow.testing.conformance.samples import HOW_TO_GIVE_A_SAMPLE, AnyDataset, Sample, make_sample
from kymflow_zarr import ArtifactError, ArtifactNotFoundError, ZarrImageRecord
from kymflow_zarr.layout import record_prefix

if TYPE_CHECKING:
    from types import FrameType

    from kymflow.core.zarr.indexers.base import DatasetIndexer
    from kymflow.testing.conformance.samples import WriteArtifacts
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.observed import Seen

DEFAULT_TIMEOUT_S = 60.0
# Beyond these, two floats are two results.
_RELATIVE = 1e-12
_ABSOLUTE = 1e-15
Trace = Callable[["FrameType", str, Any], Any]


@dataclass(frozen=True)
class Outcome:
    """What one call of extract_rows came to.

    Attributes
    ----------
    image_id : str
        The image.
    returned : object
        What it returned; None if it raised.
    rows : DataFrame or None
        A copy of that, if it is a DataFrame.
    error : BaseException or None
        What it raised.
    seen : tuple of Seen
        What it asked the record for.
    refused : tuple of str
        Keys that it tried to write.
    """

    image_id: str
    returned: object
    rows: pd.DataFrame | None
    error: BaseException | None
    seen: tuple[Seen, ...]
    refused: tuple[str, ...]

    @property
    def words(self) -> str:
        """The outcome in a few words, for a message."""
        if self.error is not None:
            return describe(self.error)
        if self.rows is None:
            return f"a {type(self.returned).__name__}"
        return f"{len(self.rows)} rows"

    @property
    def found_nothing(self) -> bool:
        """Whether the record had nothing of what it was asked for."""
        return not self.asked_for_names and not any(
            seen.asked == "content" and seen.fingerprint for seen in self.seen
        )

    @property
    def asked_for_names(self) -> bool:
        """Whether it asked which keys there are."""
        return any(seen.asked == "names" for seen in self.seen)

    def keys_read(self, *below: str) -> list[str]:
        """Return the keys that were there and were read, below these folders of the record."""
        prefixes = tuple(f"{record_prefix(self.image_id)}/{folder}/" for folder in below)
        return [
            seen.key
            for seen in self.seen
            if seen.asked == "content" and seen.fingerprint and seen.key.startswith(prefixes)
        ]


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
    """

    def __init__(
        self,
        indexer: DatasetIndexer,
        folder: Path,
        *,
        write_artifacts: WriteArtifacts | None = None,
        dataset: AnyDataset | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self.indexer = indexer
        self.folder = folder
        self.timeout_s = timeout_s
        self._write_artifacts = write_artifacts
        self._dataset = dataset
        self._numbers = count()
        self._no_answer: str | None = None
        self._shared: dict[str, Any] = {}
        self._pickled, self.pickle_error = _pickled(indexer)

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
        return Outcome(image_id, returned, rows, error, tuple(store.seen), tuple(store.refused))

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

        Raises
        ------
        NotRun
            None has rows: nothing could be told from them.
        """
        good = {
            image_id: outcome.rows for image_id, outcome in self.baseline.items() if outcome.rows is not None
        }
        if not any(len(rows) for rows in good.values()):
            raise NotRun(self._why_no_rows(), HOW_TO_GIVE_A_SAMPLE)
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

    def _why_no_rows(self) -> str:
        outcomes = list(self.baseline.values())
        asked = {
            artifact_name(seen.key)
            for outcome in outcomes
            for seen in outcome.seen
            if seen.fingerprint is None and "/analysis/" in seen.key
        }
        why = f"no record of {self.sample.words} gave rows"
        if asked:
            why += f"; it asked for {', '.join(sorted(asked))}, which they do not have"
        errors = [outcome for outcome in outcomes if outcome.error is not None]
        if errors:
            why += f"; {errors[0].words}"
        return why

    def tolerated(self, outcome: Outcome) -> bool:
        """Whether a sample record rightly gives no rows but an error: it lacks something, or is damaged."""
        return isinstance(outcome.error, ArtifactNotFoundError | ArtifactError)

    def shared(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what several checks need; made once."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    # Comparisons

    def check_same(
        self, outcome: Outcome, expected: pd.DataFrame, *, what: str, got: str = "", remedy: str
    ) -> None:
        """Raise Breach unless an outcome is just these rows."""
        where = f"{what} (image {outcome.image_id!r})"
        if outcome.rows is None:
            raise Breach(
                where, expected=f"the same {len(expected)} rows", got=got + outcome.words, remedy=remedy
            )
        found = difference(outcome.rows, expected)
        if found is not None:
            raise Breach(where, expected="the same rows", got=got + found, remedy=remedy)

    def own_modules(self) -> set[str]:
        """Return the names of the modules in which its class and the classes above it are."""
        return {cls.__module__ for cls in type(self.indexer).__mro__} - {"builtins", "typing", "abc"}


def _pickled(indexer: object) -> tuple[bytes | None, Exception | None]:
    try:
        return pickle.dumps(indexer), None
    except Exception as error:  # noqa: BLE001
        # What an author's object raises here, the check can_be_pickled tells.
        return None, error


def difference(got: pd.DataFrame, expected: pd.DataFrame) -> str | None:
    """Say in one line how rows differ, or None if they do not; the index does not count.

    Floats may differ in their last digits: sums come out so, depending on how memory is aligned.
    """
    if len(got) != len(expected):
        return f"{len(got)} rows instead of {len(expected)}"
    if list(got.columns) != list(expected.columns):
        return f"the columns {list(got.columns)} instead of {list(expected.columns)}"
    got, expected = got.reset_index(drop=True), expected.reset_index(drop=True)
    for place, name in enumerate(got.columns):
        one, other = got.iloc[:, place], expected.iloc[:, place]
        if one.dtype != other.dtype:
            return f"column {name!r} of type {one.dtype} instead of {other.dtype}"
        how: dict[str, Any] = {"check_exact": True}
        if pd.api.types.is_float_dtype(one.dtype):
            how = {"rtol": _RELATIVE, "atol": _ABSOLUTE}
        try:
            assert_series_equal(one, other, **how)
        except AssertionError:
            return f"column {name!r} with {_few(one)} instead of {_few(other)}"
    return None


def _few(values: pd.Series[Any]) -> str:
    words = ", ".join(repr(value) for value in values.head(3).tolist())
    return words if len(values) <= 3 else f"{words}, ..."


def artifacts_of(keys: Iterable[str]) -> str:
    """Return keys of a record as people name artifacts."""
    return ", ".join(repr(artifact_name(key)) for key in keys)


def artifact_name(key: str) -> str:
    """Return a key of a record without what all artifacts have in common."""
    return key.split("/", 2)[-1].removeprefix("analysis/")


def missing_from(names: Collection[str], frame: pd.DataFrame) -> list[str]:
    """Return which of the names are no columns."""
    return [name for name in names if name not in frame.columns]
