"""What the dataset holds now: images and artifacts, listed once, and tables as they are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from kymflow.core.zarr.tables.ledger_file import image_ids_in
from kymflow.core.zarr.tables.state import TableState, find_state
from kymflow_zarr import layout
from kymflow_zarr.errors import StoreError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Survey

logger = logging.getLogger(__name__)


class Looks:
    """What refreshes of some tables start from: images, listed once for all, and each table in its turn.

    Parameters
    ----------
    ds : ZarrDataset
        The dataset.
    states : iterator of TableState or None
        Tables that are being read ahead, in the order in which they will be asked for.
    give_up : callable
        Ends that.

    Attributes
    ----------
    survey : Survey
        Which images and artifacts there are.
    """

    def __init__(
        self, ds: ZarrDataset, states: Iterator[TableState | None], give_up: Callable[[], None]
    ) -> None:
        self._ds = ds
        self._states = states
        self._give_up = give_up
        self._first: list[TableState | None] = []
        self.survey = ds.survey(self._likely)

    def _likely(self) -> Sequence[str]:
        """Return ids of images that are probably there; the first table's ledger may tell them."""
        self._first = list(islice(self._states, 1))
        state = self._first[0] if self._first else None
        return _expected(self._ds) if state is None or state.ledger is None else list(state.ledger)

    def table(self, table_name: str) -> TableState | None:
        """Return the next table as it is, or was when the images were listed; None if there is none."""
        read = self._first or list(islice(self._states, 1))
        self._first = []
        return read[0] if read else find_state(self._ds.store, table_name)

    def forget(self) -> None:
        """Let go of what was read ahead: by the time that there is a turn for it, it is of old."""
        self._give_up()
        self._first, self._states = [], iter(())


@contextmanager
def look(ds: ZarrDataset, table_names: Sequence[str]) -> Iterator[Looks]:
    """Look at what there is, to refresh these tables one after the other.

    Where the dataset is far away, they are read beside the listing, and before their turn.
    """
    with ExitStack() as reading:
        states = reading.enter_context(ds.store.ahead(partial(find_state, ds.store), table_names))
        yield Looks(ds, states, reading.close)


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
        ledgers = [found for found in ds.store.list(layout.INDEX) if layout.is_ledger_key(found.key)]
        if not ledgers:
            return []
        data, _ = ds.store.read(max(ledgers, key=lambda found: found.size).key)
        return image_ids_in(data)
    except (StoreError, FileNotFoundError, pa.ArrowException, OSError, KeyError, ValueError) as error:
        # Whether the ledger is any good is asked, and told, by whoever makes use of what it says.
        logger.info("no ledger of %s tells which images to expect: %s", ds.path, error)
        return []
