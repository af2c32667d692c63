"""What is done in child processes: the checks themselves, extraction in other surroundings, a watched one."""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import thread as pool_threads
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kymflow.core.zarr.indexers.contract import TableContract, contract_of
from kymflow.testing.conformance.catalogue import THERE
from kymflow.testing.conformance.children.frames import top_package
from kymflow.testing.conformance.children.job import Tell
from kymflow.testing.conformance.children.process_state import lasting_threads, open_files, state_now
from kymflow.testing.conformance.children.surroundings import Surroundings
from kymflow.testing.conformance.children.watching import Watch, shipped_with
from kymflow.testing.conformance.findings import NotRun
from kymflow.testing.conformance.limits import describe, describe_at
from kymflow.testing.conformance.making import make_check
from kymflow.testing.conformance.samples import Sample
from kymflow.testing.conformance.subject import Subject
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from kymflow_zarr.formats.zarr_import import require_zarr
from kymflow_zarr.store.tracking import TrackingStore

# Per image its rows, or the error in words.
Answers = dict[str, "pd.DataFrame | str"]
_ROUNDS = 4


def run_checks(
    tell: Tell,
    pickled: bytes,
    sample: Sample,
    timeout_s: float,
    names: Sequence[str],
    stop: bool,
) -> None:
    """Make these checks, and tell each finding at once; with `stop`, up to the first breach."""
    subject = Subject(
        pickle.loads(pickled),
        Path.cwd(),
        timeout_s=timeout_s,
        inherited=(pickled, sample),
        tell=tell,
    )
    tell("started", None)
    try:
        tell("good", subject.good)
    except NotRun as reason:
        tell("no rows", (reason.what, reason.remedy))
    for check in THERE:
        if check.__name__ in names:
            finding = make_check(check, subject)
            tell("finding", finding)
            if stop and finding.status == "failed":
                return


@dataclass(frozen=True)
class Found:
    """What an indexer promised and gave; of one made anew, too, if that takes no arguments."""

    promised: TableContract | str
    rows: Answers
    promised_anew: TableContract | str | None = None
    rows_anew: Answers | None = None


def extract(
    tell: Tell,
    pickled: bytes,
    datasets: Sequence[str],
    image_ids: Sequence[str],
    surroundings: Surroundings,
    module: str,
) -> None:
    """Extract the records of each dataset in turn with one instance, and tell what that gave."""
    surroundings.apply(top_package(module))
    try:
        indexer = pickle.loads(pickled)
        opened = [ZarrDataset(path, "r") for path in datasets]
        promised, rows = _promised(indexer), [_rows(indexer, ds, image_ids) for ds in opened]
        # Afterwards: it may set what is in the class, and so in the other.
        anew = _made_anew(type(indexer))
        found = [Found(promised, given) for given in rows]
        if anew is not None:
            found = [
                Found(promised, given, _promised(anew), _rows(anew, ds, image_ids))
                for given, ds in zip(rows, opened, strict=True)
            ]
    finally:
        surroundings.leave()
    tell("found", found)


def _made_anew(cls: type) -> Any:
    try:
        return cls()
    except Exception:  # noqa: BLE001
        # It takes arguments, and nobody but its author knows them.
        return None


def _promised(indexer: Any) -> TableContract | str:
    try:
        return contract_of(indexer)
    except Exception as error:  # noqa: BLE001
        # The author's own properties run here; the parent process tells of it.
        return describe(error)


def _rows(indexer: Any, ds: ZarrDataset, image_ids: Iterable[str]) -> Answers:
    answers: Answers = {}
    for image_id in image_ids:
        try:
            answers[image_id] = indexer.extract_rows(_record(ds, image_id))
        except Exception as error:  # noqa: BLE001
            # An author's code runs here; the parent process tells of it.
            answers[image_id] = describe_at(error, type(indexer).__module__)
    return answers


def _record(ds: ZarrDataset, image_id: str) -> ZarrImageRecord:
    return ZarrImageRecord(TrackingStore(ds.store), image_id, zarr_format=ds.zarr_format)


# Of an import, what no library changes on the way to something else.
_AT_IMPORT = (
    "the working directory",
    "Python's random generator",
    "NumPy's random generator",
    "NumPy's error handling (np.seterr)",
    "pandas' options (pd.set_option)",
    "which messages are logged at all (logging.disable)",
    "the locale",
    "sys.stdout",
    "sys.stderr",
    "the recursion limit (sys.setrecursionlimit)",
    "the default timeout of sockets",
    "the umask",
)


def watch(tell: Tell, pickled: bytes, dataset: str, image_ids: Sequence[str], module: str) -> None:
    """Tell what it opens, asks and starts beside its record, what it changes, and what stays behind."""
    here, temporary = Path.cwd(), Path(tempfile.gettempdir())
    ds = ZarrDataset(dataset, "r")
    # Whatever kymflow itself imports and opens for the first time.
    require_zarr()
    for image_id in image_ids[:1]:
        _record(ds, image_id).list_analysis_keys()
    before, printing = state_now(), _errors_raised()
    watched = Watch(top_package(module), dataset)
    indexer = pickle.loads(pickled)
    watched.allow(shipped_with(module))
    after = state_now()
    for words in _AT_IMPORT:
        if before[words] != after[words]:
            tell("changed", (words, "when its module was imported", _few(before[words]), _few(after[words])))
    if _errors_raised() - printing:
        words = "the warnings filters (warnings.simplefilter, filterwarnings)"
        tell("changed", (words, "when its module was imported", "no such filter", "warnings as errors"))
    _made_anew(type(indexer))
    for image_id in image_ids:
        before = state_now()
        _rows(indexer, ds, [image_id])
        for words, value in state_now().items():
            if before[words] != value:
                tell("changed", (words, f"at image {image_id!r}", _few(before[words]), _few(value)))
    _tell_what_lasts(tell, indexer, ds, image_ids)
    tell("opened", list(watched.seen))
    for place, folder in (("the working directory", here), ("the temporary folder", temporary)):
        left = (
            sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
            if folder.is_dir()
            else []
        )
        tell("left", (place, left))


def _errors_raised() -> set[str]:
    import warnings

    return {str(one) for one in warnings.filters if one[0] == "error"}


def _few(value: object) -> str:
    words = repr(value)
    return words if len(words) <= 80 else f"{words[:77]}..."


def _tell_what_lasts(tell: Tell, indexer: Any, ds: ZarrDataset, image_ids: Sequence[str]) -> None:
    """Tell of threads and open files that there is one more of after each call."""
    threads, files = set(threading.enumerate()), open_files()
    for _ in range(_ROUNDS):
        _rows(indexer, ds, image_ids[:1])
    new_files = sorted((Counter(open_files()) - Counter(files)).elements())
    tell("threads", [thread.name for thread in lasting_threads(threads)] if _has_more(threads) else [])
    tell("files", new_files if len(new_files) >= _ROUNDS else [])
    tell("delays", [thread.name for thread in threading.enumerate() if _delays_the_exit(thread)])


def _has_more(before: set[threading.Thread]) -> bool:
    return len(lasting_threads(before)) >= _ROUNDS


def _delays_the_exit(thread: threading.Thread) -> bool:
    pooled = thread in getattr(pool_threads, "_threads_queues", ())
    return thread is not threading.main_thread() and not thread.daemon and not pooled and thread.is_alive()
