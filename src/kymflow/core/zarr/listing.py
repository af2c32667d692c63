"""What the dataset holds now: images and artifacts, listed once, and tables as they are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kymflow.core.zarr.ledger_file import image_ids_in
from kymflow.core.zarr.table_state import TableState, find_state
from kymflow_zarr import layout
from kymflow_zarr.errors import StoreError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store import Survey

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What a refresh of a table starts from.

    Attributes
    ----------
    survey : Survey
        Which images and artifacts there are.
    state : TableState or None
        The table with its ledger; None if there is no readable one.
    """

    survey: Survey
    state: TableState | None


def look(ds: ZarrDataset, table_names: Sequence[str]) -> Generator[Found, None, None]:
    """Yield for each table, in order, what there is; images are listed once for all of them.

    Where the dataset is far away, tables are read beside the listing, and before their turn. Whoever
    commits to one reads it again.
    """
    asks: list[Callable[[], Any]] = [partial(survey, ds)]
    asks += [partial(find_state, ds.store, name) for name in table_names]
    with closing(ds.store.ahead(_answer, asks)) as answers:
        there = next(answers)
        for state in answers:
            yield Found(there, state)


def _answer(ask: Callable[[], Any]) -> Any:
    return ask()


def survey(ds: ZarrDataset) -> Survey:
    """List all images and their artifacts; a ledger may tell beforehand which images to expect."""
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
