"""Checks that an author expects to fail, with the reason."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace

from kymflow.testing.conformance.catalogue import CHECKS
from kymflow.testing.conformance.findings import Finding

Expected = Mapping[str, str]


def check_expected(expected: Expected) -> None:
    """Raise ValueError unless each is the name of a check with a reason."""
    names = [check.__name__ for check in CHECKS]
    for name, reason in expected.items():
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {close[0]!r}?" if close else "docs/testing-an-indexer.md lists them"
            raise ValueError(f"expected_to_fail: there is no check {name!r}; {hint}")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"expected_to_fail: say why {name!r} is expected to fail, got {reason!r}")


def as_expected(finding: Finding, expected: Expected) -> Finding:
    """Return a finding as it is to be told of: one that was expected to fail, with the reason."""
    reason = expected.get(finding.check)
    if reason is None or finding.status == "not run":
        return finding
    if finding.status == "failed":
        return replace(finding, status="expected failure", reason=reason)
    return replace(
        finding,
        reason=reason,
        what="it was expected to fail, and passes",
        remedy=f"Take {finding.check!r} out of expected_to_fail, so that it cannot fail again unseen",
    )
