"""Readers of source files: from plugins and programs, broken ones, and those that clash."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from kymflow import (
    IndexerRegistry,
    InvalidReaderError,
    KymDataset,
    PluginError,
    PluginWarning,
    ReaderInfo,
    UnknownReaderError,
    get_registry,
    hookimpl,
)
from kymflow.core.plugins.readers import describe_reader
from kymflow.core.plugins.switches import Switches
from support.plugin_makers import (
    BUILTIN,
    Install,
    ScanReader,
    StallIndexer,
    infos,
    offering,
    offering_readers,
    reader_infos,
)
from support.simple_indexers import write_distribution


def reader_like(**members: object) -> SimpleNamespace:
    """A good reader, with other members."""
    good = ScanReader()
    return SimpleNamespace(
        **{"name": "scan", "matches": good.matches, "files": good.files, "read": good.read, **members}
    )


# What a plugin may offer


def test_a_plugin_may_offer_readers_alone(install: Install) -> None:
    registry = IndexerRegistry([install("lab", kymflow_readers=offering_readers(ScanReader(priority=3)))])

    assert registry.list_readers() == [
        ReaderInfo("scan", 3, "Line scans in an invented text format.", entry_point="lab = plugin_lab")
    ]
    assert [reader.name for reader in registry.readers()] == ["scan"]
    assert registry.list() == []
    assert registry.observers() == []


def test_a_plugin_may_offer_indexers_readers_and_an_observer(install: Install) -> None:
    @hookimpl
    def kymflow_table_updated() -> None: ...

    point = install(
        "lab",
        kymflow_indexers=offering(StallIndexer()),
        kymflow_readers=offering_readers(ScanReader()),
        kymflow_table_updated=kymflow_table_updated,
    )
    registry = IndexerRegistry([point])

    assert [info.name for info in registry.list()] == ["stalls"]
    assert [info.name for info in registry.list_readers()] == ["scan"]
    assert len(registry.observers()) == 1


def test_readers_come_in_the_order_of_their_names(install: Install) -> None:
    registry = IndexerRegistry(
        [
            install("one", kymflow_readers=offering_readers(ScanReader("z"), ScanReader("b"))),
            install("two", kymflow_readers=offering_readers(ScanReader("c"))),
        ]
    )
    registry.register_reader(ScanReader("a"))

    assert [reader.name for reader in registry.readers()] == ["a", "b", "c", "z"]
    assert [info.name for info in registry.list_readers()] == ["a", "b", "c", "z"]


@pytest.mark.parametrize(
    "answer", [lambda: ScanReader(), lambda: iter([ScanReader()])], ids=["one", "iterator"]
)
def test_one_reader_or_an_iterator_may_stand_without_a_list(install: Install, answer: object) -> None:
    found = reader_infos(install("lab", kymflow_readers=hookimpl(answer)))

    assert found["scan"].status == "ok"


def test_a_reader_says_which_distribution_brought_it(site: Path) -> None:
    write_distribution(site, "lab-readers", "0.3", "lab = lab_readers")
    (site / "lab_readers.py").write_text(
        "from kymflow import hookimpl\n"
        "from support.plugin_makers import ScanReader\n"
        "@hookimpl\n"
        "def kymflow_readers():\n"
        "    return [ScanReader()]\n",
        "utf-8",
    )

    (info,) = get_registry().list_readers()

    assert (info.origin, info.entry_point, info.status) == ("lab-readers 0.3", "lab = lab_readers", "ok")


# What is broken

MEMBERS: dict[str, tuple[object, str]] = {
    "junk": (5, r"'int' \(int\) is no SourceReader: it lacks name, matches, files, read"),
    "a class": (ScanReader, r"got the class itself; pass an instance, ScanReader\(\)"),
    "a lacking member": (
        SimpleNamespace(name="scan", read=print),
        r"reader 'scan' \(SimpleNamespace\) is no SourceReader: it lacks matches, files",
    ),
    "no method": (reader_like(files=[]), "reader 'scan': files must be a method"),
    "no text as name": (reader_like(name=7), "name must be printable text without blanks around it, got 7"),
    "an empty name": (reader_like(name=""), "name must be printable text without blanks around it, got ''"),
    "a blank name": (reader_like(name=" "), "name must be printable text without blanks around it, got ' '"),
    "a name of two lines": (reader_like(name="a\nb"), "name must be printable text"),
    "a name that is no UTF-8": (reader_like(name="a\ud800"), "name must be printable text"),
    "a priority in words": (reader_like(priority="high"), "priority must be a whole number, got 'high'"),
    "half a priority": (reader_like(priority=0.5), "priority must be a whole number, got 0.5"),
    "a priority of yes": (reader_like(priority=True), "priority must be a whole number, got True"),
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_what_does_not_keep_to_the_contract_is_broken_and_the_others_work(
    install: Install, kind: str
) -> None:
    reader, cause = MEMBERS[kind]
    good = install("good", kymflow_readers=offering_readers(ScanReader()))
    registry = IndexerRegistry([install("lab", kymflow_readers=offering_readers(reader)), good, BUILTIN])

    with pytest.warns(PluginWarning, match=f"plugin 'lab = plugin_lab' cannot be used: .*{cause}"):
        lab, scan = registry.list_readers()

    assert (lab.name, lab.status, lab.entry_point) == ("lab", "broken", "lab = plugin_lab")
    assert lab.error.startswith("InvalidReaderError: reader ")
    assert "Traceback" in lab.traceback
    assert (scan.name, scan.status) == ("scan", "ok")
    assert [reader.name for reader in registry.readers()] == ["scan"]
    # It offers no indexers, so none of those is called broken.
    assert [info.name for info in registry.list()] == ["images", "radon_report", "velocity_events"]
    with pytest.raises(InvalidReaderError, match=cause):
        registry.register_reader(reader)  # type: ignore[arg-type]


HOOKS = {
    "raises": ("raise ValueError('in the hook')", "ValueError: in the hook"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "returns nothing": (
        "return None",
        r"kymflow_readers\(\) of 'plugin_lab' must return a list of readers, got",
    ),
    "returns junk": ("return 'junk'", "must return a list of readers, got 'junk'"),
    "never ends": (
        "from itertools import repeat; return repeat(5)",
        "gives more than 1000 readers",
    ),
    "gives one twice": (
        "from support.plugin_makers import ScanReader; return [ScanReader(), ScanReader('Scan')]",
        "offers two readers that claim the name 'scan': 'scan' and 'Scan'; each must be there once",
    ),
}


@pytest.mark.parametrize("kind", HOOKS)
def test_a_hook_that_fails_breaks_its_plugin_alone(written: Install, kind: str) -> None:
    body, cause = HOOKS[kind]
    code = f"from kymflow import hookimpl\n@hookimpl\ndef kymflow_readers():\n    {body}\n"
    registry = IndexerRegistry([written("lab", code), BUILTIN])

    with pytest.warns(PluginWarning, match=cause):
        (lab,) = registry.list_readers()

    assert lab.status == "broken"
    assert registry.readers() == []
    assert {info.status for info in registry.list()} == {"ok"}


def test_a_plugin_that_cannot_be_imported_might_have_offered_either(written: Install) -> None:
    registry = IndexerRegistry([written("lab", "import no_such_module_at_all")])

    with pytest.warns(PluginWarning, match="no_such_module_at_all") as warned:
        assert [(info.name, info.status) for info in registry.list_readers()] == [("lab", "broken")]
    assert [(info.name, info.status) for info in registry.list()] == [("lab", "broken")]
    assert len(warned) == 1


def test_an_unmarked_hook_is_told(install: Install) -> None:
    with pytest.warns(
        PluginWarning, match="kymflow_readers of 'plugin_lab' is not marked with @kymflow.hook"
    ):
        found = reader_infos(install("lab", kymflow_readers=lambda: []))
    assert found["lab"].status == "broken"


def test_nothing_is_used_of_a_plugin_whose_readers_are_broken(install: Install) -> None:
    point = install(
        "lab",
        kymflow_indexers=offering(StallIndexer()),
        kymflow_readers=offering_readers(reader_like(name="")),
    )
    with pytest.warns(PluginWarning, match="InvalidReaderError"):
        assert infos(point)["lab"].status == "broken"


def test_broken_indexers_alone_are_not_listed_among_the_readers(install: Install) -> None:
    registry = IndexerRegistry([install("lab", kymflow_indexers=offering(5))])
    with pytest.warns(PluginWarning, match="InvalidIndexerError"):
        assert registry.list_readers() == []
    assert registry.list()[0].status == "broken"


def test_who_ingests_is_told_of_a_broken_reader(install: Install, tmp_path: Path) -> None:
    point = install("lab", kymflow_readers=offering_readers(5))
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=IndexerRegistry([point]))

    with pytest.warns(PluginWarning, match="plugin 'lab = plugin_lab' cannot be used: InvalidReaderError"):
        kd.ingest_folder(tmp_path)


# Two of one name


def test_two_plugins_with_one_name_are_both_in_conflict_and_it_is_told(install: Install) -> None:
    points = [
        install("one", kymflow_readers=offering_readers(ScanReader(), ScanReader("other"))),
        install("two", kymflow_readers=offering_readers(ScanReader("Scan"))),
    ]
    registry = IndexerRegistry(points)

    with pytest.warns(PluginWarning, match="both claim the name 'scan'") as warned:
        found = registry.list_readers()

    assert {info.name: info.status for info in found} == {
        "Scan": "conflict",
        "other": "ok",
        "scan": "conflict",
    }
    assert "entry point 'one = plugin_one'" in found[0].error
    assert "entry point 'two = plugin_two'" in found[0].error
    assert [reader.name for reader in registry.readers()] == ["other"]
    assert len(warned) == 2
    strict = IndexerRegistry(points, switches=Switches(strict=True))
    with pytest.raises(PluginError, match="reader 'scan' cannot be used: .*both claim the name 'scan'"):
        strict.readers()


def test_an_indexer_and_a_reader_may_have_one_name(install: Install) -> None:
    point = install(
        "lab",
        kymflow_indexers=offering(StallIndexer()),
        kymflow_readers=offering_readers(ScanReader("stalls")),
    )
    registry = IndexerRegistry([point])

    assert [info.status for info in (*registry.list(), *registry.list_readers())] == ["ok", "ok"]


# What a program adds


def test_a_program_adds_a_reader_and_takes_it_back() -> None:
    registry = IndexerRegistry(())
    reader = ScanReader()
    registry.register_reader(reader)

    assert registry.readers() == [reader]
    assert registry.list_readers()[0].origin == "this program"
    with pytest.raises(InvalidReaderError, match="reader 'SCAN': this program has already one of that name"):
        registry.register_reader(ScanReader("SCAN"))

    registry.unregister_reader("scan")
    assert registry.readers() == []
    with pytest.raises(UnknownReaderError, match="this program registered no reader named 'scan'"):
        registry.unregister_reader("scan")


def test_a_program_cannot_take_the_name_of_a_plugins_reader(install: Install) -> None:
    registry = IndexerRegistry([install("lab", kymflow_readers=offering_readers(ScanReader()))])

    with pytest.raises(InvalidReaderError, match="reader 'scan': entry point 'lab = plugin_lab' has already"):
        registry.register_reader(ScanReader())


def test_a_reader_without_docstring_and_priority_is_described_all_the_same() -> None:
    info = describe_reader(reader_like(__doc__=None), ReaderInfo(name=""))

    assert (info.name, info.priority) == ("scan", 0)
