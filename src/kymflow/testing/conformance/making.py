"""One check made, and what it found."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kymflow.testing.conformance.findings import Breach, Finding, NotRun

if TYPE_CHECKING:
    from kymflow.testing.conformance.catalogue import Check
    from kymflow.testing.conformance.subject import Subject


def make_check(check: Check, subject: Subject) -> Finding:
    """Make one check in this process."""
    name = check.__name__
    with _here():
        try:
            check(subject)
        except Breach as breach:
            return Finding(name, "failed", breach.what, breach.expected, breach.got, breach.remedy)
        except NotRun as reason:
            return Finding(name, "not run", reason.what, remedy=reason.remedy)
    return Finding(name, "passed")


@contextlib.contextmanager
def _here() -> Iterator[None]:
    here = os.getcwd()
    try:
        yield
    finally:
        # Wherever the indexer went: the sample will not be there for long.
        os.chdir(here)
