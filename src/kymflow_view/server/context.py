"""What every route needs: the one dataset that is looked at, and whether it may be written."""

from __future__ import annotations

import importlib
import os
import threading
from contextlib import suppress
from functools import cached_property, partial

from kymflow import KymDataset, KymflowError
from kymflow_view.panels.loading import Panels, load_panels
from kymflow_view.pictures.pictures import Pictures
from kymflow_view.server.changes import Changes
from kymflow_view.server.jobs import Jobs
from kymflow_view.tables import Tables

# How often tables are looked at while a page is open; in an object store, each look costs requests.
LOOKED_AT_EVERY_S = 1.0
ASKED_EVERY_S = 5.0
# An image that is being extracted is waited for so long when the server ends.
STOPS_WITHIN_S = 3.0


class Context:
    """The dataset of a viewer.

    Parameters
    ----------
    path : str
        Path or URL of the dataset; it must be there.
    read_only : bool
        Whether nothing is offered that writes.

    Raises
    ------
    DatasetError
        There is no dataset, or one that cannot be used.

    Attributes
    ----------
    path : str
        Path or URL of the dataset.
    writable : bool
        Whether tables can be refreshed and rebuilt.
    tables : Tables
        Tables in memory, by the page.
    stopping : threading.Event
        Set when the server ends: what takes long stops then.
    changes : Changes
        What open pages are told.
    jobs : Jobs
        Refresh and rebuild.
    pictures : Pictures
        Of the images.
    """

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self._thread = threading.local()
        self._given = path
        self.path = self.kd().ds.path
        self.writable = not read_only and _may_be_written(self.path)
        self.tables = Tables(self.kd)
        self.stopping = threading.Event()
        self.changes = Changes(self._versions, ASKED_EVERY_S if self.is_remote else LOOKED_AT_EVERY_S)
        self.jobs = Jobs(self.open_to_write, partial(self.changes.publish, "job", keep=True))
        self.pictures = Pictures(self.kd, on_picture=self._tell_of_picture)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]

    @cached_property
    def panels(self) -> Panels:
        """The panels of installed plugins; loaded when first asked for."""
        return load_panels()

    @property
    def is_remote(self) -> bool:
        """Whether it is in an object store, where each question is a request."""
        return "://" in self.path

    def kd(self) -> KymDataset:
        """Return the dataset of this thread, which only reads; opened when first asked for."""
        if not hasattr(self._thread, "kd"):
            self._thread.kd = KymDataset(self._given, "r")
        kd: KymDataset = self._thread.kd
        return kd

    def warm_up(self) -> None:
        """Load what the first page and the first picture need, while the browser starts.

        What cannot be loaded is told to the page that asks for it.
        """
        with suppress(KymflowError, OSError):
            self.tables.joined("images")
        # Opening the first array would wait for it.
        importlib.import_module("zarr")

    def close(self) -> None:
        """End everything that goes on by itself; what is not finished is as it was."""
        self.stopping.set()
        self.changes.close()
        self.pictures.close()
        self.jobs.close(STOPS_WITHIN_S)

    def open_to_write(self) -> KymDataset:
        """Open the dataset once more, to write its tables."""
        return KymDataset(self._given, "r+")

    def _tell_of_picture(self, image_id: str) -> None:
        self.changes.publish("picture", {"image_id": image_id})

    def _versions(self) -> dict[str, str | None]:
        kd = self.kd()
        return {name: kd.table_version(name) for name in kd.ds.list_table_names()}


def _may_be_written(path: str) -> bool:
    if "://" in path:
        # Only a write would tell; where it is denied, the job says so.
        return True
    folders = [path, os.path.join(path, "tables")]
    return all(os.access(folder, os.W_OK) for folder in folders if os.path.isdir(folder))
