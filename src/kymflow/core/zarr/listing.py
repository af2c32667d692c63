"""What the dataset holds now, listed once; a ledger may tell beforehand which images to expect."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from kymflow.core.zarr.ledger_file import image_ids_in
from kymflow_zarr import layout
from kymflow_zarr.errors import StoreError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store import Survey

logger = logging.getLogger(__name__)


def survey(ds: ZarrDataset) -> Survey:
    """List all images and their artifacts."""
    return ds.survey(lambda: _expected(ds))


def list_images(ds: ZarrDataset) -> tuple[Sequence[str], Survey | None]:
    """Return the ids of all images, and what else the medium told of them on that occasion."""
    if not ds.store.lists_all_for_names:
        return ds.list_image_ids(), None
    found = survey(ds)
    return found.names, found


def _expected(ds: ZarrDataset) -> Sequence[str]:
    """Return ids of images that the largest ledger speaks of; none if there is none that can be read."""
    try:
        ledgers = list(ds.store.list(layout.INDEX))
        if not ledgers:
            return []
        data, _ = ds.store.read(max(ledgers, key=lambda found: found.size).key)
        return [image_id for image_id in image_ids_in(data) if layout.is_name(image_id)]
    except (StoreError, FileNotFoundError, pa.ArrowException, OSError, KeyError, ValueError) as error:
        # Whether the ledger is any good is asked, and told, by whoever makes use of what it says.
        logger.info("no ledger of %s tells which images to expect: %s", ds.path, error)
        return []
