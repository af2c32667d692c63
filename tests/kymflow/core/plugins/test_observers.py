"""Observers: who follows changes of tables, when they are told, and that none can do harm."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest

from kymflow import (
    IndexerRegistry,
    KymDataset,
    PluginError,
    PluginWarning,
    UpdateReport,
    get_registry,
    hookimpl,
)
from support.plugin_makers import BUILTIN, Install
from support.simple_indexers import FrameIndexer, frame, write_distribution

Told = list[tuple[str, str, UpdateReport]]


class Follower:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: Told = []

    @hookimpl
    def kymflow_table_updated(self, dataset: str, table_name: str, report: UpdateReport) -> None:
        self.told.append((dataset, table_name, report))

    @property
    def tables(self) -> list[str]:
        return [table_name for _, table_name, _ in self.told]


class Failing:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    @hookimpl
    def kymflow_table_updated(self, report: UpdateReport) -> None:
        report.updated.clear()
        raise self.error


@pytest.fixture
def follower(kd: KymDataset) -> Follower:
    """An observer in the registry of ``kd``."""
    follower = Follower()
    kd.registry.register_observer(follower)
    return follower


# When they are told


def test_a_rebuild_is_told_with_dataset_table_and_report(kd: KymDataset, follower: Follower) -> None:
    kd.rebuild("velocity_events")

    ((dataset, table_name, report),) = follower.told
    assert (dataset, table_name) == (kd.ds.path, "velocity_events")
    assert isinstance(dataset, str)
    assert report == kd.reports["velocity_events"]
    assert report.updated == ["a", "b", "c"]


def test_the_file_is_there_when_they_are_told(kd: KymDataset) -> None:
    rows = []

    class Reader:
        @hookimpl
        def kymflow_table_updated(self, dataset: str, table_name: str) -> None:
            rows.append(len(KymDataset(dataset, "r", registry=IndexerRegistry(())).get_table(table_name)))

    kd.registry.register_observer(Reader())
    kd.rebuild("velocity_events")

    assert rows == [2]


def test_updates_refreshes_and_ingests_are_told_where_they_change_a_file(
    kd: KymDataset, follower: Follower, tmp_path: Path
) -> None:
    kd.rebuild_all()
    assert follower.tables == ["radon_report", "velocity_events"]

    kd.ds.record("b").save_df_parquet("velocity_events", frame(roi_id=[1], kind=["stall"]))
    kd.update_image("velocity_events", "b")
    assert follower.tables[2:] == ["velocity_events"]
    assert follower.told[2][2].updated == ["b"]

    kd.ds.delete_image("b")
    kd.refresh_all()
    assert follower.tables[3:] == ["radon_report", "velocity_events"]
    assert follower.told[3][2].removed == ["b"]

    folder = tmp_path / "folder"
    folder.mkdir()
    kd.ingest_folder(folder)
    assert len(follower.told) == 5


def test_a_refresh_that_writes_nothing_is_not_told(kd: KymDataset, follower: Follower) -> None:
    kd.refresh_all()
    told = len(follower.told)
    assert told == 2

    kd.refresh_all()
    kd.refresh("velocity_events")
    kd.update_image("velocity_events", "a")  # extracted anew, and the same as before

    assert len(follower.told) == told


def test_a_run_that_fails_is_not_told(kd: KymDataset, follower: Follower) -> None:
    with pytest.raises(RuntimeError, match="no rows today"):
        kd.rebuild(FrameIndexer({"a": RuntimeError("no rows today")}))

    assert follower.told == []


def test_an_edit_by_hand_is_not_told(kd: KymDataset, follower: Follower) -> None:
    kd.rebuild("velocity_events")
    kd.tables["velocity_events"].loc[0, "note"] = "mine"
    kd.save_table("velocity_events")

    assert len(follower.told) == 1


def test_an_instance_is_told_as_a_registered_indexer_is(kd: KymDataset, follower: Follower) -> None:
    kd.rebuild(FrameIndexer({"a": frame(x=[1])}, name="mine"))

    assert follower.tables == ["mine"]


# That they do no harm


@pytest.mark.parametrize("error", [ValueError("no room"), SystemExit("no room"), BaseException("no room")])
def test_one_that_fails_harms_neither_the_table_nor_the_others(kd: KymDataset, error: BaseException) -> None:
    first, last = Follower(), Follower()
    for observer in (first, Failing(error), last):
        kd.registry.register_observer(observer)

    with pytest.warns(
        PluginWarning,
        match=r"observer Failing of this program: its hook kymflow_table_updated failed for table "
        rf"'velocity_events' of .*lab\.zarr: {type(error).__name__}: no room\. The table is as it should be",
    ):
        table = kd.rebuild("velocity_events")

    assert len(table) == 2
    assert first.told == last.told
    assert first.told[0][2].updated == ["a", "b", "c"]
    assert kd.reports["velocity_events"].updated == ["a", "b", "c"]
    assert len(KymDataset(kd.ds.path, "r").get_table("velocity_events")) == 2


def test_the_users_interrupt_is_not_the_observers_failure(kd: KymDataset) -> None:
    kd.registry.register_observer(Failing(KeyboardInterrupt("by the user")))

    with pytest.raises(KeyboardInterrupt, match="by the user"):
        kd.rebuild("velocity_events")

    assert len(kd.get_table("velocity_events")) == 2


def test_where_warnings_are_errors_one_that_fails_is_warned_of_and_ends_nothing(kd: KymDataset) -> None:
    last = Follower()
    kd.registry.register_observer(Failing(ValueError("no room")))
    kd.registry.register_observer(last)

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error")
        rows = kd.rebuild("velocity_events")

    assert [(one.category, "no room" in str(one.message)) for one in shown] == [(PluginWarning, True)]
    assert len(rows) == 2
    assert last.tables == ["velocity_events"]


def test_what_an_observer_changes_for_the_whole_program_is_put_back(kd: KymDataset) -> None:
    class Loud:
        @hookimpl
        def kymflow_table_updated(self) -> None:
            logging.basicConfig(level=logging.DEBUG, force=True)

    kd.registry.register_observer(Loud())
    before = (logging.root.level, list(logging.root.handlers))
    with pytest.warns(PluginWarning, match="Loud of this program: its hook .* changed logging for the whole"):
        kd.rebuild("velocity_events")
    assert (logging.root.level, logging.root.handlers) == before


# Observers of a program


def test_one_that_is_taken_back_is_not_told_any_more(kd: KymDataset, follower: Follower) -> None:
    kd.registry.unregister_observer(follower)
    kd.rebuild("velocity_events")
    assert follower.told == []

    with pytest.raises(PluginError, match="this program registered no observer Follower"):
        kd.registry.unregister_observer(follower)

    kd.registry.register_observer(follower)
    kd.rebuild("velocity_events")
    assert len(follower.told) == 1


def test_one_cannot_be_registered_twice(kd: KymDataset, follower: Follower) -> None:
    with pytest.raises(PluginError, match="observer Follower of this program is registered already"):
        kd.registry.register_observer(follower)
    kd.rebuild("velocity_events")
    assert len(follower.told) == 1


def test_what_cannot_be_told_is_refused(registry: IndexerRegistry) -> None:
    class WithoutHook:
        pass

    class Unmarked:
        def kymflow_table_updated(self, dataset: str) -> None: ...

    class OtherArguments:
        @hookimpl
        def kymflow_table_updated(self, data: str) -> None: ...

    class Misspelt:
        @hookimpl
        def kymflow_table_changed(self, dataset: str) -> None: ...

    for plugin, why in (
        (
            WithoutHook(),
            "observer .*WithoutHook of this program has no function kymflow_table_updated marked",
        ),
        (Unmarked(), "kymflow_table_updated of .*Unmarked of this program is not marked"),
        (
            OtherArguments(),
            "takes 'data', but a hook kymflow_table_updated takes dataset, table_name, report",
        ),
        (Misspelt(), "unknown hook 'kymflow_table_changed' in .*; did you mean 'kymflow_table_updated'"),
        (Follower, "is the class Follower itself; name an instance"),
        (None, "has no function kymflow_table_updated"),
    ):
        with pytest.raises(PluginError, match=f"(?s){why}"):
            registry.register_observer(plugin)
    assert registry.observers() == []


def test_registering_one_loads_no_plugin(written: Install) -> None:
    registry = IndexerRegistry([written("broken", "raise RuntimeError('on import')")])

    registry.register_observer(Follower())

    with pytest.warns(PluginWarning, match="on import"):
        registry.list()


# Observers of plugins

FOLLOWING = """
from kymflow import hookimpl

