"""Those who follow what happens to tables; each is called on its own, and harms nobody."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kymflow.core.plugins.faults import in_words, warn_of
from kymflow.core.plugins.hooking import TABLE_UPDATED, HookedPlugin
from kymflow.core.plugins.process_state import told_process_state

if TYPE_CHECKING:
    from kymflow.core.runs.reports import UpdateReport


class Observer:
    """A plugin with the hook ``kymflow_table_updated``.

    Parameters
    ----------
    plugin : HookedPlugin
        The plugin.
    origin : str
        Where it comes from, in words.
    """

    def __init__(self, plugin: HookedPlugin, origin: str) -> None:
        self.plugin = plugin
        self.origin = origin

    def call(self, dataset: str, table_name: str, report: UpdateReport) -> str:
        """Tell it of a table; return why that failed, or empty text."""
        try:
            # A copy, so that none can spoil the report for the others.
            copied = copy.deepcopy(report)
            with told_process_state(f"{self.origin}: its hook {TABLE_UPDATED}"):
                self.plugin.call(TABLE_UPDATED, dataset=dataset, table_name=table_name, report=copied)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001
            return (
                f"{self.origin}: its hook {TABLE_UPDATED} failed for table {table_name!r} of {dataset}: "
                f"{in_words(error)}. The table is as it should be."
            )
        return ""


def tell_all(observers: Iterable[Observer], dataset: str, table_name: str, report: UpdateReport) -> None:
    """Call every observer, in order; then warn of those that failed."""
    failures = [observer.call(dataset, table_name, report) for observer in observers]
    for failure in filter(None, failures):
        warn_of(failure, stacklevel=2)
