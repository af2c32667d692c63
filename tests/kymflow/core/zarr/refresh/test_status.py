"""How tables stand, without a write."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from kymflow import IndexerRegistry, KymDataset
from support.refreshing import TABLE, CellsIndexer, cells, table_path
from support.simple_indexers import FrameIndexer, add_image, frame


def test_status_counts_fresh_stale_failed_missing_and_removed(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.registry.register(indexer)
    lab.ds.record("a").save_df_parquet(TABLE, cells(8))
    indexer.broken = {"a"}
    lab.refresh(indexer, on_error="skip")
    add_image(lab, "d")
    lab.ds.record("b").save_df_parquet(TABLE, cells(8))
    add_image(lab, "e")
    lab.ds.delete_image("c")

    status = lab.status()
    assert status.to_dict() == {
        "images": 4,
        "tables": [
            {
                "table_name": TABLE,
                "indexer": TABLE,
                "rows": 9,
                "fresh": 0,
                "stale": 1,
                "failed": 1,
                "missing": 2,
                "removed": 1,
                "rewrite": False,
                "problem": "",
                "sources": [],
            }
        ],
        "missing_sources": [],
        "sources": {"failed": [], "gone": [], "conflicts": [], "duplicates": [], "excluded": []},
        "not_analysed": None,
        "copies": [],
        "unusable_names": [],
        "problem": "",
    }
    assert not status.tables[0].is_fresh
    plan = status.plans[TABLE]
    assert (sorted(plan.stale), plan.new, plan.failed) == (["a", "b", "d", "e"], ["d", "e"], ["a"])
    indexer.broken = set()
    lab.refresh(indexer)
    assert lab.status().tables[0].is_fresh


def test_status_of_a_table_that_is_not_there_yet_or_damaged(lab: KymDataset) -> None:
    lab.registry.register(CellsIndexer(name="other"))
    table_path(lab).write_bytes(b"nothing")
    lab.registry.register(CellsIndexer())

    damaged, missing = lab.status().tables
    assert (damaged.table_name, damaged.missing, damaged.rows) == (TABLE, 3, 0)
    assert "cannot be read" in damaged.problem
    assert (missing.table_name, missing.missing, missing.problem) == ("other", 3, "")


def test_a_table_is_fresh_just_when_a_refresh_would_find_nothing_to_do(tmp_path: Path) -> None:
    class RequiringIndexer(CellsIndexer):
        required: ClassVar[list[str]] = []

        def required_columns(self) -> list[str]:
            return self.required

    indexer = RequiringIndexer()
    registry = IndexerRegistry(())
    registry.register(indexer)
    lab = KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry)

    def found() -> tuple[bool, bool]:
        return lab.status().tables[0].is_fresh, lab.plan(indexer).is_empty

    assert found() == (False, False)
    lab.refresh(indexer)
    assert found() == (True, True)
    add_image(lab, "a").save_df_parquet(TABLE, cells(1))
    assert found() == (False, False)
    lab.refresh(indexer)
    assert found() == (True, True)
    table_path(lab).write_bytes(b"nothing")
    assert found() == (False, False)


def test_a_table_without_its_plugin_stays_and_status_says_so(lab: KymDataset) -> None:
    lab.ds.save_table("by_hand", frame(image_id=["a"], note=["x"]))

    by_hand, cells_table = lab.status().tables
    assert by_hand.problem == "made by hand or another program"
    assert "'cells' is not installed any more; the table stays as it is" in cells_table.problem
    assert (cells_table.fresh, cells_table.stale, cells_table.rows) == (0, 0, 9)
    assert by_hand.is_fresh
    assert cells_table.is_fresh
    assert len(lab.get_table(TABLE)) == 9


def test_a_damaged_sources_table_does_not_hide_how_the_tables_stand(lab: KymDataset) -> None:
    rows = {"a": frame(x=[1]), "b": frame(x=[2])}
    lab.registry.register(CellsIndexer())
    lab.registry.register(FrameIndexer(rows))
    lab.refresh_all()
    (Path(lab.ds.path) / "tables" / "sources.parquet").write_bytes(b"damaged")

    assert [table.fresh for table in lab.status().tables] == [3, 3]
