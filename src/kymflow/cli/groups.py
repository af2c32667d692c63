"""Rows summed up by groups: how many, mean, median and spread of each numeric column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from kymflow.cli.columns import chosen_columns
from kymflow.cli.rows import Rows, units_in
from kymflow.core.kymographs.velocity_units import DEFAULT_VELOCITY_UNIT, VELOCITY_UNIT
from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.tables.info import ColumnInfo
from kymflow_zarr import ColumnError

# Numbers that name something: nobody wants their mean.
_NAMES = frozenset({"roi_id", "channel", "i_start", "i_peak", "i_end"})
_DESCRIPTIONS = {
    "column": "What is summed up",
    "n": "Rows of the group that have a value",
    "images": "Images that these rows are of",
    "mean": "Mean",
    "median": "Median",
    "sd": "Standard deviation (ddof 1)",
    "min": "Smallest value",
    "max": "Largest value",
}


def summed_up(rows: Rows, by: Sequence[str], columns: Sequence[str]) -> Rows:
    """Return a row for each group and column.

    Parameters
    ----------
    rows : Rows
        With all their columns.
    by : sequence of str
        Names of the columns that make the groups; rows without a value there are a group, too.
    columns : sequence of str
        What to sum up; by default every column of numbers.

    Raises
    ------
    ColumnError
        A column that is not there, or that holds no numbers.
    """
    frame, table = rows.frame, rows.info.name
    keys = chosen_columns(table, by, list(frame.columns), rows.elsewhere)
    mixed = {info.name: info for info in rows.info.columns if len(units_in(info, frame)) > 1}
    if mixed:
        # A mean over mm/s and um/s is none of anything.
        frame = frame.assign(**{VELOCITY_UNIT: frame[VELOCITY_UNIT].fillna(DEFAULT_VELOCITY_UNIT)})
        keys = list(dict.fromkeys([*keys, VELOCITY_UNIT]))
    numeric = [
        name
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
    ]
    chosen = chosen_columns(table, columns, list(frame.columns), rows.elsewhere) if columns else numeric
    for name in chosen:
        if name not in numeric:
            raise ColumnError(f"column {name!r} of table {table!r} holds no numbers to sum up", column=name)
    if not columns:
        chosen = [name for name in numeric if name not in {*keys, *_NAMES} and frame[name].notna().any()]
    groups = frame.groupby(keys, dropna=False, sort=True)
    found: list[dict[str, Any]] = [
        {
            **dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True)),
            "column": _with_unit(name, _unit(name, rows, mixed, group)),
            **_statistics(group, name),
        }
        for key, group in groups
        for name in chosen
    ]
    result = pd.DataFrame(found, columns=[*keys, *_DESCRIPTIONS])
    infos = {name: rows.columns[name] for name in keys if name in rows.columns}
    infos |= {name: ColumnInfo(name, "", "", said) for name, said in _DESCRIPTIONS.items()}
    return replace(
        rows,
        info=replace(rows.info, columns=list(infos.values()), rows=len(result)),
        frame=result,
        total=len(result),
        columns=infos,
        paths=None,
        names=None,
        chosen=True,
        summed="column",
    )


def _statistics(group: pd.DataFrame, name: str) -> dict[str, Any]:
    present = group[group[name].notna()]
    values = present[name].astype(float)
    images = present[IMAGE_ID].nunique() if IMAGE_ID in present.columns else None
    return {
        "n": len(values),
        "images": images,
        "mean": values.mean(),
        "median": values.median(),
        "sd": values.std(),
        "min": values.min(),
        "max": values.max(),
    }


def _unit(name: str, rows: Rows, mixed: Mapping[str, ColumnInfo], group: pd.DataFrame) -> str:
    if name in mixed:
        return "".join(units_in(mixed[name], group))
    return rows.columns[name].unit if name in rows.columns else ""


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
