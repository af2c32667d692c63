from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from kymflow import Column, ExtractionError, KymDataset, SchemaError, ZarrImageRecord
from support.dtypes import TEXT
from support.simple_indexers import FrameIndexer, add_image, frame

TableFile = Callable[[KymDataset, str], Path]
LedgerFiles = Callable[[KymDataset, str], list[str]]


def dtypes(table: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in table.dtypes.items()}


# Rows and columns


def test_rows_are_ordered_by_image_then_as_extracted(kd: KymDataset) -> None:
    rows = {"c": frame(x=[9, 7]), "a": frame(x=[8, 1]), "b": frame(x=[3])}
    table = kd.rebuild(FrameIndexer(rows))
    assert table["image_id"].tolist() == ["a", "a", "b", "c", "c"]
    assert table["x"].tolist() == [8, 1, 3, 9, 7]

    rows["a"] = frame(x=[5, 4, 6])
    assert kd.update_image(FrameIndexer(rows), "a")["x"].tolist() == [5, 4, 6, 3, 9, 7]


def test_the_required_columns_are_there_without_any_row(kd: KymDataset) -> None:
    columns = [Column("n", "int"), Column("t1_s", "float"), Column("kind", "str"), Column("when", "datetime")]

    table = kd.rebuild(FrameIndexer({}, columns=columns, required=["extra"]))

    assert dtypes(table) == {
        "image_id": TEXT,
        "extra": "object",
        "n": "int64",
        "t1_s": "float64",
        "kind": TEXT,
        "when": "datetime64[us]",
    }
    assert len(table) == 0


def test_a_declared_type_holds_without_any_value(kd: KymDataset) -> None:
    columns = [Column("t1_s", "float"), Column("note", "str")]
    table = kd.rebuild(FrameIndexer({"a": frame(t1_s=[None], note=[None])}, columns=columns))

    assert dtypes(table) == {"image_id": TEXT, "t1_s": "float64", "note": TEXT}


def test_other_columns_are_kept_by_first_appearance(kd: KymDataset) -> None:
    rows = {"a": frame(z=[1], roi_id=[1]), "b": frame(y=[1.5], roi_id=[2], z=[2])}

    table = kd.rebuild(FrameIndexer(rows, required=["roi_id"]))

    assert list(table.columns) == ["image_id", "roi_id", "z", "y"]


def test_a_column_that_nobody_has_any_more_goes(kd: KymDataset) -> None:
    rows = {"a": frame(x=[1], gone=[1]), "b": frame(x=[2])}
    kd.rebuild(FrameIndexer(rows))
    rows["a"] = frame(x=[1])

    assert list(kd.update_image(FrameIndexer(rows), "a").columns) == ["image_id", "x"]


def test_integers_and_floats_make_floats_and_integers_come_back_when_the_floats_go(kd: KymDataset) -> None:
    rows = {"a": frame(x=[1]), "b": frame(x=[1.5])}
    assert kd.rebuild(FrameIndexer(rows))["x"].dtype == "float64"

    kd.ds.delete_image("b")
    table = kd.update_images(FrameIndexer(rows), ["b"])
    assert table["x"].dtype == "int64"
    assert table["x"].tolist() == [1]


def test_a_column_that_lost_its_last_value_is_as_after_a_rebuild(kd: KymDataset) -> None:
    rows = {"a": frame(x=[None]), "b": frame(x=[1.5])}
    kd.rebuild(FrameIndexer(rows))
    rows["b"] = frame(x=[None])

    updated = kd.update_image(FrameIndexer(rows), "b")

    assert_frame_equal(updated, kd.rebuild(FrameIndexer(rows)))
    assert updated["x"].isna().all()


def test_a_list_column_that_lost_its_last_filled_list_is_as_after_a_rebuild(kd: KymDataset) -> None:
    rows = {"a": frame(x=[[]]), "b": frame(x=[[1, 2]])}
    kd.rebuild(FrameIndexer(rows))
    rows["b"] = frame(x=[[]])

    updated = kd.update_image(FrameIndexer(rows), "b")

    assert_frame_equal(updated, kd.rebuild(FrameIndexer(rows)))


