"""Values as JSON can hold them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from kymflow.export.content import TableContent
from kymflow_zarr.formats import frames


def to_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain values that JSON can hold; what is missing or infinite is null."""
    return [
        {name: _plain(value) for name, value in row.items()}
        for row in frames.frame_to_arrow(rows).to_pylist()
    ]


def records_text(table: TableContent) -> str:
    """Return a table as the text of a JSON file: a list with an object for each row."""
    records = [record for frame in table.frames() for record in to_records(frame)]
    return json.dumps(records, indent=2, ensure_ascii=False)


def json_text(value: Any) -> str:
    """Return a list or an object as JSON."""
    return json.dumps(_plain(value.tolist() if isinstance(value, np.ndarray) else value))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
