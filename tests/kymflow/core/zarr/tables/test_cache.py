from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from pandas.testing import assert_frame_equal
from traitlets.config import Config

from kymflow import IndexerRegistry, KymDataset
from kymflow_zarr import ColumnError, ConflictError, InvalidNameError, TableError, TableNotFoundError
from kymflow_zarr.store.disk.clock import DiskClock
from support.simple_indexers import frame

TableFile = Callable[[KymDataset, str], Path]


@pytest.fixture
def built(kd: KymDataset) -> KymDataset:
    kd.rebuild("radon_report")
    kd.rebuild("velocity_events")
    return kd


@pytest.fixture
def other(built: KymDataset, registry: IndexerRegistry) -> KymDataset:
    """Somebody else with the same dataset."""
    return KymDataset(built.ds.path, registry=registry)


# Loading


def test_load_tables_loads_all_or_some(built: KymDataset, other: KymDataset) -> None:
    other.load_tables(["radon_report"])
    assert list(other.tables) == ["radon_report"]

    other.load_tables()
    assert sorted(other.tables) == ["radon_report", "velocity_events"]
    assert_frame_equal(other.tables["radon_report"], built.tables["radon_report"])


def test_load_tables_throws_edits_away(built: KymDataset) -> None:
    built.tables["radon_report"]["notes"] = "mine"

    built.load_tables()

    assert built.get_table("radon_report")["notes"].tolist()[0] == "dict"


def test_load_tables_refuses_a_name_that_is_not_there(built: KymDataset) -> None:
    with pytest.raises(
        TableNotFoundError, match="no table 'stalls'; its tables: radon_report, velocity_events"
    ):
        built.load_tables(["stalls"])


@pytest.mark.parametrize("name", ["Flow-Summary", "flow.summary"])
def test_a_table_of_any_name_that_the_dataset_allows_is_loaded(built: KymDataset, name: str) -> None:
    built.ds.save_table(name, frame(image_id=["a"], x=[1]))

    built.load_tables()

    assert_frame_equal(built.get_table(name), frame(image_id=["a"], x=[1]))


def test_a_table_name_is_found_in_any_spelling(built: KymDataset) -> None:
    assert_frame_equal(built.get_table("Radon Report"), built.get_table("radon_report"))


def test_a_damaged_table_says_what_to_do(built: KymDataset, other: KymDataset, table_file: TableFile) -> None:
    table_file(built, "radon_report").write_bytes(b"nothing")

    with pytest.raises(
        TableError, match="table 'radon_report' of .* cannot be read: .*Rebuild it, or drop it"
    ):
        other.get_table("radon_report")


# The dictionary


def test_a_table_is_loaded_as_it_is_asked_for(other: KymDataset) -> None:
    assert "radon_report" not in other.tables
    table = other.tables["radon_report"]
    assert_frame_equal(table, other.ds.load_table("radon_report"))
    assert other.tables["radon_report"] is table
    assert list(other.tables) == ["radon_report"]


def test_a_table_that_nobody_has_is_a_key_error_that_lists_those_there_are(other: KymDataset) -> None:
    with pytest.raises(KeyError, match="no table 'stalls'; its tables: radon_report, velocity_events"):
        other.tables["stalls"]
    assert other.tables.get("stalls") is None


def test_its_repr_counts_rows(built: KymDataset, other: KymDataset) -> None:
    assert repr(other.tables) == "<tables in memory: none>"
    other.tables["mine"] = frame(image_id=["a", "b"])
    assert repr(other.tables) == "<tables in memory: mine (2 rows)>"