@pytest.mark.parametrize(
    "values",
    [
        np.array(["2024-01-02"], "M8[s]"),
        np.array(["2024-01-02"], "M8[ns]"),
        pd.to_datetime(["2024-01-02"], utc=True),
        pd.to_timedelta([1.5], unit="s"),
        np.array([1.5], "float32"),
        np.array([1.5], "float16"),
        np.array([7], "uint8"),
        pd.Categorical(["a"]),
        [b"raw"],
        [[1.0, 2.0]],
        [{"k": 1}],
        [True],
        [np.inf],
    ],
    ids=lambda values: str(getattr(values, "dtype", values)),
)
def test_values_of_any_usual_type_are_the_same_returned_stored_and_updated(
    kd: KymDataset, values: object
) -> None:
    rows = {"a": frame(x=values), "b": frame(x=values)}
    rebuilt = kd.rebuild(FrameIndexer(rows))
    assert_frame_equal(rebuilt, kd.ds.load_table("lab"))

    assert_frame_equal(kd.update_image(FrameIndexer(rows), "b"), rebuilt)


def test_units_and_descriptions_travel_into_the_file(kd: KymDataset, table_file: TableFile) -> None:
    kd.rebuild("velocity_events")

    field = pq.read_schema(table_file(kd, "velocity_events")).field("score")
    assert field.metadata[b"unit"] == b"mm/s"
    assert field.metadata[b"description"] == b"Change of velocity at the peak"
    kd.update_image("velocity_events", "a")
    assert pq.read_schema(table_file(kd, "velocity_events")).field("score").metadata[b"unit"] == b"mm/s"


def test_the_footer_says_what_made_the_table(kd: KymDataset, table_file: TableFile) -> None:
    kd.rebuild(FrameIndexer({}, schema_version="7"))

    footer = pq.read_schema(table_file(kd, "lab")).metadata
    assert footer[b"kymflow.indexer"] == b"lab"
    assert footer[b"kymflow.schema_version"] == b"7"


# Types that do not go together


def test_a_clash_of_types_names_both_images_and_writes_nothing(
    kd: KymDataset, table_file: TableFile, ledger_files: LedgerFiles
) -> None:
    rows = {"a": frame(x=[1]), "c": frame(y=[1])}
    kd.rebuild(FrameIndexer(rows))
    before, ledgers = table_file(kd, "lab").read_bytes(), ledger_files(kd, "lab")
    rows["c"] = frame(x=["text"])

    with pytest.raises(
        SchemaError, match="column 'x' of table 'lab': image 'a' has int64, image 'c' has"
    ) as caught:
        kd.update_image(FrameIndexer(rows), "c")

    assert caught.value.image_ids == ("c", "a")
    assert table_file(kd, "lab").read_bytes() == before
    assert ledger_files(kd, "lab") == ledgers


def test_a_clash_of_types_is_skipped_on_demand_and_the_image_keeps_its_old_rows(kd: KymDataset) -> None:
    rows = {"a": frame(x=[1]), "b": frame(x=[2]), "c": frame(x=[3])}
    kd.rebuild(FrameIndexer(rows))
    rows |= {"b": frame(x=["text"]), "c": frame(x=[4])}

    table = kd.rebuild(FrameIndexer(rows), on_error="skip")

    assert table["x"].tolist() == [1, 2, 4]
    assert list(kd.reports["lab"].failed) == ["b"]
    assert "'x'" in kd.reports["lab"].failed["b"]
    assert kd.reports["lab"].updated == ["a", "c"]


def test_integers_that_floats_cannot_hold_are_refused_by_image(kd: KymDataset) -> None:
    rows = {"a": frame(x=[2**53 + 1]), "b": frame(x=[1.5])}

    with pytest.raises(SchemaError, match="'x'.*beyond 2\\*\\*53") as caught:
        kd.rebuild(FrameIndexer(rows))

    assert "image 'a'" in str(caught.value)


def test_integers_that_floats_cannot_hold_are_skipped_on_demand(kd: KymDataset) -> None:
    rows = {"a": frame(x=[1.5]), "b": frame(x=[2**53 + 1]), "c": frame(x=[2])}

    table = kd.rebuild(FrameIndexer(rows), on_error="skip")

    assert table["x"].tolist() == [1.5, 2.0]
    assert list(kd.reports["lab"].failed) == ["b"]


def test_integers_beyond_2_53_without_floats_or_gaps_are_kept_exactly(kd: KymDataset) -> None:
    rows = {image_id: frame(x=[2**60 + 1]) for image_id in "abc"}

    assert kd.rebuild(FrameIndexer(rows))["x"].tolist() == [2**60 + 1] * 3


def test_a_kept_row_that_does_not_fit_a_new_schema_version_is_extracted_again(kd: KymDataset) -> None:
    old = {"a": frame(x=["n/a"]), "b": frame(x=["1.5"])}
    kd.rebuild(FrameIndexer(old, columns=[Column("x", "str")]))
    new = FrameIndexer(
        {"a": frame(x=[None]), "b": frame(x=[1.5])}, columns=[Column("x", "float")], schema_version="2"
    )

    table = kd.update_image(new, "b")

    assert table["x"].dtype == "float64"
    assert table["x"].tolist()[1] == 1.5


