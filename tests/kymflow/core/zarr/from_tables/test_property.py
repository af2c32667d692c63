"""Whatever is edited in whatever order: after a refresh, a table of tables is what its sources give."""

from __future__ import annotations

from itertools import count
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow import IndexerRegistry, KymDataset
from kymflow_indexers_builtin import RadonReportIndexer
from support.simple_indexers import add_image
from support.table_indexers import FromTables, Tables

pytestmark = pytest.mark.slow


def joined(tables: Tables) -> pd.DataFrame:
    means = tables["radon_report"].groupby("image_id", as_index=False).agg(v=("mean_velocity", "mean"))
    return means.merge(tables["animals"], on="image_id", how="left")


def per_animal(tables: Tables) -> pd.DataFrame:
    return tables["joined"].groupby("animal", as_index=False, dropna=False).agg(v=("v", "mean"))


def values(frame: pd.DataFrame) -> dict[str, list[object]]:
    """Return the columns; one without any value has no type."""
    plain = frame.astype(object).where(frame.notna(), None)
    return {str(name): column.tolist() for name, column in plain.items()}


IMAGE = st.sampled_from("abc")
VALUE = st.sampled_from([0.5, 1.5, 2.0, None])
STEPS = st.one_of(
    st.tuples(st.just("report"), IMAGE, VALUE),
    st.tuples(st.just("report"), IMAGE, VALUE),
    st.tuples(st.just("delete"), IMAGE, VALUE),
    st.tuples(st.just("animal"), IMAGE, st.sampled_from(["m1", "m2"])),
    st.tuples(st.just("update"), IMAGE, VALUE),
    st.tuples(st.just("edit by hand"), IMAGE, VALUE),
    st.tuples(st.just("drop"), st.sampled_from(["joined", "per_animal", "radon_report"]), VALUE),
    st.tuples(st.just("version"), IMAGE, st.sampled_from(["1", "2"])),
    st.tuples(st.just("refresh"), IMAGE, VALUE),
)
PLACES = count()


class Lab:
    def __init__(self) -> None:
        self.indexers = {
            "joined": FromTables("joined", "radon_report", "animals", derive=joined),
            "per_animal": FromTables("per_animal", "joined", derive=per_animal),
        }
        registry = IndexerRegistry(())
        for indexer in (*self.indexers.values(), RadonReportIndexer()):
            registry.register(indexer)
        self.kd = KymDataset(f"memory://tables-of-tables-{next(PLACES)}", mode="a", registry=registry)
        self.animals = {"a": "m1"}
        self.save_animals()
        add_image(self.kd, "a")

    def save_animals(self) -> None:
        rows = {"image_id": list(self.animals), "animal": list(self.animals.values())}
        self.kd.ds.save_table("animals", pd.DataFrame(rows))

    def do(self, step: str, name: str, value: Any) -> None:
        kd = self.kd
        there = kd.ds.list_table_names()
        if step == "report":
            record = kd.ds.record(name)
            record = record if record.exists() else add_image(kd, name)
            record.save_json("radon_report", {"mean_velocity": value, "n_valid": 1})
        elif step == "delete" and kd.ds.record(name).exists():
            kd.ds.delete_image(name)
        elif step == "animal":
            self.animals[name] = value
            self.save_animals()
        elif step == "update" and kd.ds.record(name).exists():
            kd.update_image("radon_report", name)
        elif step == "edit by hand" and "joined" in there:
            kd.ds.save_table("joined", pd.DataFrame({"v": [value], "animal": ["nobody"]}))
        elif step == "drop" and name in there:
            kd.ds.drop_table(name)
        elif step == "version":
            self.indexers["joined"].schema_version = value
        elif step == "refresh":
            kd.refresh_all()

    def check(self) -> None:
        kd = self.kd
        kd.refresh_all()
        asked = {name: indexer.asked for name, indexer in self.indexers.items()}
        for name, derive in (("joined", joined), ("per_animal", per_animal)):
            sources = {one: kd.ds.load_table(one) for one in self.indexers[name].sources}
            assert values(kd.ds.load_table(name)) == values(derive(sources))
        assert all(table.is_fresh for table in kd.status().tables)
        kd.refresh_all()
        assert asked == {name: indexer.asked for name, indexer in self.indexers.items()}


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=8))
def test_after_a_refresh_every_derived_table_is_what_its_sources_give(steps: list[Any]) -> None:
    lab = Lab()
    for step in steps:
        lab.do(*step)
    lab.check()