def test_ipython_completes_names_of_tables_on_disk_and_in_memory(
    other: KymDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.tables["mine"] = frame(image_id=["a"])
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell = InteractiveShell(user_ns={"kd": other}, config=Config(HistoryManager={"enabled": False}))
    shell.Completer.use_jedi = False
    for text, expected in (
        ('kd.tables["', {"mine", "radon_report", "velocity_events"}),
        ("kd.tables['ve", {"velocity_events"}),
        ('print(kd.tables["m', {"mine"}),
    ):
        with provisionalcompleter():
            offered = {found.text for found in shell.Completer.completions(text, len(text))}
        assert offered == expected


def test_a_completion_of_a_dataset_that_is_gone_offers_what_is_in_memory(other: KymDataset) -> None:
    other.tables["mine"] = frame(image_id=["a"])
    shutil.rmtree(other.ds.path)
    Path(other.ds.path).write_text("a file")
    assert other.tables._ipython_key_completions_() == ["mine"]  # type: ignore[attr-defined]


# The file moves on


def test_get_table_loads_nothing_while_the_file_is_the_same(built: KymDataset) -> None:
    before = built.tables["radon_report"]
    assert_frame_equal(built.get_table("radon_report"), before)
    assert built.tables["radon_report"] is before


def test_a_copy_takes_no_memory_where_pandas_copies_on_write(built: KymDataset) -> None:
    shared = np.shares_memory(
        built.get_table("radon_report")["mean_velocity"].to_numpy(),
        built.tables["radon_report"]["mean_velocity"].to_numpy(),
    )
    assert shared is (int(pd.__version__.partition(".")[0]) >= 3)


def test_get_table_reloads_what_somebody_else_wrote(built: KymDataset, other: KymDataset) -> None:
    before = built.tables["radon_report"]
    other.ds.record("c").save_json("radon_report", {"n_valid": 77})
    other.update_image("radon_report", "c")

    after = built.get_table("radon_report")

    assert built.tables["radon_report"] is not before
    assert after["n_valid"].tolist()[-1] == 77


@pytest.mark.usefixtures("no_time_passes")
def test_a_write_of_the_same_size_within_one_tick_is_seen(
    built: KymDataset, other: KymDataset, table_file: TableFile
) -> None:
    built.ds.save_table("marks", frame(image_id=["a"], mark=["x"]))
    path = table_file(built, "marks")
    info = path.stat()
    built.get_table("marks")

    other.ds.save_table("marks", frame(image_id=["a"], mark=["y"]))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))

    assert path.stat().st_size == info.st_size
    assert built.get_table("marks")["mark"].tolist() == ["y"]


def test_a_file_that_was_only_touched_is_not_loaded_again(built: KymDataset, table_file: TableFile) -> None:
    before = built.tables["radon_report"]
    os.utime(table_file(built, "radon_report"))

    built.get_table("radon_report")
    assert built.tables["radon_report"] is before


