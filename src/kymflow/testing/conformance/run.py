"""All checks of one indexer: the first breach as an error, or everything in a report."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from kymflow.core.zarr.indexers.table_indexer import as_image_indexer, derives
from kymflow.errors import InvalidIndexerError
from kymflow.testing.conformance.catalogue import PROMISES, THERE, checks
from kymflow.testing.conformance.expecting import Expected, as_expected, check_expected
from kymflow.testing.conformance.findings import ConformanceError, ConformanceReport, Finding, NotRun
from kymflow.testing.conformance.making import make_check
from kymflow.testing.conformance.subject import DEFAULT_TIMEOUT_S, Subject
from kymflow.testing.conformance.there import made_in_children

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.base import DatasetIndexer
    from kymflow.core.zarr.indexers.table_indexer import AnyIndexer
    from kymflow.testing.conformance.catalogue import Check
    from kymflow.testing.conformance.samples import AnyDataset, WriteArtifacts


@overload
def check_indexer(
    indexer: AnyIndexer,
    *,
    report: Literal[False] = False,
    write_artifacts: WriteArtifacts | None = None,
    dataset: AnyDataset | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    expected_to_fail: Expected | None = None,
    thorough: bool = False,
) -> None: ...
@overload
def check_indexer(
    indexer: AnyIndexer,
    *,
    report: Literal[True],
    write_artifacts: WriteArtifacts | None = None,
    dataset: AnyDataset | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    expected_to_fail: Expected | None = None,
    thorough: bool = False,
) -> ConformanceReport: ...
def check_indexer(
    indexer: AnyIndexer,
    *,
    report: bool = False,
    write_artifacts: WriteArtifacts | None = None,
    dataset: AnyDataset | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    expected_to_fail: Expected | None = None,
    thorough: bool = False,
) -> ConformanceReport | None:
    """Prove that an indexer keeps to its contract.

    It is tried on sample records: whole, damaged, in another order, in another process, and in a
    dataset that is edited and refreshed. docs/testing-an-indexer.md lists the checks, and which of them
    are made only if it is to be thorough.

    Parameters
    ----------
    indexer : DatasetIndexer
        An instance. It is pickled at once, and copies of it are used.
    report : bool
        Return what all checks found, instead of raising at the first breach.
    write_artifacts : callable, optional
        Called with (record, number) for each of a few simulated images, to write the artifacts
        from which the indexer makes rows; they should differ from number to number. By default
        the records are those of :func:`~kymflow.testing.make_lab`; for an
        :class:`~kymflow.ArtifactIndexer` of another artifact, tables are made that fit its
        declared columns.
    dataset : path, URL, ZarrDataset or KymDataset, optional
        Take some records of this dataset instead. They are copied; the dataset is only read.
    timeout_s : float
        How long one call of extract_rows may take, s.
    expected_to_fail : dict of str to str, optional
        Names of checks that this indexer fails, each with the reason, which the report gives. One
        that passes after all is told, and warned of with ``report=False``.
    thorough : bool
        Also make the checks that take longest: other machines, clocks, ids and edits, and two threads.

    Returns
    -------
    ConformanceReport or None
        With ``report=True``.

    Raises
    ------
    ConformanceError
        With ``report=False``: the first check that failed, or, if none failed, the first that could
        not run. A check that did not run has proved nothing.
    ValueError
        Both `write_artifacts` and `dataset` are given, or `expected_to_fail` names no check.
    InvalidIndexerError
        It is a :class:`~kymflow.TableIndexer`, for which there are no checks.

    Examples
    --------
    Nothing is said of an indexer that is right:

    >>> from kymflow.testing import check_indexer
    >>> from kymflow_indexers_builtin import RadonReportIndexer
    >>> check_indexer(RadonReportIndexer())
    """
    if write_artifacts is not None and dataset is not None:
        raise ValueError("give write_artifacts or dataset, not both")
    expected = {} if expected_to_fail is None else expected_to_fail
    check_expected(expected)
    if unchecked := why_not_checked(indexer):
        raise InvalidIndexerError(unchecked, indexer=indexer.name)
    with tempfile.TemporaryDirectory(prefix="kymflow-check-", ignore_cleanup_errors=True) as folder:
        subject = Subject(
            as_image_indexer(indexer),
            Path(folder),
            write_artifacts=write_artifacts,
            dataset=dataset,
            timeout_s=timeout_s,
        )
        findings = []
        stop = not report and not expected
        for check in checks(thorough=thorough):
            finding = as_expected(run_check(check, subject, thorough=thorough, stop=stop), expected)
            if finding.status == "failed" and not report:
                raise ConformanceError.of(subject.name, finding)
            findings.append(finding)
        found = ConformanceReport(subject.name, subject.sample_words, tuple(findings))
    if report:
        return found
    for finding in found.not_run:
        raise ConformanceError.of(found.indexer, finding)
    for finding in found.unexpected_passes:
        warnings.warn(f"indexer {found.indexer!r}: {finding}", stacklevel=2)
    return None


def why_not_checked(indexer: object) -> str:
    """Say that an indexer makes its table of other tables, for which there are no checks; else nothing."""
    if not derives(indexer):
        return ""
    return (
        f"indexer {getattr(indexer, 'name', None)!r} is not checked: it makes its table of other tables, and "
        "all checks are of rows that records give; call derive() with tables of your own in a test"
    )


def check_indexers(
    indexers: Iterable[DatasetIndexer],
    *,
    write_artifacts: WriteArtifacts | None = None,
    dataset: AnyDataset | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    expected_to_fail: Expected | None = None,
    thorough: bool = False,
) -> list[ConformanceReport]:
    """Check several instances, such as one for each setting, which are all alive at once.

    What the making of one changes in the others is found by the check copies_give_the_same_rows.

    Parameters
    ----------
    indexers : iterable of DatasetIndexer
        Instances.
    write_artifacts, dataset, timeout_s, expected_to_fail, thorough
        As :func:`check_indexer`, for each.

    Returns
    -------
    list of ConformanceReport
        One of each, in the order given.

    Examples
    --------
    >>> from kymflow.testing import check_indexers
    >>> from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer
    >>> [report.ok for report in check_indexers([RadonReportIndexer(), VelocityEventsIndexer()])]
    [True, True]
    """
    return [
        check_indexer(
            indexer,
            report=True,
            write_artifacts=write_artifacts,
            dataset=dataset,
            timeout_s=timeout_s,
            expected_to_fail=expected_to_fail,
            thorough=thorough,
        )
        for indexer in tuple(indexers)
    ]


def run_check(check: Check, subject: Subject, *, thorough: bool, stop: bool = False) -> Finding:
    """Make one check: those that call the indexer in a child process, all of them with the first.

    Which are all, `thorough` says. With `stop`, the child process makes none after the first that fails.
    """
    if check in PROMISES:
        return make_check(check, subject)
    names = tuple(one.__name__ for one in checks(thorough=thorough) if one in THERE)
    try:
        made = made_in_children(subject, names, stop=stop)
    except NotRun:
        # A class of the program itself: then it is this process that the indexer may end.
        return make_check(check, subject)
    if check in THERE and not made.unusable:
        return made.findings[check.__name__]
    return make_check(check, subject)