def test_a_new_schema_version_gives_its_columns_also_without_images(tmp_path: Path, kd: KymDataset) -> None:
    empty = KymDataset(tmp_path / "empty.zarr", mode="a", registry=kd.registry)
    empty.rebuild(FrameIndexer({}, columns=[Column("old")]))

    table = empty.rebuild(FrameIndexer({}, columns=[Column("new")], schema_version="2"))

    assert list(table.columns) == ["image_id", "new"]


# Table and ledger are one


def test_there_is_one_ledger_and_it_is_renewed_with_every_commit(
    kd: KymDataset, ledger_files: LedgerFiles
) -> None:
    kd.rebuild("velocity_events")
    first = ledger_files(kd, "velocity_events")
    kd.ds.record("a").delete_analysis()
    kd.update_image("velocity_events", "a")
    second = ledger_files(kd, "velocity_events")

    assert len(first) == len(second) == 1
    assert first != second


def test_a_failure_with_raise_leaves_table_and_ledger_untouched(
    kd: KymDataset, table_file: TableFile, ledger_files: LedgerFiles
) -> None:
    kd.rebuild(FrameIndexer({"a": frame(x=[1])}))
    before, ledgers = table_file(kd, "lab").read_bytes(), ledger_files(kd, "lab")

    with pytest.raises(ExtractionError, match="'lab', image 'b'.*ValueError: broken"):
        kd.rebuild(FrameIndexer({"a": frame(x=[5]), "b": ValueError("broken")}))

    assert table_file(kd, "lab").read_bytes() == before
    assert ledger_files(kd, "lab") == ledgers


