"""An artifact taken away, emptied or spoiled: what happens to files in a lab."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from kymflow_zarr.store.base import Store

Damage = Literal["missing", "empty", "malformed"]
KINDS: tuple[Damage, ...] = get_args(Damage)


def damage_artifact(store: Store, key: str, kind: Damage) -> None:
    """Damage what is at a key.

    Parameters
    ----------
    store : Store
        Where it is.
    key : str
        Its key, ``images/<image_id>/analysis/...``.
    kind : {"missing", "empty", "malformed"}
        Deleted; a table without rows, a list or object without members; cut off in the middle.
    """
    if kind == "missing":
        store.delete(key)
        return
    data = store.read(key)[0]
    store.put(key, emptied(key, data) if kind == "empty" else cut_off(key, data))


def emptied(key: str, data: bytes) -> bytes:
    """Return a table without rows and with the same columns, or JSON without members."""
    from kymflow_zarr.formats import documents, frames

    if key.endswith(".parquet"):
        return frames.arrow_to_parquet(frames.parquet_to_arrow(data).slice(0, 0))
    if key.endswith(".csv.gz"):
        return documents.frame_to_csv_gz(documents.csv_to_frame(documents.gunzip(data)).iloc[:0])
    compressed = key.endswith(".gz")
    content = documents.bytes_to_json(documents.gunzip(data) if compressed else data)
    nothing = b"[]" if isinstance(content, list) else b"{}"
    return gzip.compress(nothing) if compressed else nothing


def cut_off(key: str, data: bytes) -> bytes:
    """Return the first half, as a full disk leaves it; nothing that can be read as what it was."""
    half = data[: len(data) // 2]
    # Half of a short JSON document can be one itself: half of 12 is 1.
    return b"{" + half if key.endswith(".json") else half


def as_text(key: str, data: bytes) -> bytes | None:
    """Return JSON of another shape, a text instead of an object or list; None where it is neither."""
    from kymflow_zarr.formats import documents

    if not key.endswith((".json", ".json.gz")):
        return None
    compressed = key.endswith(".gz")
    content = documents.bytes_to_json(documents.gunzip(data) if compressed else data)
    if not isinstance(content, dict | list):
        return None
    return gzip.compress(b'"damaged"') if compressed else b'"damaged"'
