"""What the checks of an indexer found, and the error that tells of it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from kymflow_zarr.errors import KymflowError

Status = Literal["passed", "failed", "not run", "expected failure"]
_SEE = "See the check "
_WIDTH = 80


class Breach(Exception):
    """Raised by a check: the indexer does not keep to the contract. Parameters as in `Finding`."""

    def __init__(self, what: str, *, expected: str, got: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.expected, self.got, self.remedy = what, expected, got, remedy


class NotRun(Exception):
    """Raised by a check that cannot tell: something that it needs is not there."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy

    @classmethod
    def after(cls, check: str) -> NotRun:
        """Return what to raise where another check has failed."""
        return cls(f"{check} failed", f"{_SEE}{check}")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
        Name of the check.
    status : {"passed", "failed", "not run", "expected failure"}
        A check that could not run has not passed. One that failed as its author said it would is an
        expected failure.
    what : str
        What is wrong, or why the check could not run; empty if it passed.
    expected, got : str
        What the contract asks for, and what the indexer did; empty unless it failed.
    remedy : str
        What to do about it.
    reason : str
        Why its author expects it to fail; empty if they do not.
    """

    check: str
    status: Status
    what: str = ""
    expected: str = ""
    got: str = ""
    remedy: str = ""
    reason: str = ""

    def __str__(self) -> str:
        words = f"{self.check} {self.status}"
        if self.what:
            words += f": {self.what}."
        if self.expected:
            words += f" Expected {self.expected}; got {self.got}."
        return f"{words} {self.remedy}".rstrip()

    @property
    def text(self) -> str:
        """The finding in a few lines, for people; in one if another check tells the rest."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> list[str]:
        """The lines of the text."""
        if self.status == "not run" and self.remedy.startswith(_SEE):
            return [str(self)]
        parts = {name: getattr(self, name) for name in ("reason", "what", "expected", "got", "remedy")}
        return [f"{self.check} {self.status}", *_labelled(parts)]


def _labelled(parts: dict[str, str]) -> list[str]:
    return [f"  {name + ':':<10}{value}" for name, value in parts.items() if value]


@dataclass(frozen=True, repr=False)
class ConformanceReport:
    """What all checks found of one indexer.

    Attributes
    ----------
    indexer : str
        Its name.
    sample : str
        What the records were on which it was checked.
    findings : tuple of Finding
        One per check, in the order of the checks.
    """

    indexer: str
    sample: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> list[Finding]:
        """The checks that passed."""
        return self._with("passed")

    @property
    def failed(self) -> list[Finding]:
        """The checks that failed."""
        return self._with("failed")

    @property
    def not_run(self) -> list[Finding]:
        """The checks that could not run."""
        return self._with("not run")

    @property
    def expected_failures(self) -> list[Finding]:
        """The checks that failed as the author said that they would."""
        return self._with("expected failure")

    @property
    def unexpected_passes(self) -> list[Finding]:
        """The checks that passed although the author said that they would fail."""
        return [finding for finding in self.passed if finding.reason]

    @property
    def n_run(self) -> int:
        """How many checks ran."""
        return len(self.findings) - len(self.not_run)

    @property
    def n_not_run(self) -> int:
        """How many checks could not run."""
        return len(self.not_run)

    @property
    def ok(self) -> bool:
        """Whether every check ran, and passed or failed as expected."""
        return len(self.passed) + len(self.expected_failures) == len(self.findings) > 0

    @property
    def counts(self) -> str:
        """How many checks ran, failed and could not run, in words."""
        expected = f", {len(self.expected_failures)} as expected" if self.expected_failures else ""
        n_failed = len(self.failed) + len(self.expected_failures)
        return f"{self.n_run} checks ran, {n_failed} failed{expected}; {self.n_not_run} could not run"

    def _with(self, status: Status) -> list[Finding]:
        return [finding for finding in self.findings if finding.status == status]

    def lines(self, *, with_names: bool) -> list[str]:
        """Return what there is to say; why several checks could not run is told once.

        Parameters
        ----------
        with_names : bool
            Also name each of these checks.
        """
        alike: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.not_run:
            alike.setdefault((finding.what, finding.remedy), []).append(finding)
        lines = [line for finding in self.failed for line in finding.lines]
        for findings in alike.values():
            lines += _lines_of_alike(findings, with_names=with_names)
        others = [*self.expected_failures, *self.unexpected_passes]
        return [*lines, *(line for finding in others for line in finding.lines)]

    def __str__(self) -> str:
        head = f"indexer {self.indexer!r} on {self.sample}:"
        return "\n".join(map(_wrapped, [head, self.counts, *self.lines(with_names=True)]))

    def __repr__(self) -> str:
        counts = {
            "passed": self.passed,
            "failed": self.failed,
            "not run": self.not_run,
            "failed as expected": self.expected_failures,
        }
        words = ", ".join(f"{len(found)} {what}" for what, found in counts.items() if found)
        return f"<{type(self).__name__} of {self.indexer!r}: {words or 'no checks'}>"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``kymflow check-indexer --json`` documents."""
        return {
            "indexer": self.indexer,
            "sample": self.sample,
            "passed": len(self.passed),
            "failed": len(self.failed),
            "expected_failures": len(self.expected_failures),
            "not_run": self.n_not_run,
            "findings": [asdict(finding) for finding in self.findings],
        }


def _lines_of_alike(findings: Sequence[Finding], *, with_names: bool) -> list[str]:
    first = findings[0]
    if len(findings) == 1:
        return first.lines
    names = ", ".join(finding.check for finding in findings) if with_names else ""
    head = f"{len(findings)} checks not run, as {first.what}"
    return [head, *_labelled({"checks": names, "remedy": first.remedy})]


def _wrapped(line: str) -> str:
    """Break a line between words; what goes on stands below the words of its label."""
    return textwrap.fill(
        line,
        _WIDTH,
        subsequent_indent=" " * (12 if line.startswith(" ") else 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


class ConformanceError(KymflowError, AssertionError):
    """An indexer or a reader fails a check of its contract, or the check could not run.

    Attributes
    ----------
    finding : Finding
        Which check, and what it found.
    """

    finding: Finding

    @classmethod
    def of(cls, indexer: str, finding: Finding) -> ConformanceError:
        """Return the error for one finding."""
        error = cls(f"indexer {indexer!r}: {finding}", indexer=indexer)
        error.finding = finding
        return error
