"""Why a table that is made of others is stale, as a plan and the status tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pyarrow.parquet as pq
import pytest

from kymflow import Column, IndexerRegistry, KymDataset
from kymflow.core.zarr.refresh.status import TableStatus
from support.simple_indexers import FrameIndexer, frame
from support.table_indexers import FromTables

TableFile = Callable[[KymDataset, str], Path]


@pytest.fixture
def lab(kd: KymDataset) -> KymDataset:
    """With two tables saved by hand, and a fresh one of both."""
    kd.ds.save_table("cells", frame(hz=[8.0, 9.0]))
    kd.ds.save_table("animals", frame(animal=["m1"]))
    kd.refresh(FromTables("counts", "cells", "animals"))
    return kd


def reason(kd: KymDataset, *sources: str, **how: object) -> str:
    plan = kd.plan(FromTables("counts", *(sources or ("cells", "animals")), **how))  # type: ignore[arg-type]
    assert plan.rewrite == bool(plan.reason)
    assert plan.sources == list(sources or ("cells", "animals"))
    return plan.reason


def bend_footer(path: Path, **changes: bytes) -> None:
    table = pq.read_table(path)
    footer = {**table.schema.metadata, **{f"kymflow.{key}".encode(): one for key, one in changes.items()}}
    pq.write_table(table.replace_schema_metadata(footer), path)


def test_a_fresh_one_has_no_reason(lab: KymDataset) -> None:
    assert reason(lab) == ""
    assert not lab.plan(FromTables("counts", "cells", "animals")).stale


def test_it_is_stale_when_a_source_has_changed(lab: KymDataset) -> None:
    lab.ds.save_table("cells", frame(hz=[8.5]))
    assert reason(lab) == "source table 'cells' has changed"

    lab.ds.save_table("animals", frame(animal=["m2"]))
    assert reason(lab) == "source tables 'cells', 'animals' have changed"


def test_it_is_stale_when_a_source_is_not_there(lab: KymDataset) -> None:
    lab.ds.drop_table("animals")

    assert reason(lab) == "source table 'animals' is not there; its tables: cells, counts"


def test_it_is_stale_under_another_contract(lab: KymDataset) -> None:
    assert reason(lab, schema_version="2") == "schema version '1' -> '2'"
    assert reason(lab, "cells") == "its source tables were animals, cells"
    assert reason(lab, columns=(Column("n_rows", "float"),)) == "its declared columns are others"
    for stale in ({"schema_version": "2"}, {"columns": (Column("n_rows", "int", "1"),)}):
        counts = FromTables("counts", "cells", "animals", **stale)  # type: ignore[arg-type]
        lab.refresh(counts)
        assert counts.asked == 1
        assert lab.plan(counts).reason == ""


def test_it_is_stale_when_a_unit_is_another_one(lab: KymDataset) -> None:
    lab.refresh(FromTables("counts", "cells", "animals", columns=(Column("n_rows", "int", "cells"),)))

    assert reason(lab, columns=(Column("n_rows", "int", "mm"),)) == "its declared columns are others"


def test_it_is_stale_when_somebody_else_has_written_it(lab: KymDataset) -> None:
    lab.ds.save_table("counts", frame(n_rows=[99]))
    assert reason(lab) == "the table was made by another indexer, or by hand"

    lab.rebuild(FrameIndexer({"a": frame(x=[1])}, name="other", table_name="counts"))
    assert reason(lab) == "the table was made by another indexer, or by hand"


@pytest.mark.parametrize("bent", [b"{", b"[]", b"{}", b'{"cells": 7, "animals": "x"}', b"\xff"])
def test_it_is_stale_when_its_footer_is_bent(lab: KymDataset, table_file: TableFile, bent: bytes) -> None:
    bend_footer(table_file(lab, "counts"), sources=bent)

    assert reason(lab) == "its footer does not tell which tables it was derived from"
    assert lab.describe_table("counts").sources == {}


def test_it_is_stale_when_it_is_damaged(lab: KymDataset, table_file: TableFile) -> None:
    table_file(lab, "counts").write_bytes(b"PAR1")

    assert reason(lab) == "there is no table yet, or it is damaged"


def test_other_code_makes_it_stale_if_that_is_asked_for(lab: KymDataset, table_file: TableFile) -> None:
    counts = FromTables("counts", "cells", "animals")
    bend_footer(table_file(lab, "counts"), code=b"0" * 64)

    assert lab.plan(counts).reason == ""
    assert lab.plan(counts, changed_code=True).reason == "made by other code of the same version"
    lab.refresh(counts)
    assert counts.asked == 0
    lab.refresh(counts, changed_code=True)
    assert counts.asked == 1


@dataclass(frozen=True)
class Fast:
    """Cells that are faster than a setting says."""

    name: ClassVar[str] = "fast"
    sources: ClassVar[tuple[str, ...]] = ("cells",)
    least_hz: float = 8.5

    def derive(self, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
        cells = tables["cells"]
        return cells[cells["hz"] > self.least_hz]


def test_a_setting_makes_it_stale_and_comes_from_the_datasets_file(lab: KymDataset) -> None:
    fast = Fast()
    assert lab.refresh(fast)["hz"].tolist() == [9.0]
    assert lab.plan(replace(fast, least_hz=7.0)).reason == "setting least_hz: 8.5 -> 7.0"

    lab.registry.register(fast)
    settings = b"[tool.kymflow.indexers.fast]\nleast_hz = 7.0\n"
    (Path(lab.ds.path) / "kymflow.toml").write_bytes(settings)
    assert lab.refresh("fast")["hz"].tolist() == [8.0, 9.0]
    assert lab.describe_table("fast").settings == {"least_hz": 7.0}


# The status of a dataset


def status_of(kd: KymDataset, name: str) -> TableStatus:
    return next(one for one in kd.status().tables if one.table_name == name)


def test_the_status_tells_fresh_stale_and_why(lab: KymDataset) -> None:
    lab.registry.register(FromTables("counts", "cells", "animals"))
    status = status_of(lab, "counts")
    assert (status.sources, status.rows, status.is_fresh) == (["cells", "animals"], 2, True)
    assert status.problem == ""

    lab.ds.save_table("cells", frame(hz=[1.0]))
    status = status_of(lab, "counts")
    assert (status.is_fresh, status.problem) == (False, "source table 'cells' has changed")

    lab.ds.drop_table("cells")
    assert status_of(lab, "counts").problem.startswith("source table 'cells' is not there")


def test_the_status_tells_of_a_source_that_is_stale_itself(kd: KymDataset) -> None:
    kd.registry.register(FromTables("counts", "radon_report"))
    kd.registry.register(FromTables("top", "counts"))
    kd.refresh_all()
    assert status_of(kd, "top").is_fresh

    kd.ds.record("a").save_json("radon_report", {"mean_velocity": 9.5})
    assert status_of(kd, "counts").problem == (
        "source table 'radon_report' is to be brought up to date first"
    )
    assert status_of(kd, "top").problem == "source table 'counts' is to be brought up to date first"
    assert list(kd.plans()) == ["radon_report", "velocity_events", "counts", "top"]


def test_an_image_that_fails_again_and_again_does_not_make_it_stale(kd: KymDataset) -> None:
    registry = IndexerRegistry(())
    registry.register(FrameIndexer({"a": frame(x=[1]), "b": ValueError("no")}))
    registry.register(FromTables("counts", "lab"))
    lab = KymDataset(kd.ds, registry=registry)
    lab.refresh_all(on_error="skip")

    assert status_of(lab, "lab").failed == 1
    assert status_of(lab, "counts").is_fresh


def test_what_the_status_says_is_what_a_plan_shows(lab: KymDataset) -> None:
    lab.registry.register(FromTables("counts", "cells", "animals"))
    lab.ds.save_table("cells", frame(hz=[1.0]))
    plan = lab.plans()["counts"]

    assert plan.to_dict() == {
        "indexer": "counts",
        "stale": [],
        "removed": [],
        "fresh": 0,
        "rewrite": True,
        "sources": ["cells", "animals"],
        "reason": "source table 'cells' has changed",
    }
    assert "to be derived, reason source table 'cells' has changed" in repr(plan)
