"""A record's attributes: a record is there as soon as they are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kymflow_zarr import layout
from kymflow_zarr.formats.documents import json_to_bytes
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT, read_group, write_group
from kymflow_zarr.formats.ngff import ImageAxes, describe
from kymflow_zarr.store.base import Store, StoreReader


def utc_now() -> str:
    """Return the present time as ISO 8601 text, to the second, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_attrs(
    store: Store, prefix: str, axes: ImageAxes, zarr_format: int, extra: dict[str, Any] | None = None
) -> None:
    """Write a record's attributes, after which the record is there; other attributes are kept."""
    write_group(store, prefix, new_attrs(store, prefix, axes, zarr_format, extra), zarr_format)


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
    """Delete an image; it stops being a record first, so that nobody meets half of one."""
    prefix = layout.record_prefix(image_id)
    store.discard(f"{prefix}/{ATTRS_DOCUMENT[zarr_format]}")
    store.delete_tree(prefix)
