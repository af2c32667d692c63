"""The conformance kit: indexers without fault are accused of nothing, whatever their style."""

from __future__ import annotations

import pytest

from kymflow.testing import check_indexer
from kymflow.testing.conformance.catalogue import CHECKS
from support import faultless_indexers as faultless
from support import planted_faults as planted

# The built-in ones prove themselves as a plugin would, in tests/kymflow_indexers_builtin.
FAULTLESS = [
    planted.Reports(),
    faultless.PropertyNames(),
    faultless.FrozenThreshold(0.5),
    faultless.GeneratedRows(),
    faultless.CategoriesAndTimes(),
    faultless.Pixels(),
    faultless.Attributes(),
    faultless.Inventory(),
    faultless.CountsEvents(),
    faultless.Payload(),
    faultless.Locked(),
    faultless.Stalls(),
    faultless.ListsInCells(),
    faultless.NestedInCells(),
    faultless.IndexIsAColumnToo(),
    faultless.Membership(),
    faultless.ThreadsInside(),
    faultless.ThreadsOfItsModule(),
]


@pytest.mark.parametrize("indexer", FAULTLESS, ids=lambda indexer: type(indexer).__name__)
def test_a_faultless_indexer_is_accused_of_nothing(indexer: planted.Reports) -> None:
    report = check_indexer(indexer, report=True, thorough=True)

    assert (report.failed, report.not_run) == ([], [])
    assert report.ok
    assert report.n_run == len(CHECKS)
