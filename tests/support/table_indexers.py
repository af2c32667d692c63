"""Indexers whose tables are made of other tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from kymflow import Column

Tables = Mapping[str, pd.DataFrame]


def count_rows(tables: Tables) -> pd.DataFrame:
    """Say how many rows each source has."""
    return pd.DataFrame({"source": list(tables), "n_rows": [len(table) for table in tables.values()]})


class FromTables:
    """Derives what it is told to, and counts how often it is asked to."""

    def __init__(
        self,
        name: str,
        *sources: str,
        derive: Callable[[Tables], object] = count_rows,
        columns: Sequence[Column] = (),
        schema_version: str = "1",
    ) -> None:
        self.name = name
        self.sources = sources
        self.columns = columns
        self.schema_version = schema_version
        self.derives = derive
        self.asked = 0

    def derive(self, tables: Tables) -> pd.DataFrame:
        self.asked += 1
        return self.derives(tables)  # type: ignore[return-value]


def raising(error: BaseException) -> Callable[[Tables], object]:
    """Return what raises when it is to derive."""

    def derive(_: Tables) -> object:
        raise error

    return derive


def mean_velocity(tables: Tables) -> pd.DataFrame:
    """Return the mean velocity of each image's reports."""
    groups = tables["radon_report"].groupby("image_id", as_index=False)
    return groups.agg(mean_velocity=("mean_velocity", "mean"))
