"""When an image was acquired, as several programs write it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from kymflow_indexers_builtin.acquired import acquisition_time

NOON = datetime.datetime(2025, 7, 22, 12, 14, 20)


def olympus(text: object) -> dict[str, Any]:
    return {"olympus_header": {"General": {"Date": text}}}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (olympus("07/22/2025 12:14:20.091 PM"), NOON.replace(microsecond=91000)),
        (olympus("07/22/2025 12:14:20 PM"), NOON),
        ({"image_header_metadata": {"date": "20250722", "time": "12:14:20"}}, NOON),
        ({"experiment_metadata": {"acq_date": "2025-07-22", "acq_time": "12:14:20"}}, NOON),
        ({"experiment_metadata": {"acq_date": "20250722"}}, NOON.replace(hour=0, minute=0, second=0)),
        ({**olympus("some day"), "image_header_metadata": {"date": "20250722", "time": "12:14:20"}}, NOON),
    ],
)
def test_the_forms_of_several_programs(metadata: dict[str, Any], expected: datetime.datetime) -> None:
    assert acquisition_time(metadata) == expected


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        olympus(""),
        olympus("yesterday"),
        olympus(20250722),
        {"olympus_header": "text"},
        {"experiment_metadata": {"acq_time": "12:14:20"}},
        {"experiment_metadata": {"acq_date": "", "acq_time": ""}},
        {"image_header_metadata": {"date": "20259999", "time": "12:14:20"}},
    ],
)
def test_what_tells_no_time_is_missing(metadata: dict[str, Any]) -> None:
    assert acquisition_time(metadata) is None
