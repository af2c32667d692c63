"""All readers together: kymflow's own, and those beside them."""

from __future__ import annotations

import pytest

from kymflow import IndexerRegistry, PluginWarning, __version__
from kymflow.core.ingest.readers import builtin_readers, list_readers, usable_readers
from support.plugin_makers import ScanReader


def registry_of(*readers: ScanReader) -> IndexerRegistry:
    registry = IndexerRegistry(())
    for reader in readers:
        registry.register_reader(reader)
    return registry


def test_kymflows_own_readers_come_first_and_keep_the_contract() -> None:
    found = list_readers(registry_of(ScanReader("a scan")))

    own = len(builtin_readers())
    assert own >= 1
    assert {info.origin for info in found[:own]} == {f"kymflow {__version__}"}
    assert all(info.status == "ok" and info.summary.endswith(".") for info in found[:own])
    assert [info.name for info in found[own:]] == ["a scan"]
    assert len({info.name.casefold() for info in found}) == len(found)


def test_usable_readers_are_kymflows_own_and_the_registrys() -> None:
    scan = ScanReader()

    usable = usable_readers(registry_of(scan))

    assert usable[-1] is scan
    assert [reader.name for reader in usable[:-1]] == [reader.name for reader in builtin_readers()]


def test_a_reader_with_the_name_of_kymflows_own_is_in_conflict_and_not_used() -> None:
    name = builtin_readers()[0].name.upper()
    registry = registry_of(ScanReader(name), ScanReader())

    *_, mine, scan = list_readers(registry)
    assert (mine.name, mine.status, scan.status) == (name, "conflict", "ok")
    assert mine.error == f"kymflow's own reader has the name {name!r}, too"
    with pytest.warns(PluginWarning, match=f"reader {name!r} cannot be used: kymflow's own reader has that"):
        usable = usable_readers(registry)
    assert name not in [reader.name for reader in usable]
    assert usable[-1].name == "scan"
