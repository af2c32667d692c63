"""Indexers and helpers that several test modules share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kymflow import Column, KymDataset, ZarrImageRecord


class FrameIndexer:
    """Gives the rows it was told to, or raises what it was told to, by image id."""

    def __init__(
        self,
        rows: Mapping[str, object],
        *,
        name: str = "lab",
        table_name: str | None = None,
        columns: Sequence[Column] = (),
        required: Sequence[str] = (),
        schema_version: str = "1",
    ) -> None:
        self.rows = rows
        self.name = name
        self.table_name = table_name or name
        self.columns = columns
        self.required = list(required)
        self.schema_version = schema_version

    def required_columns(self) -> list[str]:
        return self.required

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        rows = self.rows.get(rec.image_id, pd.DataFrame())
        if isinstance(rows, BaseException):
            raise rows
        return rows  # type: ignore[return-value]


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns)


def add_image(kd: KymDataset, image_id: str) -> ZarrImageRecord:
    """Add a small image under an id of one's own."""
    record = kd.ds.record(image_id)
    record.save_array(np.arange(12, dtype=np.uint16).reshape(4, 3))
    return record


def write_distribution(
    site: Path, name: str, version: str, *entry_points: str, group: str = "kymflow.indexers"
) -> None:
    """Make ``site`` look as if a distribution with these entry points were installed there."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *entry_points]) + "\n", "utf-8")
