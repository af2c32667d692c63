"""Units as people read them."""

from __future__ import annotations

import pytest

from kymflow_view.units import shown_unit


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("um", "µm"),
        ("mm/s or um/s", "mm/s or µm/s"),
        ("um2", "µm2"),
        ("1/um^2", "1/µm^2"),
        ("um*s", "µm*s"),
        ("µm", "µm"),
        ("mum", "mum"),
        ("umol", "umol"),
        ("vacuum", "vacuum"),
        ("", ""),
    ],
)
def test_micrometres_are_written_with_their_letter(unit: str, shown: str) -> None:
    assert shown_unit(unit) == shown
