"""What the checks of an indexer found, and the error that tells of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from kymflow_zarr.errors import KymflowError

Status = Literal["passed", "failed", "not run"]


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


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
        Name of the check.
    status : {"passed", "failed", "not run"}
        A check that could not run has not passed.
    what : str
        What is wrong, or why the check could not run; empty if it passed.
    expected, got : str
        What the contract asks for, and what the indexer did; empty unless it failed.
    remedy : str
        What to do about it.
    """

    check: str
    status: Status
    what: str = ""
    expected: str = ""
    got: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        words = f"{self.check} {self.status}"
        if self.what:
            words += f": {self.what}."
        if self.expected:
            words += f" Expected {self.expected}; got {self.got}."
        return f"{words} {self.remedy}".rstrip()

    @property
    def text(self) -> str:
        """The finding in a few lines, for people."""
        lines = [f"{self.check} {self.status}"]
        for name in ("what", "expected", "got", "remedy"):
            value = getattr(self, name)
            if value:
                lines.append(f"  {name + ':':<10}{value}")
        return "\n".join(lines)


@dataclass(frozen=True)
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
    def n_run(self) -> int:
        """How many checks ran."""
        return len(self.findings) - len(self.not_run)

    @property
    def n_not_run(self) -> int:
        """How many checks could not run."""
        return len(self.not_run)

    @property
    def ok(self) -> bool:
        """Whether every check ran and passed."""
        return len(self.passed) == len(self.findings) > 0

    def _with(self, status: Status) -> list[Finding]:
        return [finding for finding in self.findings if finding.status == status]

    def __str__(self) -> str:
        counts = f"{self.n_run} checks ran, {len(self.failed)} failed; {self.n_not_run} could not run"
        lines = [f"indexer {self.indexer!r} on {self.sample}: {counts}"]
        return "\n".join([*lines, *(finding.text for finding in [*self.failed, *self.not_run])])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``kymflow check-indexer --json`` documents."""
        return {
            "indexer": self.indexer,
            "sample": self.sample,
            "passed": len(self.passed),
            "failed": len(self.failed),
            "not_run": self.n_not_run,
            "findings": [asdict(finding) for finding in self.findings],
        }


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
