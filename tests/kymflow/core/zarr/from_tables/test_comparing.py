"""The check of a table that is made of others: what is wrong with it, and what is only stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow import KymDataset, Problem
from support.simple_indexers import frame
from support.table_indexers import FromTables, raising

TableFile = Callable[[KymDataset, str], Path]


@pytest.fixture
def lab(kd: KymDataset) -> KymDataset:
    """With a table of images, and one that is made of it."""
    kd.registry.register(FromTables("counts", "radon_report"))
    kd.refresh_all()
    return kd


def problems(kd: KymDataset) -> list[Problem]:
    return [one for one in kd.check().problems if one.table_name == "counts"]


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a table, and let its footer say what it said."""
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)


def test_nothing_is_wrong_with_one_that_is_what_its_sources_give(lab: KymDataset) -> None:
    report = lab.check()

    assert report.problems == []
    assert report.tables == ["radon_report", "velocity_events", "counts"]
    assert report.stale_tables == {}


def test_one_that_is_only_stale_is_no_fault_and_is_told(lab: KymDataset) -> None:
    lab.ds.save_table("radon_report", frame(image_id=["a"]))

    assert problems(lab) == []
    report = lab.check()
    assert report.stale_tables == {"counts": "source table 'radon_report' has changed"}
    assert report.to_dict()["stale_tables"] == report.stale_tables
    assert "stale: counts: source table 'radon_report' has changed" in repr(report)


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (lambda table: table.slice(0, 0), "wrong rows", "has 0 rows, which are not the 1 that its source"),
        (
            lambda table: table.rename_columns(["source", "n"]),
            "wrong columns",
            r"has other columns than it is derived with: \['source \(string\)', 'n \(int64\)'\], not",
        ),
    ],
)
def test_rows_and_columns_that_its_sources_do_not_give_are_wrong_and_repaired(
    lab: KymDataset,
    table_file: TableFile,
    damage: Callable[[pa.Table], pa.Table],
    kind: str,
    message: str,
) -> None:
    import re

    before = lab.ds.load_table("counts")
    rewrite(table_file(lab, "counts"), damage)

    (problem,) = problems(lab)
    assert problem.kind == kind
    assert re.search(message, problem.message)
    assert lab.check(repair=True).is_clean
    assert lab.ds.load_table("counts").equals(before)
    assert problems(lab) == []


def test_a_bent_footer_is_told_and_repaired(lab: KymDataset, table_file: TableFile) -> None:
    path = table_file(lab, "counts")
    table = pq.read_table(path)
    bent = {**table.schema.metadata, b"kymflow.sources": b"[1"}
    pq.write_table(table.replace_schema_metadata(bent), path)

    (problem,) = problems(lab)
    assert problem.kind == "bent footer"
    assert "does not tell which tables it was derived from. Rebuild it." in problem.message
    assert lab.check(repair=True).is_clean
    assert problems(lab) == []


def test_a_table_that_is_not_there_is_told_and_made(lab: KymDataset) -> None:
    lab.ds.drop_table("counts")

    (problem,) = problems(lab)
    assert (problem.kind, problem.repaired) == ("missing table", False)
    assert lab.check(repair=True).is_clean
    assert lab.ds.load_table("counts")["n_rows"].tolist() == [3]


def test_a_repair_of_its_source_derives_it_again(lab: KymDataset) -> None:
    lab.ds.save_table("radon_report", frame(image_id=["a"]))

    report = lab.check(repair=True)

    assert report.is_clean
    assert report.stale_tables == {}
    assert lab.ds.load_table("counts")["n_rows"].tolist() == [3]


def test_an_indexer_that_fails_is_a_problem_of_its_table(lab: KymDataset) -> None:
    lab.registry.unregister("counts")
    lab.registry.register(FromTables("counts", "radon_report", derive=raising(ValueError("no"))))

    (problem,) = problems(lab)
    assert problem.kind == "failed"
    assert (
        "cannot be derived: indexer 'counts', table 'counts': derive raised ValueError: no" in problem.message
    )