def test_a_write_that_fails_leaves_no_ledger_behind(
    kd: KymDataset, ledger_files: LedgerFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd.rebuild("radon_report")
    ledgers = ledger_files(kd, "radon_report")
    replace = os.replace

    def full(source: str, target: str) -> None:
        if target.endswith("radon_report.parquet"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="cannot write 'tables/radon_report.parquet'.*No space left"):
        kd.rebuild("radon_report")

    assert ledger_files(kd, "radon_report") == ledgers


@pytest.mark.parametrize("how", ["delete", "damage", "exchange"])
def test_without_its_ledger_a_table_is_extracted_whole(kd: KymDataset, how: str) -> None:
    rows = {"a": frame(x=[1]), "b": frame(x=[2])}
    kd.rebuild(FrameIndexer(rows))
    (ledger,) = (Path(kd.ds.path) / "index" / "lab").iterdir()
    if how == "delete":
        shutil.rmtree(ledger.parent)
    elif how == "damage":
        ledger.write_bytes(ledger.read_bytes()[:-20])
    else:
        kd.rebuild(FrameIndexer(rows, name="other"))
        (other,) = (Path(kd.ds.path) / "index" / "other").iterdir()
        shutil.copy(other, ledger)
    rows |= {"a": frame(x=[7]), "b": frame(x=[8])}

    assert kd.update_image(FrameIndexer(rows), "a")["x"].tolist() == [7, 8]
    assert kd.reports["lab"].updated == ["a", "b", "c"]


def test_a_table_edited_by_hand_is_extracted_whole_at_the_next_update(kd: KymDataset) -> None:
    kd.rebuild("velocity_events")
    kd.tables["velocity_events"]["kind"] = "edited"
    kd.save_table("velocity_events")

    assert kd.update_image("velocity_events", "c")["kind"].tolist() == ["stall", "stall"]


def test_no_ledger_is_left_of_a_table_that_was_written_by_hand_meanwhile(
    kd: KymDataset, ledger_files: LedgerFiles
) -> None:
    kd.rebuild("velocity_events")
    kd.ds.save_table("velocity_events", frame(image_id=["a"]))
    kd.rebuild("velocity_events")

    assert len(ledger_files(kd, "velocity_events")) == 1


def test_a_damaged_table_is_made_anew(kd: KymDataset, table_file: TableFile) -> None:
    table = kd.rebuild("radon_report")
    table_file(kd, "radon_report").write_bytes(b"PAR1 and nothing more")

    assert_frame_equal(kd.update_image("radon_report", "a"), table)


def test_a_deleted_image_goes_also_without_ledger(kd: KymDataset) -> None:
    kd.rebuild("velocity_events")
    kd.ds.delete_image("a")
    shutil.rmtree(Path(kd.ds.path) / "index")

    assert len(kd.update_images("velocity_events", ["a"])) == 0


def test_an_image_deleted_while_it_is_extracted_gives_no_rows(kd: KymDataset) -> None:
    class Deleting:
        name = table_name = "deleting"

        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            if rec.image_id == "c":
                kd.ds.delete_image("b")
            return frame(x=[1])

    assert kd.rebuild(Deleting())["image_id"].tolist() == ["a", "c"]
    assert kd.reports["deleting"].updated == ["a", "c"]


# Two writers


def test_rows_that_another_writer_committed_meanwhile_are_kept(kd: KymDataset) -> None:
    other = KymDataset(kd.ds.path, registry=kd.registry)
    rows = {"a": frame(x=[1]), "b": frame(x=[2])}
    kd.rebuild(FrameIndexer(rows))

    class Interrupted(FrameIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            other.update_image(FrameIndexer({"b": frame(x=[22])}), "b")
            return frame(x=[11])

    table = kd.update_image(Interrupted({}), "a")

    assert table["x"].tolist() == [11, 22]


def test_another_indexer_s_rows_of_the_same_table_are_not_kept(kd: KymDataset) -> None:
    kd.rebuild(FrameIndexer({"a": frame(x=[1]), "b": frame(x=[2])}, name="first", table_name="shared"))
    second = FrameIndexer({"a": frame(x=[10]), "b": frame(x=[20])}, name="second", table_name="shared")

    assert kd.update_image(second, "a")["x"].tolist() == [10, 20]


UPDATE_IMAGES = """
import sys
from kymflow import IndexerRegistry, KymDataset
from kymflow_indexers_builtin import RadonReportIndexer
kd = KymDataset(sys.argv[1], registry=IndexerRegistry(()))
sys.stdin.readline()
for number in range(15):
    image_id = f"{sys.argv[2]}-{number:02}"
    kd.ds.record(image_id).save_json("radon_report", {"n_valid": number, "notes": sys.argv[2]})
    kd.update_image(RadonReportIndexer(), image_id)
"""


def test_two_processes_lose_nothing(
    kd: KymDataset, start_python: Callable[..., subprocess.Popen[str]], ledger_files: LedgerFiles
) -> None:
    for writer in ("one", "two"):
        for number in range(15):
            add_image(kd, f"{writer}-{number:02}")
    kd.rebuild("radon_report")

    writers = [start_python(UPDATE_IMAGES, kd.ds.path, writer) for writer in ("one", "two")]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        assert writer.communicate(timeout=300)[1] == ""
        assert writer.returncode == 0

    table = kd.get_table("radon_report")
    written = table[table["notes"].isin(["one", "two"])]
    assert written["image_id"].tolist() == [f"{w}-{n:02}" for w in ("one", "two") for n in range(15)]
    assert written["n_valid"].tolist() == [*range(15), *range(15)]
    assert_frame_equal(table, KymDataset(kd.ds, registry=kd.registry).rebuild("radon_report"))
    assert len(ledger_files(kd, "radon_report")) == 1


def test_a_table_in_which_nothing_changes_keeps_its_file(
    kd: KymDataset, table_file: TableFile, ledger_files: LedgerFiles
) -> None:
    kd.rebuild("radon_report")
    before, ledgers = table_file(kd, "radon_report").stat().st_mtime_ns, ledger_files(kd, "radon_report")
    record = kd.ds.record("a")
    record.save_json("radon_report", record.load_json("radon_report"), indent=None)

    kd.update_image("radon_report", "a")

    assert table_file(kd, "radon_report").stat().st_mtime_ns == before
    assert ledger_files(kd, "radon_report") == ledgers
    assert kd.reports["radon_report"].updated == ["a"]


def test_an_older_extraction_does_not_replace_a_newer_one_of_the_same_image(kd: KymDataset) -> None:
    other = KymDataset(kd.ds.path, registry=kd.registry)
    kd.ds.record("a").save_json("cell", {"x": 1})

    class CellIndexer:
        name = table_name = "cell"
        interrupt = False

        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            if rec.image_id != "a":
                return pd.DataFrame()
            rows = pd.DataFrame([rec.load_json("cell")])
            if self.interrupt:
                self.interrupt = False
                other.ds.record("a").save_json("cell", {"x": 2})
                other.update_image(CellIndexer(), "a")
            return rows

    kd.rebuild(CellIndexer())
    slow = CellIndexer()
    slow.interrupt = True

    assert kd.update_image(slow, "a")["x"].tolist() == [2]
