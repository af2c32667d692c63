"""All checks of one indexer: the first breach as an error, or everything in a report."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from kymflow.testing.conformance.catalogue import CHECKS
from kymflow.testing.conformance.findings import (
    Breach,
    ConformanceError,
    ConformanceReport,
    Finding,
    NotRun,
)
from kymflow.testing.conformance.subject import DEFAULT_TIMEOUT_S, Subject

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.base import DatasetIndexer
    from kymflow.testing.conformance.catalogue import Check
    from kymflow.testing.conformance.samples import AnyDataset, WriteArtifacts


@overload
def check_indexer(
    indexer: DatasetIndexer,
    *,
    report: Literal[False] = False,
    write_artifacts: WriteArtifacts | None = None,
    dataset: AnyDataset | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> None: ...
@overload
def check_indexer(
    indexer: DatasetIndexer,
    *,
    report: Literal[True],
    write_artifacts: WriteArtifacts | None = None,
    dataset: AnyDataset | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> ConformanceReport: ...
def check_indexer(
    indexer: DatasetIndexer,
    *,
    report: bool = False,
    write_artifacts: WriteArtifacts | None = None,
    dataset: AnyDataset | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> ConformanceReport | None:
    """Prove that an indexer keeps to its contract.

    It is tried on sample records: whole, damaged, in another order, in another process, and in a
    dataset that is edited and refreshed. docs/testing-an-indexer.md lists the checks.

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
        Both `write_artifacts` and `dataset` are given.

    Examples
    --------
    Nothing is said of an indexer that is right:

    >>> from kymflow.testing import check_indexer
    >>> from kymflow_indexers_builtin import RadonReportIndexer
    >>> check_indexer(RadonReportIndexer())
    """
    if write_artifacts is not None and dataset is not None:
        raise ValueError("give write_artifacts or dataset, not both")
    findings = []
    with tempfile.TemporaryDirectory(prefix="kymflow-check-", ignore_cleanup_errors=True) as folder:
        subject = Subject(
            indexer,
            Path(folder),
            write_artifacts=write_artifacts,
            dataset=dataset,
            timeout_s=timeout_s,
        )
        for check in CHECKS:
            finding = run_check(check, subject)
            if finding.status == "failed" and not report:
                raise ConformanceError.of(subject.name, finding)
            findings.append(finding)
        found = ConformanceReport(subject.name, subject.sample_words, tuple(findings))
    if report:
        return found
    for finding in found.not_run:
        raise ConformanceError.of(found.indexer, finding)
    return None


def run_check(check: Check, subject: Subject) -> Finding:
    """Make one check."""
    name = check.__name__
    here = os.getcwd()
    try:
        check(subject)
    except Breach as breach:
        return Finding(name, "failed", breach.what, breach.expected, breach.got, breach.remedy)
    except NotRun as reason:
        return Finding(name, "not run", reason.what, remedy=reason.remedy)
    finally:
        # Wherever the indexer went: the sample will not be there for long.
        os.chdir(here)
    return Finding(name, "passed")
