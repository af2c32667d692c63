"""A table derived of others: when, what its footer tells, and what happens in between."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from kymflow import CancelledError, DeriveError, KymDataset
from kymflow.core.zarr.from_tables import derive
from kymflow_zarr import ReadOnlyError
from support.processes import StartPython
from support.simple_indexers import FrameIndexer, frame
from support.table_indexers import FromTables, Tables, count_rows

TableFile = Callable[[KymDataset, str], Path]


@pytest.fixture
def lab(kd: KymDataset) -> KymDataset:
    """With a table saved by hand, of which others are made."""
    kd.ds.save_table("cells", frame(hz=[8.0, 9.0]))
    return kd


def save(kd: KymDataset, n_rows: int) -> None:
    kd.ds.save_table("cells", frame(hz=[1.0] * n_rows))


def n_rows(kd: KymDataset) -> int:
    return int(kd.ds.load_table("counts")["n_rows"].iloc[0])


def test_it_is_derived_again_only_when_a_source_is_another_file(lab: KymDataset) -> None:
    counts = FromTables("counts", "cells")
    lab.refresh(counts)
    lab.refresh(counts)
    assert counts.asked == 1
    assert not lab.reports["counts"].derived

    save(lab, 5)
    assert lab.refresh(counts)["n_rows"].tolist() == [5]
    assert (counts.asked, lab.reports["counts"].derived) == (2, True)


def test_a_rebuild_derives_it_in_any_case(lab: KymDataset) -> None:
    counts = FromTables("counts", "cells")
    lab.rebuild(counts)
    lab.rebuild(counts)

    assert counts.asked == 2


def test_the_footer_tells_of_which_files_it_was_made(lab: KymDataset, table_file: TableFile) -> None:
    lab.refresh(FromTables("counts", "cells", schema_version="7"))

    footer = pq.read_schema(table_file(lab, "counts")).metadata
    assert footer[b"kymflow.indexer"] == b"counts"
    assert footer[b"kymflow.schema_version"] == b"7"
    (version,) = json.loads(footer[b"kymflow.sources"]).values()
    assert lab.describe_table("counts").sources == {"cells": version}
    assert lab.describe_table("counts").made_by == "indexer counts (schema version 7), of cells"


def test_a_dataset_that_was_copied_is_not_derived_again(lab: KymDataset, tmp_path: Path) -> None:
    counts = FromTables("counts", "cells")
    lab.refresh(counts)
    # Without any times.
    for old in Path(lab.ds.path).rglob("*"):
        new = tmp_path / "copy.zarr" / old.relative_to(lab.ds.path)
        if old.is_file():
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(old.read_bytes())

    KymDataset(tmp_path / "copy.zarr", registry=lab.registry).refresh(counts)

    assert counts.asked == 1


def test_a_source_that_changes_while_it_is_derived_is_derived_again(lab: KymDataset) -> None:
    def changing(tables: Tables) -> pd.DataFrame:
        if counts.asked < 3:
            save(lab, 10 + counts.asked)
        return count_rows(tables)

    counts = FromTables("counts", "cells", derive=changing)
    lab.refresh(counts)

    assert (counts.asked, n_rows(lab)) == (3, 12)
    assert lab.plan(counts).is_empty


def test_a_source_that_goes_on_changing_leaves_the_old_table_and_says_so(lab: KymDataset) -> None:
    def changing(tables: Tables) -> pd.DataFrame:
        save(lab, 10 + counts.asked)
        return count_rows(tables)

    lab.refresh(FromTables("counts", "cells"))
    counts = FromTables("counts", "cells", derive=changing)
    save(lab, 3)
    lab.refresh(counts)

    assert (counts.asked, n_rows(lab)) == (derive.MAX_ROUNDS, 2)
    assert lab.reports["counts"].problem == (
        "its source tables went on changing while it was derived; refresh again"
    )


def test_a_slower_writer_does_not_put_older_rows_over_newer_ones(lab: KymDataset) -> None:
    other = KymDataset(lab.ds.path, registry=lab.registry)

    def overtaken(tables: Tables) -> pd.DataFrame:
        if slow.asked == 1:
            save(other, 9)
            other.refresh(FromTables("counts", "cells"))
        return count_rows(tables)

    slow = FromTables("counts", "cells", derive=overtaken)
    lab.refresh(slow)

    assert n_rows(lab) == 9


def test_no_lock_is_held_while_it_is_derived(lab: KymDataset) -> None:
    def writing(tables: Tables) -> pd.DataFrame:
        # It would wait for ever.
        lab.ds.save_table("counts", frame(x=[1]))
        return count_rows(tables)

    assert lab.rebuild(FromTables("counts", "cells", derive=writing))["n_rows"].tolist() == [2]


def test_a_source_that_is_not_there_is_named_with_the_one_that_may_be_meant(lab: KymDataset) -> None:
    with pytest.raises(
        DeriveError,
        match="indexer 'counts', table 'counts': source table 'cels' is not there; "
        "did you mean 'cells'\\? its tables: cells",
    ):
        lab.refresh(FromTables("counts", "cels"))
    with pytest.raises(DeriveError, match="source table 'heart_rate' is not there; its tables: cells"):
        lab.refresh(FromTables("counts", "heart_rate"), on_error="skip")


def test_a_damaged_source_leaves_the_old_table(lab: KymDataset, table_file: TableFile) -> None:
    counts = FromTables("counts", "cells")
    lab.refresh(counts)
    table_file(lab, "cells").write_bytes(b"PAR1 and no more")

    with pytest.raises(DeriveError, match="source table 'cells' cannot be read"):
        lab.refresh(counts)
    assert len(lab.refresh(counts, on_error="skip")) == 1
    assert "source table 'cells' cannot be read" in lab.reports["counts"].problem
    assert n_rows(lab) == 2


def test_a_run_that_is_cancelled_leaves_the_old_table(lab: KymDataset) -> None:
    counts, cancel = FromTables("counts", "cells"), threading.Event()
    cancel.set()

    with pytest.raises(CancelledError, match="'counts' was cancelled; table 'counts' is as it was"):
        lab.refresh(counts, cancel=cancel)
    assert counts.asked == 0


def test_a_dataset_that_is_only_read_is_not_written(lab: KymDataset) -> None:
    with pytest.raises(ReadOnlyError, match="mode"):
        KymDataset(lab.ds.path, "r", registry=lab.registry).refresh(FromTables("counts", "cells"))


def test_a_table_of_images_of_that_name_gives_way_with_its_ledger(
    lab: KymDataset, ledger_files: Callable[[KymDataset, str], list[str]]
) -> None:
    lab.rebuild(FrameIndexer({"a": frame(x=[1])}, name="counts"))
    assert ledger_files(lab, "counts")

    lab.refresh(FromTables("counts", "cells"))

    assert not ledger_files(lab, "counts")
    assert lab.ds.load_table("counts").columns.tolist() == ["source", "n_rows"]


def test_it_is_the_same_in_every_kind_of_place(dataset) -> None:  # type: ignore[no-untyped-def]
    from kymflow import IndexerRegistry

    kd = KymDataset(dataset, registry=IndexerRegistry(()))
    counts = FromTables("counts", "cells")
    for rows in (1, 3):
        save(kd, rows)
        kd.refresh(counts)
        assert n_rows(kd) == rows
        assert kd.plan(counts).is_empty


KILLED = """
import os, signal, sys
from kymflow import IndexerRegistry, KymDataset
from kymflow_indexers_builtin import RadonReportIndexer
from support.table_indexers import FromTables

def die(tables):
    os.kill(os.getpid(), signal.SIGKILL)

registry = IndexerRegistry(())
registry.register(RadonReportIndexer())
registry.register(FromTables("counts", "radon_report", derive=die))
KymDataset(sys.argv[1], registry=registry).refresh_all()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows knows no SIGKILL")
def test_a_kill_after_the_source_is_told_and_mended(kd: KymDataset, start_python: StartPython) -> None:
    counts = FromTables("counts", "radon_report")
    kd.registry.register(counts)
    kd.refresh_all()
    kd.ds.record("c").save_json("radon_report", {"mean_velocity": 7.5, "n_valid": 1})

    process = start_python(KILLED, kd.ds.path)
    process.communicate(timeout=300)

    assert process.returncode == -signal.SIGKILL
    status = {one.table_name: one for one in kd.status().tables}
    assert status["radon_report"].is_fresh
    assert status["counts"].problem == "source table 'radon_report' has changed"
    assert kd.ds.load_table("counts")["n_rows"].tolist() == [3]
    kd.refresh_all()
    assert kd.ds.load_table("counts")["n_rows"].tolist() == [4]
    assert all(one.is_fresh for one in kd.status().tables)
