"""Tables that other code of their indexer made, under the same schema version."""

from __future__ import annotations

import pytest

from kymflow import KymDataset
from kymflow.core.zarr.refresh import runs, status
from support.refreshing import TABLE, CellsIndexer, cells
from support.simple_indexers import add_image

OTHER = "made by other code of the same version"


class Code:
    """What the code of every indexer is, as far as this process knows."""

    digest = "one"

    def __call__(self, indexer: object) -> str:
        return self.digest


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> Code:
    code = Code()
    for module in (runs, status):
        monkeypatch.setattr(module, "code_digest", code)
    return code


@pytest.fixture
def made(lab: KymDataset, indexer: CellsIndexer, code: Code) -> KymDataset:
    """Three images and their table, of code ``one``."""
    lab.registry.register(indexer)
    lab.rebuild(TABLE)
    return lab


def problem(kd: KymDataset) -> str:
    (table,) = kd.status().tables
    return table.problem


def test_other_code_is_told_and_makes_nothing_stale(
    made: KymDataset, code: Code, indexer: CellsIndexer
) -> None:
    assert (problem(made), made.describe_table(TABLE).code) == ("", "one")
    code.digest = "two"
    assert (
        problem(made)
        == f"{OTHER}; refresh it with --changed-code (changed_code=True) if its rows should differ"
    )
    assert made.status().tables[0].is_fresh
    indexer.asked = []
    made.refresh(TABLE)
    assert indexer.asked == []

    assert made.plan(TABLE).is_empty
    assert made.plan(TABLE, changed_code=True).stale == {one: [OTHER] for one in "abc"}
    assert made.plans(changed_code=True)[TABLE].whole
    made.refresh(TABLE, changed_code=True)
    assert indexer.asked == ["a", "b", "c"]
    assert (problem(made), made.describe_table(TABLE).code) == ("", "two")
    made.refresh_all(changed_code=True)
    assert indexer.asked == ["a", "b", "c"]


def test_a_table_of_which_other_code_made_a_part_is_still_told_of(made: KymDataset, code: Code) -> None:
    code.digest = "two"
    made.ds.record("b").save_df_parquet(TABLE, cells(8))
    made.refresh(TABLE)
    add_image(made, "d")
    made.update_images(TABLE, ["d"])
    assert made.describe_table(TABLE).code == "one"
    assert OTHER in problem(made)
    made.rebuild(TABLE)
    assert (problem(made), made.describe_table(TABLE).code) == ("", "two")


def test_code_that_is_not_known_says_nothing(made: KymDataset, code: Code) -> None:
    code.digest = ""
    assert problem(made) == ""
    assert made.plan(TABLE, changed_code=True).is_empty
    made.rebuild(TABLE)
    assert made.describe_table(TABLE).code == ""
    code.digest = "two"
    made.ds.record("b").save_df_parquet(TABLE, cells(8))
    made.refresh(TABLE)
    # The other images' rows are of code that nobody knows.
    assert made.describe_table(TABLE).code == ""
    assert problem(made) == ""


def test_another_schema_version_is_told_alone(made: KymDataset, code: Code) -> None:
    code.digest = "two"
    made.registry.unregister(TABLE)
    made.registry.register(CellsIndexer(schema_version="2"))
    assert problem(made) == ""
    assert made.plan(TABLE, changed_code=True).stale["a"] == ["schema version '1' -> '2'"]
