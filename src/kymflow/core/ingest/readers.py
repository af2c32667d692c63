"""All readers of source files: those that come with kymflow, and those of plugins and programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kymflow.core.ingest.acqstore import AcqStoreReader
from kymflow.core.ingest.desktop import DesktopReader
from kymflow.core.ingest.olympus_reader import OlympusReader
from kymflow.core.plugins.faults import warn_of
from kymflow.core.plugins.info import ReaderInfo
from kymflow.core.plugins.readers import describe_reader
from kymflow.core.plugins.registry import IndexerRegistry
from kymflow_zarr import SourceReader


def builtin_readers() -> list[SourceReader]:
    """Return the readers of the formats that kymflow knows by itself."""
    return [DesktopReader(), OlympusReader(), AcqStoreReader()]


def list_readers(registry: IndexerRegistry) -> Sequence[ReaderInfo]:
    """Return what is known of all readers, kymflow's own first.

    One of a plugin or a program that has the name of kymflow's own is in conflict: it is not used.
    """
    from kymflow import __version__

    own = ReaderInfo(name="", distribution="kymflow", version=__version__)
    builtin = [describe_reader(reader, own) for reader in builtin_readers()]
    taken = {info.name.casefold() for info in builtin}
    return [
        *builtin,
        *(
            replace(info, status="conflict", error=f"kymflow's own reader has the name {info.name!r}, too")
            if info.status == "ok" and info.name.casefold() in taken
            else info
            for info in registry.list_readers()
        ),
    ]


def usable_readers(registry: IndexerRegistry) -> list[SourceReader]:
    """Return the readers that can be used, kymflow's own first; warn of those that have a name of these."""
    builtin = builtin_readers()
    taken = {reader.name.casefold() for reader in builtin}
    others = registry.readers()
    for reader in others:
        if reader.name.casefold() in taken:
            warn_of(
                f"reader {reader.name!r} cannot be used: kymflow's own reader has that name, too",
                stacklevel=2,
            )
    return [*builtin, *(reader for reader in others if reader.name.casefold() not in taken)]
