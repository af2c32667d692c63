"""Indexers with settings: a dataclass, and models of pydantic; other processes import them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd
from pydantic import BaseModel, Field

from kymflow import ZarrImageRecord


@dataclass
class Threshold:
    """How many pixels of every image are brighter than a level."""

    level: float = 2.0
    channel: Literal["red", "green"] = "red"
    rois: tuple[int, ...] = ()
    note: str | None = None

    name: ClassVar[str] = "threshold"
    table_name: ClassVar[str] = "threshold"

    def __post_init__(self) -> None:
        if self.level < 0:
            raise ValueError("a level below 0 leaves nothing out")

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        n_above = int((rec.load_array() > self.level).sum())
        return pd.DataFrame({"level": [float(self.level)], "n_above": [n_above]})


class Model(BaseModel):
    """The same as a model of pydantic."""

    level: float = Field(2.0, ge=0)

    name: ClassVar[str] = "model"
    table_name: ClassVar[str] = "model"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame({"level": [self.level]})
