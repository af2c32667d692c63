"""All readers together: kymflow's own, and those beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import IndexerRegistry, KymDataset, PluginWarning, SourceImage, __version__
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


# In an ingest


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("a.scan", "b.scan"):
        (folder / name).write_text("1 2\n3 4\n", "utf-8")
    return folder


def test_an_ingest_reads_files_by_the_registrys_readers(tmp_path: Path, scans: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry_of(ScanReader()))

    report = kd.ingest_folder(scans)

    assert (len(report.new), report.failed) == (2, {})
    assert kd.ds.record(report.new[0]).load_array().tolist() == [[1, 2], [3, 4]]


def test_the_dataset_below_reads_them_the_same_way(tmp_path: Path, scans: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry_of(ScanReader()))

    assert len(kd.ds.refresh_from_folder(scans)) == 2


def test_a_reader_that_raises_spoils_its_one_file(tmp_path: Path, scans: Path) -> None:
    class Picky(ScanReader):
        def read(self, primary: Path) -> SourceImage:
            if primary.name == "a.scan":
                raise RuntimeError("not this one")
            return super().read(primary)

    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry_of(Picky("picky", 1), ScanReader()))

    report = kd.ingest_folder(scans)

    assert len(report.new) == 1
    (cause,) = report.failed.values()
    assert "RuntimeError: not this one" in cause


def test_two_of_the_same_priority_fail_the_file_and_no_other(tmp_path: Path, scans: Path) -> None:
    class OneFile(ScanReader):
        def matches(self, path: Path) -> bool:
            return path.name == "a.scan"

    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry_of(OneFile("one"), ScanReader("two")))

    report = kd.ingest_folder(scans)

    assert len(report.new) == 1
    (source, cause) = next(iter(report.failed.items()))
    assert source == "a.scan"
    assert "readers 'one' and 'two' both take it, with priority 0" in cause