def test_a_settled_file_is_not_read_again(
    built: KymDataset, table_file: TableFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table_file(built, "radon_report")
    long_ago = time.time_ns() - 3600 * 10**9
    os.utime(path, ns=(long_ago, long_ago))
    built.load_tables(["radon_report"])
    read: list[str] = []
    monkeypatch.setattr(type(built.ds.store), "read", lambda self, key: read.append(key))

    built.get_table("radon_report")

    assert read == []


@pytest.mark.usefixtures("no_time_passes")
def test_a_file_that_was_young_when_it_was_loaded_is_read_once_more_and_never_again(
    built: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = type(built.ds.store)
    before = built.tables["radon_report"]
    later_ns = time.time_ns() + 10 * 10**9
    monkeypatch.setattr(store, "now_ns", lambda self: later_ns)
    monkeypatch.setattr(DiskClock, "settled", lambda self, info, *, look: True)
    read: list[str] = []
    really = store.read
    monkeypatch.setattr(store, "read", lambda self, key: read.append(key) or really(self, key))

    for _ in range(3):
        built.get_table("radon_report")
        assert built.tables["radon_report"] is before

    assert read == ["tables/radon_report.parquet"]


def test_a_table_that_was_dropped_is_gone_from_memory_too(built: KymDataset, other: KymDataset) -> None:
    other.ds.drop_table("radon_report")

    with pytest.raises(TableNotFoundError, match="has no table 'radon_report'"):
        built.get_table("radon_report")


def test_rebuild_all_makes_get_table_load_anew(built: KymDataset) -> None:
    built.ds.record("c").save_json("radon_report", {"n_valid": 77})
    built.rebuild_all()

    assert built.get_table("radon_report")["n_valid"].tolist()[-1] == 77


# Saving


def test_edits_by_hand_are_saved_and_last_until_the_next_update(built: KymDataset) -> None:
    built.tables["radon_report"].loc[0, "notes"] = "mine"
    built.save_table("radon_report")
    assert built.ds.load_table("radon_report")["notes"].tolist()[0] == "mine"
    assert_frame_equal(built.get_table("radon_report"), built.ds.load_table("radon_report"))

    assert built.rebuild("radon_report")["notes"].tolist()[0] == "dict"


def test_a_table_replaced_in_memory_is_saved(built: KymDataset) -> None:
    built.tables["radon_report"] = built.get_table("radon_report").head(1)

    built.save_table("radon_report")

    assert len(built.ds.load_table("radon_report")) == 1


def test_the_frame_in_hand_stays_the_one_that_is_saved(built: KymDataset) -> None:
    table = built.tables["radon_report"]
    for note in ("first", "second"):
        table.loc[0, "notes"] = note
        built.save_table("radon_report")

    assert built.ds.load_table("radon_report")["notes"].tolist()[0] == "second"


def test_saving_over_what_somebody_else_wrote_is_a_conflict(
    built: KymDataset, other: KymDataset, table_file: TableFile
) -> None:
    built.tables["radon_report"]["notes"] = "mine"
    other.rebuild("radon_report")
    theirs = table_file(built, "radon_report").read_bytes()

    with pytest.raises(ConflictError, match="table 'radon_report' of .* was written by somebody else since"):
        built.save_table("radon_report")

    assert table_file(built, "radon_report").read_bytes() == theirs
    assert built.tables["radon_report"]["notes"].tolist()[0] == "mine"


def test_saving_a_table_that_somebody_else_dropped_is_a_conflict(
    built: KymDataset, other: KymDataset
) -> None:
    other.ds.drop_table("radon_report")

    with pytest.raises(ConflictError, match="'radon_report'.*(written|dropped) by somebody else"):
        built.save_table("radon_report")


def test_a_table_put_in_memory_by_hand_does_not_replace_one_that_was_never_loaded(
    built: KymDataset, other: KymDataset, table_file: TableFile
) -> None:
    other.tables["radon_report"] = frame(image_id=["a"])

    with pytest.raises(ConflictError, match="'radon_report'"):
        other.save_table("radon_report")


def test_unedited_tables_are_not_written(built: KymDataset, table_file: TableFile) -> None:
    before = {path: path.stat().st_mtime_ns for path in table_file(built, "x").parent.glob("*.parquet")}
    built.tables["velocity_events"]["kind"] = "mine"

    built.save_all_tables()

    after = {path: path.stat().st_mtime_ns for path in before}
    assert [path.stem for path in before if before[path] != after[path]] == ["velocity_events"]


def test_an_unedited_table_stays_fresh_after_save(built: KymDataset) -> None:
    built.save_table("radon_report")

    built.update_image("radon_report", "a")

    assert built.reports["radon_report"].updated == ["a"]


def test_units_survive_an_edit_by_hand(built: KymDataset, table_file: TableFile) -> None:
    import pyarrow.parquet as pq

    built.tables["radon_report"]["notes"] = "mine"
    built.save_table("radon_report")

    field = pq.read_schema(table_file(built, "radon_report")).field("mean_velocity")
    assert (field.metadata or {}).get(b"unit") == b"mm/s"


def test_a_table_made_by_hand_can_be_saved(built: KymDataset) -> None:
    built.tables["mine"] = frame(image_id=["a"], x=[1])

    built.save_all_tables()

    assert_frame_equal(built.ds.load_table("mine"), frame(image_id=["a"], x=[1]))


def test_saving_what_is_not_in_memory_is_refused(built: KymDataset, other: KymDataset) -> None:
    with pytest.raises(
        TableNotFoundError, match=r"'radon_report' of .* is not loaded.*edit kd.tables\['radon_report"
    ):
        other.save_table("radon_report")


def test_the_sources_table_is_not_saved_over(built: KymDataset) -> None:
    built.tables["sources"] = pd.DataFrame({"image_id": ["a"]})

    with pytest.raises(InvalidNameError, match="'sources' of .* is kept by the dataset itself"):
        built.save_table("sources")


def test_an_edit_that_parquet_cannot_hold_is_refused_by_column(
    built: KymDataset, table_file: TableFile
) -> None:
    before = table_file(built, "radon_report").read_bytes()
    table = built.tables["radon_report"]
    table["odd"] = pd.Series([1, "two", 3.0], dtype=object)

    with pytest.raises(ColumnError, match="table 'radon_report' of .*column 'odd'"):
        built.save_table("radon_report")

    assert table_file(built, "radon_report").read_bytes() == before