told = []

@hookimpl
def kymflow_table_updated(dataset, table_name, report):
    told.append((table_name, report.updated))
"""


def test_a_plugin_may_implement_this_hook_alone(site: Path, kd: KymDataset) -> None:
    write_distribution(site, "lab-exporter", "1.0", "export = lab_exporter")
    (site / "lab_exporter.py").write_text(FOLLOWING, "utf-8")

    KymDataset(kd.ds).rebuild("velocity_events")

    import lab_exporter

    assert lab_exporter.told == [("velocity_events", ["a", "b", "c"])]
    assert {info.name for info in get_registry().list()} == {"images", "radon_report", "velocity_events"}
    assert get_registry().observers() == ["lab-exporter 1.0 (export = lab_exporter)"]


def test_plugins_are_told_in_the_order_of_loading_and_then_the_programs_own(
    install: Install, kd: KymDataset
) -> None:
    order: list[str] = []

    def telling(name: str) -> object:
        class Telling:
            @hookimpl
            def kymflow_table_updated(self) -> None:
                order.append(name)

        return Telling()

    points = [install(name, "plugin", plugin=telling(name)) for name in ("zebra", "ant")]
    registry = IndexerRegistry([*points, BUILTIN])
    registry.register_observer(telling("own"))

    KymDataset(kd.ds, registry=registry).rebuild("velocity_events")

    assert order == ["ant", "zebra", "own"]


def test_a_plugins_observer_that_fails_is_named_with_its_distribution(site: Path, kd: KymDataset) -> None:
    write_distribution(site, "lab-failing", "1.2", "export = lab_failing")
    (site / "lab_failing.py").write_text(FOLLOWING.replace("told.append", "1 / 0; told.append"), "utf-8")

    with pytest.warns(
        PluginWarning,
        match=r"lab-failing 1\.2 \(export = lab_failing\): its hook kymflow_table_updated failed .*"
        "ZeroDivisionError",
    ):
        KymDataset(kd.ds).rebuild("velocity_events")


def test_a_registry_of_ones_own_tells_only_its_own(site: Path, kd: KymDataset, follower: Follower) -> None:
    write_distribution(site, "lab-failing", "1.2", "export = lab_failing")
    (site / "lab_failing.py").write_text("raise RuntimeError('imported')", "utf-8")

    kd.rebuild(FrameIndexer({"a": frame(x=[1])}, name="mine"))

    assert follower.tables == ["mine"]


def test_a_plugin_may_have_both_hooks(install: Install, kd: KymDataset) -> None:
    class Both(Follower):
        @hookimpl
        def kymflow_indexers(self) -> list[FrameIndexer]:
            return [FrameIndexer({}, name="both")]

    plugin = Both()
    registry = IndexerRegistry([install("both", "plugin", plugin=plugin)])

    KymDataset(kd.ds, registry=registry).rebuild_all()

    assert plugin.tables == ["both"]
