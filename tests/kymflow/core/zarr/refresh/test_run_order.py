"""Tables of tables: made after their sources, taken along by every run, and harmless when they fail."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pandas as pd
import pytest

from kymflow import DeriveError, IndexerRegistry, KymDataset, PluginWarning, UpdateReport
from support.simple_indexers import FrameIndexer, frame
from support.table_indexers import FromTables, Tables, count_rows, mean_velocity, raising


class Three:
    """Tables at three levels above the radon reports, registered from the top down."""

    def __init__(self, kd: KymDataset) -> None:
        self.order: list[str] = []
        self.means = self._made("z_means", "radon_report", derive=mean_velocity)
        self.counts = self._made("m_counts", "z_means", "velocity_events")
        self.top = self._made("a_top", "m_counts", "radon_report")
        for indexer in (self.top, self.counts, self.means):
            kd.registry.register(indexer)

    def _made(
        self, name: str, *sources: str, derive: Callable[[Tables], pd.DataFrame] = count_rows
    ) -> FromTables:
        def noting(tables: Tables) -> pd.DataFrame:
            self.order.append(name)
            return derive(tables)

        return FromTables(name, *sources, derive=noting)

    def begin(self) -> None:
        self.order.clear()


@pytest.fixture
def three(kd: KymDataset) -> Three:
    return Three(kd)


def save_report(kd: KymDataset, image_id: str, velocity: float) -> None:
    kd.ds.record(image_id).save_json("radon_report", {"mean_velocity": velocity, "n_valid": 1})


def derived(reports: dict[str, UpdateReport]) -> dict[str, bool]:
    return {name: report.derived for name, report in reports.items() if report.sources}


# In order


def test_every_table_is_made_after_its_sources(kd: KymDataset, three: Three) -> None:
    told: list[str] = []

    reports = kd.refresh_all(on_table=told.append)

    order = ["radon_report", "velocity_events", "z_means", "m_counts", "a_top"]
    assert list(reports) == told == order
    assert three.order == order[2:]
    assert reports["a_top"].rows == 2
    assert kd.status().tables[0].is_fresh


def test_a_refresh_derives_only_what_has_changed(kd: KymDataset, three: Three) -> None:
    kd.refresh_all()
    three.begin()
    assert derived(kd.refresh_all()) == dict.fromkeys(["z_means", "m_counts", "a_top"], False)
    assert three.order == []

    events = pd.DataFrame({"roi_id": [1], "event_id": ["e"], "t0_s": [0.5]})
    kd.ds.record("b").save_df_parquet("velocity_events", events)
    reports = kd.refresh_all()

    assert three.order == ["m_counts", "a_top"]
    assert derived(reports) == {"z_means": False, "m_counts": True, "a_top": True}


def test_a_rebuild_derives_all(kd: KymDataset, three: Three) -> None:
    kd.refresh_all()
    three.begin()

    kd.rebuild_all()

    assert three.order == ["z_means", "m_counts", "a_top"]


def test_an_ingest_derives_them(kd: KymDataset, three: Three, folder: object) -> None:
    report = kd.ingest_folder(str(folder))

    assert derived(report.tables) == dict.fromkeys(["z_means", "m_counts", "a_top"], True)
    assert kd.refresh_from_folder(str(folder)) == []


# What goes along


def test_an_updated_image_changes_all_tables_above_it(kd: KymDataset, three: Three) -> None:
    kd.refresh_all()
    three.begin()
    save_report(kd, "a", 7.5)

    kd.update_image("radon_report", "a")

    assert three.order == ["z_means", "m_counts", "a_top"]
    means = kd.get_table("z_means").set_index("image_id")["mean_velocity"]
    assert means["a"] == 7.5
    assert kd.reports["a_top"].derived


def test_what_is_not_there_yet_is_not_made_for_a_table_that_nobody_asked_for(
    kd: KymDataset, three: Three
) -> None:
    kd.update_image("radon_report", "a")

    assert kd.ds.list_table_names() == ["radon_report", "z_means"]


def test_what_a_table_is_made_of_is_refreshed_first(kd: KymDataset, three: Three) -> None:
    assert list(kd.refresh_all(indexers=["a_top"])) == [
        "radon_report",
        "velocity_events",
        "z_means",
        "m_counts",
        "a_top",
    ]
    save_report(kd, "a", 7.5)

    assert len(kd.refresh("a_top")) == 2
    assert kd.get_table("radon_report")["mean_velocity"].tolist()[0] == 7.5


def test_a_table_of_tables_may_be_updated_by_image(kd: KymDataset, three: Three) -> None:
    kd.refresh_all()
    three.begin()
    kd.update_image("z_means", "a")
    assert three.order == []

    save_report(kd, "a", 7.5)
    kd.update_image("z_means", "a")
    assert three.order == ["z_means", "m_counts", "a_top"]


def test_an_instance_that_nobody_registered_takes_the_tables_on_disk(kd: KymDataset) -> None:
    kd.rebuild(FrameIndexer({"a": frame(x=[1, 2])}))

    assert kd.rebuild(FromTables("counts", "lab"))["n_rows"].tolist() == [2]


def test_after_a_cancelled_update_what_is_above_waits_for_a_refresh(kd: KymDataset, three: Three) -> None:
    kd.refresh_all()
    three.begin()
    save_report(kd, "a", 7.5)
    cancel = threading.Event()

    def stop(done: int, total: int) -> None:
        if done == total:
            cancel.set()

    kd.update_images("radon_report", ["a"], on_progress=stop, cancel=cancel)

    assert three.order == []
    assert [one.table_name for one in kd.status().tables if not one.is_fresh] == [
        "a_top",
        "m_counts",
        "z_means",
    ]


# Another writer, and a crash in between


def test_what_another_process_wrote_is_taken_up(kd: KymDataset, three: Three) -> None:
    kd.refresh_all()
    three.begin()
    other = KymDataset(kd.ds.path, registry=IndexerRegistry(()))
    save_report(other, "a", 7.5)
    from kymflow_indexers_builtin import RadonReportIndexer

    other.update_image(RadonReportIndexer(), "a")

    status = {one.table_name: one.problem for one in kd.status().tables}
    assert status["z_means"] == "source table 'radon_report' has changed"
    kd.refresh_all()
    assert three.order == ["z_means", "m_counts", "a_top"]


def test_an_end_between_source_and_derived_table_is_told_and_mended(kd: KymDataset, three: Three) -> None:
    kd.refresh_all()
    three.begin()
    save_report(kd, "a", 7.5)

    def die(name: str) -> None:
        if name == "z_means":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kd.refresh_all(on_table=die)

    again = KymDataset(kd.ds.path, registry=kd.registry)
    status = {one.table_name: one.problem for one in again.status().tables}
    assert status["radon_report"] == ""
    assert status["z_means"] == "source table 'radon_report' has changed"
    again.refresh_all()
    assert three.order == ["z_means", "m_counts", "a_top"]
    assert all(one.is_fresh for one in again.status().tables)


# Failures


@pytest.fixture
def broken(kd: KymDataset) -> KymDataset:
    """Three levels, the lowest of which fails after it has been made once."""
    kd.registry.register(FromTables("counts", "radon_report"))
    kd.registry.register(FromTables("top", "counts", "velocity_events"))
    kd.refresh_all()
    kd.registry.unregister("counts")
    kd.registry.register(FromTables("counts", "radon_report", derive=raising(ValueError("no rest"))))
    save_report(kd, "a", 7.5)
    return kd


FAILURE = "indexer 'counts', table 'counts': derive raised ValueError: no rest"


def test_a_failure_keeps_the_old_table_and_all_above_it(broken: KymDataset) -> None:
    before = {name: broken.ds.load_table(name) for name in ("counts", "top")}
    reports = broken.refresh_all(on_error="skip")

    assert reports["radon_report"].updated == ["a"]
    assert (reports["counts"].problem, reports["counts"].derived) == (FAILURE, False)
    assert reports["top"].problem == f"source table 'counts' was not brought up to date: {FAILURE}"
    assert {name: report.rows for name, report in reports.items() if report.sources} == {
        "counts": 1,
        "top": 2,
    }
    for name, table in before.items():
        assert broken.ds.load_table(name).equals(table)


def test_a_failure_is_raised_if_that_is_asked_for(broken: KymDataset) -> None:
    with pytest.raises(DeriveError, match=FAILURE):
        broken.refresh_all()
    with pytest.raises(DeriveError, match=FAILURE):
        broken.rebuild("counts")


def test_a_failure_of_what_nobody_asked_for_spoils_no_update(broken: KymDataset) -> None:
    with pytest.warns(PluginWarning) as caught:
        table = broken.update_image("radon_report", "a")

    assert [str(one.message).partition(" of ")[0] for one in caught] == ["table 'counts'", "table 'top'"]
    assert str(caught[0].message).endswith(f" is stale: {FAILURE}")

    assert table["mean_velocity"].tolist()[0] == 7.5
    assert broken.reports["counts"].problem == FAILURE


def test_without_any_table_a_failure_cannot_be_skipped(kd: KymDataset) -> None:
    failing = FromTables("counts", "velocity_events", derive=raising(ValueError("no rest")))

    kd.rebuild("velocity_events")
    with pytest.raises(DeriveError, match="no rest"):
        kd.refresh(failing, on_error="skip")


def test_the_report_names_what_it_was_made_of(kd: KymDataset, three: Three) -> None:
    report = kd.refresh_all()["z_means"]

    assert repr(report).startswith("UpdateReport of table z_means: 2 rows, sources radon_report, derived")
    content = report.to_dict()
    assert (content["rows"], content["images"], content["failed"]) == (2, 0, [])
    assert (content["sources"], content["derived"], content["problem"]) == (["radon_report"], True, "")


def test_observers_are_told_of_it(kd: KymDataset, three: Three) -> None:
    from kymflow import hookimpl

    told: list[str] = []

    class Observer:
        @hookimpl
        def kymflow_table_updated(self, dataset: str, table_name: str, report: UpdateReport) -> None:
            told.append(table_name)

    kd.registry.register_observer(Observer())
    kd.refresh_all()
    kd.refresh_all()

    assert told == ["radon_report", "velocity_events", "z_means", "m_counts", "a_top"]
