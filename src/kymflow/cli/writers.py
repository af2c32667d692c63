"""Rows to files, outside the dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from kymflow.cli.failures import USAGE, fail
from kymflow.cli.rows import Rows
from kymflow.export.content import TableContent


def check_outside(output: Path, dataset: str) -> None:
    """Refuse to write into the dataset itself, where tables would be taken for kymflow's own."""
    inside = os.path.join(os.path.realpath(output), "")
    if inside.startswith(os.path.join(os.path.realpath(dataset), "")):
        fail(f"{output} lies inside the dataset {dataset}; write it somewhere else", USAGE)


def contents(tables: Sequence[Rows]) -> list[TableContent]:
    """Return rows as what is written of them."""
    return [TableContent.of(rows.info.name, rows.frame, rows.columns.values()) for rows in tables]
