"""A record's attributes: a record is there as soon as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kymflow_zarr import layout
from kymflow_zarr.formats.arrays import ARRAY_DOCUMENT
from kymflow_zarr.formats.documents import json_to_bytes
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT, read_group, write_group
from kymflow_zarr.formats.ngff import ImageAxes, describe
from kymflow_zarr.store.base import Store, StoreReader


def utc_now() -> str:
    """Return the present time as ISO 8601 text, to the second, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_attrs(
    store: Store,
    prefix: str,
    axes: ImageAxes,
    zarr_format: int,
    extra: dict[str, Any] | None = None,
    *,
    without: Sequence[str] = (),
) -> None:
    """Write a record's attributes, after which the record is there; others than `without` are kept."""
    attrs = new_attrs(store, prefix, axes, zarr_format, extra)
    left = {name: value for name, value in attrs.items() if name not in without}
    write_group(store, prefix, left, zarr_format)


def add_attrs(store: Store, prefix: str, zarr_format: int, extra: dict[str, Any]) -> None:
    """Write more attributes of a record that is there; all others are kept as they are."""
    group = read_group(store, prefix)
    if group is not None:
        write_group(store, prefix, {**group.attrs, **extra}, zarr_format)


def new_attrs(
    store: StoreReader, prefix: str, axes: ImageAxes, zarr_format: int, extra: dict[str, Any] | None
) -> dict[str, Any]:
    """Return what a record's attributes will be.

    Raises
    ------
    ValueError
        JSON cannot hold an attribute.
    """
    group = read_group(store, prefix)
    before = group.attrs if group else {}
    now = utc_now()
    attrs = {"created_utc": now, **before, **(extra or {}), "updated_utc": now}
    attrs = describe(attrs, axes, zarr_format, prefix.rpartition("/")[2])
    json_to_bytes(attrs)
    return attrs


def delete_record(store: Store, image_id: str, zarr_format: int) -> None:
    """Delete an image, so that nobody meets half of one: at once, or what it is known by first."""
    prefix = layout.record_prefix(image_id)
    # Without its document, nobody takes deleted chunks of an array for empty ones.
    first = [ATTRS_DOCUMENT[zarr_format], f"data/{ARRAY_DOCUMENT[zarr_format]}"]
    store.delete_tree(prefix, first=first)
