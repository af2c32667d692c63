"""Images whose source file is gone from its folder, and those of which nobody can tell."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.moves import is_there


@dataclass(frozen=True)
class GoneSources:
    """Images whose source file is not where it was.

    Attributes
    ----------
    gone : dict of str to str
        Path of the source, by image id, where the folder is there without it.
    unsure : dict of str to list of str
        Image ids by the reason why nobody can tell: the folder is not there, or is empty, as it is
        where a disk is not mounted.
    """

    gone: dict[str, str] = field(default_factory=dict)
    unsure: dict[str, list[str]] = field(default_factory=dict)


def find_gone(rows: Iterable[SourceRow], image_ids: Collection[str]) -> GoneSources:
    """Look which of these images have lost their source file; nothing is read."""
    found = GoneSources()
    there = set(image_ids)
    for row in rows:
        if row.image_id not in there or is_there(row.path):
            continue
        reason = _why_unsure(row)
        if reason:
            found.unsure.setdefault(reason, []).append(row.image_id)
        else:
            found.gone[row.image_id] = row.path
    return found


def _why_unsure(row: SourceRow) -> str:
    """Say why a file may be out of reach only; empty if its folder shows that it is gone."""
    if not os.path.isdir(row.root):
        return f"the folder {row.root} is not there"
    folder = os.path.dirname(row.path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    try:
        with os.scandir(folder) as entries:
            return "" if any(entries) else f"the folder {folder} is empty; its disk may not be mounted"
    except OSError as error:
        return f"the folder {folder} cannot be looked into: {error.strerror}"
