"""Plugins that want the same: all are in conflict, none is preferred, and everything else works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kymflow import (
    IndexerRegistry,
    InvalidIndexerError,
    KymDataset,
    PluginWarning,
    UnknownIndexerError,
    get_registry,
)
from support.plugin_makers import BUILTIN, Install, infos, write_indexers
from support.simple_indexers import FrameIndexer, write_distribution
from support.table_indexers import FromTables


def test_two_that_claim_one_name_are_both_in_conflict_and_neither_is_preferred(install: Install) -> None:
    one = install("one", "target", target=FrameIndexer({}, name="stalls", table_name="one"))
    two = install("two", "target", target=FrameIndexer({}, name="stalls", table_name="two"))
    registry = IndexerRegistry([one, two, BUILTIN])

    assert [(info.name, info.status) for info in registry.list()] == [
        ("images", "ok"),
        ("radon_report", "ok"),
        ("stalls", "conflict"),
        ("stalls", "conflict"),
        ("velocity_events", "ok"),
    ]
    with pytest.raises(UnknownIndexerError, match="'stalls'.*\\(conflict\\): .*both claim the name 'stalls'"):
        registry.get("stalls")
    assert [indexer.name for indexer in registry.indexers()] == ["images", "radon_report", "velocity_events"]


def test_two_that_claim_one_table_are_in_conflict(install: Install) -> None:
    one = install("one", "target", target=FrameIndexer({}, name="one", table_name="Stalls"))
    two = install("two", "target", target=FrameIndexer({}, name="two", table_name="stalls"))
    found = infos(one, two)

    assert {info.status for info in found.values()} == {"conflict"}
    assert "both claim the table 'stalls'; uninstall one of them" in found["one"].error


@pytest.fixture
def rivals(site: Path) -> Path:
    """Two distributions that both offer ``stalls``, and one of them also ``flow``; and the built-in one."""
    for name, *indexers in (("lab-one", "stalls", "flow"), ("lab-two", "stalls")):
        module = f"{name.replace('-', '_')}_indexers"
        write_distribution(site, name, "1.0", f"lab = {module}")
        write_indexers(site, module, *indexers)
    return site


WHO = r"lab-one 1\.0 and lab-two 1\.0 both claim the name 'stalls'"
HOW = (
    "uninstall one of them, or switch it off with "
    "KYMFLOW_DISABLE_PLUGINS=lab-one or KYMFLOW_DISABLE_PLUGINS=lab-two"
)


def test_using_what_two_distributions_claim_names_both_and_says_what_to_do(
    rivals: Path, kd: KymDataset
) -> None:
    kd = KymDataset(kd.ds)
    for use in (kd.rebuild, kd.refresh, kd.plan, kd.registry.get):
        with pytest.raises(UnknownIndexerError, match=f"{WHO}; {HOW}"):
            use("stalls")
    with pytest.raises(UnknownIndexerError, match=WHO):
        kd.update_image("stalls", "a")


def test_every_other_table_works(rivals: Path, kd: KymDataset) -> None:
    kd = KymDataset(kd.ds)
    assert sorted(kd.rebuild_all()) == ["flow", "images", "radon_report", "velocity_events"]
    assert sorted(kd.refresh_all()) == ["flow", "images", "radon_report", "velocity_events"]
    assert [(info.name, info.status) for info in kd.registry.list()] == [
        ("flow", "ok"),
        ("images", "ok"),
        ("radon_report", "ok"),
        ("stalls", "conflict"),
        ("stalls", "conflict"),
        ("velocity_events", "ok"),
    ]


def test_what_the_message_advises_helps(rivals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGINS", "lab-two")

    (stalls,) = [info for info in get_registry().list() if info.name == "stalls"]

    assert (stalls.status, stalls.distribution) == ("ok", "lab-one")


def test_one_module_that_two_distributions_register_is_in_conflict(site: Path) -> None:
    write_distribution(site, "lab-copy", "1.0", "copy = kymflow_indexers_builtin")

    found = get_registry().list()

    assert [info.status for info in found] == ["conflict"] * 6
    assert "kymflow-indexers-builtin 1.0.0 and lab-copy 1.0 both claim the name" in found[0].error


def test_two_entry_points_of_one_distribution_are_told_apart(site: Path) -> None:
    write_distribution(site, "lab-one", "1.0", "new = lab_new", "old = lab_old")
    for module in ("lab_new", "lab_old"):
        write_indexers(site, module, "stalls")

    with pytest.raises(
        UnknownIndexerError,
        match=r"lab-one 1\.0 \(new = lab_new\) and lab-one 1\.0 \(old = lab_old\) both claim.*"
        "KYMFLOW_DISABLE_PLUGINS=new or KYMFLOW_DISABLE_PLUGINS=old",
    ):
        get_registry().get("stalls")


def test_names_that_differ_by_case_only_are_in_conflict(install: Install) -> None:
    found = infos(
        install("one", "target", target=FrameIndexer({}, name="Stalls", table_name="one")),
        install("two", "target", target=FrameIndexer({}, name="stalls", table_name="two")),
    )

    assert {info.status for info in found.values()} == {"conflict"}
    assert "both claim the name 'stalls' (spelt 'Stalls', 'stalls')" in found["stalls"].error


def test_tables_that_are_named_the_same_on_disk_are_in_conflict(install: Install) -> None:
    found = infos(
        install("one", "target", target=FrameIndexer({}, name="one", table_name="Mean-Flow")),
        install("two", "target", target=FrameIndexer({}, name="two", table_name="mean flow")),
        install("three", "target", target=FrameIndexer({}, name="three", table_name="méan_flow")),
    )

    assert {info.status for info in found.values()} == {"conflict"}
    assert "all claim the table 'mean_flow'; uninstall all but one" in found["two"].error


def test_an_indexer_in_two_conflicts_says_both(install: Install) -> None:
    found = infos(
        install("one", "target", target=FrameIndexer({}, name="one", table_name="x")),
        install("two", "target", target=FrameIndexer({}, name="one", table_name="y")),
        install("three", "target", target=FrameIndexer({}, name="three", table_name="y")),
    )

    assert re.search(r"both claim the table 'y'", found["three"].error)
    errors = " ".join(info.error for info in found.values())
    assert "both claim the name 'one'" in errors


def test_a_broken_plugin_is_in_conflict_with_nobody(install: Install, written: Install) -> None:
    with pytest.warns(PluginWarning, match="on import"):
        found = infos(
            written("stalls", "raise RuntimeError('on import')"),
            install("lab", "target", target=FrameIndexer({}, name="other", table_name="stalls")),
        )

    assert {name: info.status for name, info in found.items()} == {"stalls": "broken", "other": "ok"}


# Tables that wait for each other


RING = (
    "these tables are sources of each other, so that none can be made first: a <- b <- c <- a; take one out"
)


def test_tables_that_wait_for_each_other_are_in_conflict_and_all_others_work(install: Install) -> None:
    ring = [
        install(name, "target", target=FromTables(name, source, "images"))
        for name, source in (("c", "a"), ("a", "b"), ("b", "c"))
    ]
    above = install("d", "target", target=FromTables("d", "a"))
    registry = IndexerRegistry([*ring, above, BUILTIN])

    found = {info.name: info for info in registry.list()}
    assert {name for name, info in found.items() if info.status == "conflict"} == {"a", "b", "c"}
    assert {found[name].error for name in "abc"} == {RING}
    assert found["d"].sources == ("a",)
    with pytest.raises(UnknownIndexerError, match=f"indexer 'a' .*\\(conflict\\): {RING}"):
        registry.get("a")
    assert [one.name for one in registry.indexers()] == ["d", "images", "radon_report", "velocity_events"]


def test_a_ring_of_installed_plugins_is_found_by_name(site: Path, kd: KymDataset) -> None:
    for name, source in (("one", "two"), ("two", "one")):
        write_distribution(site, f"ring-{name}", "1.0", f"lab = ring_{name}:Table")
        code = f"class Table:\n    name = {name!r}\n    sources = ({source!r},)\n"
        (site / f"ring_{name}.py").write_text(
            code + "    def derive(self, tables):\n        return tables[0]\n"
        )
    get_registry.cache_clear()

    for _ in range(2):
        # At first as loaded, then as known.
        installed = KymDataset(kd.ds)
        for use in (installed.refresh, installed.plan):
            with pytest.raises(UnknownIndexerError, match="none can be made first: one <- two <- one"):
                use("two")
        get_registry.cache_clear()


def test_a_program_cannot_close_a_ring() -> None:
    registry = IndexerRegistry(())
    registry.register(FromTables("a", "b"))
    registry.register(FromTables("b", "c"))

    with pytest.raises(InvalidIndexerError, match=f"indexer 'c': {RING}"):
        registry.register(FromTables("c", "a"))
    assert [info.name for info in registry.list()] == ["a", "b"]
