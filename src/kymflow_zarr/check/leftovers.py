"""What interrupted writes left: found, swept, or put back where it is still wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kymflow_zarr import layout
from kymflow_zarr.check.problems import Problem
from kymflow_zarr.formats import arrays
from kymflow_zarr.store.base import Fingerprint, Store, StoreReader

# A temporary file younger than this may belong to a write that is under way.
LEFTOVER_AGE_S = 600.0


def under_way(store: StoreReader) -> set[str]:
    """Return the images in whose folders somebody is writing, as young temporary files tell."""
    below = f"{layout.IMAGES}/"
    found = [one.key[len(below) :].split("/") for one in store.leftovers() if _is_young(store, one)]
    return {image_id for image_id, *rest in found if rest}


def _is_young(store: StoreReader, found: Fingerprint) -> bool:
    return found.mtime_ns > store.now_ns() - LEFTOVER_AGE_S * 1e9


def find_leftovers(store: StoreReader, zarr_format: int) -> tuple[list[Problem], list[str]]:
    """Return what interrupted writes left, and which of it nobody needs any more."""
    problems = []
    sweepable = []
    document = arrays.ARRAY_DOCUMENT[zarr_format]
    for found in store.leftovers():
        if _is_young(store, found):
            continue
        tree = _array_beside(found.key)
        if tree and store.exists(f"{found.key}/{document}") and not store.exists(f"{tree}/{document}"):
            message = (
                f"{found.key!r} holds a whole array, and there is none at {tree!r}: a replacement was "
                "interrupted. A check with repair puts it back, or rename the folder to 'data'."
            )
        else:
            message = f"{found.key!r} was left by an interrupted write; nothing needs it."
            sweepable.append(found.key)
        problems.append(Problem("leftover", message, key=found.key))
    return problems, sweepable


def _array_beside(key: str) -> str:
    """Return the array that lies beside a leftover, or would; empty where none can be."""
    folder = key.rpartition("/")[0]
    return f"{folder}/data" if folder.startswith(f"{layout.IMAGES}/") else ""


def put_back(store: Store, zarr_format: int, problems: Sequence[Problem]) -> list[Problem]:
    """Put back arrays that interrupted replacements have moved away, and note which problems that repairs."""
    document = arrays.ARRAY_DOCUMENT[zarr_format]
    away = {one.key for one in problems if one.kind == "unreadable pixels"}
    away |= {_array_beside(one.key) for one in problems if one.kind == "leftover"}
    back = {tree for tree in sorted(filter(None, away)) if store.put_back_tree(tree, document)}

    def is_repaired(problem: Problem) -> bool:
        if problem.kind == "leftover":
            return _array_beside(problem.key) in back and not store.exists(f"{problem.key}/{document}")
        return problem.kind == "unreadable pixels" and problem.key in back

    return [replace(one, repaired=True) if is_repaired(one) else one for one in problems]
