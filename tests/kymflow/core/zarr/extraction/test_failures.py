"""Every way in which an indexer can fail, through every method that runs it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from kymflow import ExtractionError, KymDataset, ZarrImageRecord
from kymflow_zarr.errors import ReadOnlyError
from support.failing_indexers import BROKEN, broken_indexer
from support.refreshing import ledgers, snapshot, table_path
from support.simple_indexers import FrameIndexer, frame


class Writer:
    """Gives rows for all, and writes into the record of one."""

    name = table_name = "broken"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        rec.save_json("mark", {})
        return frame(x=[1])


def test_each_failure_has_a_message_of_its_own_with_image_indexer_and_cause(broken_lab: KymDataset) -> None:
    indexer = broken_indexer()
    broken_lab.rebuild(indexer, on_error="skip")

    failed = broken_lab.reports["broken"].failed
    assert sorted(failed) == sorted(BROKEN)
    for image_id, (_, _, cause) in BROKEN.items():
        assert cause in failed[image_id]
        assert f"'{image_id}'" in failed[image_id]
        assert "'broken'" in failed[image_id]
        assert "\n" not in failed[image_id]
    assert len(set(failed.values())) == len(BROKEN)
    assert broken_lab.get_table("broken")["image_id"].tolist() == ["good", "good"]


@pytest.mark.parametrize("image_id", BROKEN)
def test_each_failure_is_raised_by_its_kind_from_every_door(broken_lab: KymDataset, image_id: str) -> None:
    rows, kind, cause = BROKEN[image_id]
    good = FrameIndexer({"good": frame(x=[1, 2], speed=[0.5, 1.5])}, name="broken", required=["x"])
    good.columns = broken_indexer().columns
    broken_lab.rebuild(good)
    before = table_path(broken_lab, "broken").read_bytes()
    bad = broken_indexer()
    bad.rows = {"good": bad.rows["good"], image_id: rows}
    # So that a refresh asks all images again.
    bad.schema_version = "2"
    broken_lab.registry.register(bad)
    for door in (
        lambda: broken_lab.rebuild(bad),
        lambda: broken_lab.refresh(bad),
        lambda: broken_lab.update_image(bad, image_id),
        lambda: broken_lab.rebuild_all(),
        lambda: broken_lab.refresh_all(),
    ):
        with pytest.raises(kind) as caught:
            door()
        assert cause in str(caught.value)
        assert f"'{image_id}'" in str(caught.value)
        assert caught.value.indexer == "broken"
        assert caught.value.table_name == "broken"
        assert table_path(broken_lab, "broken").read_bytes() == before
        assert len(ledgers(broken_lab, "broken")) == 1


def test_an_indexer_that_writes_to_its_record_is_named(broken_lab: KymDataset) -> None:
    before = snapshot(Path(broken_lab.ds.path))
    told = "indexer 'broken', image '.*': extract_rows raised ReadOnlyError: .*Within an indexer, nobody can"
    for door in (
        lambda: broken_lab.rebuild(Writer()),
        lambda: broken_lab.refresh(Writer()),
        lambda: broken_lab.update_image(Writer(), "good"),
    ):
        with pytest.raises(ExtractionError, match=told) as caught:
            door()
        assert isinstance(caught.value.__cause__, ReadOnlyError)
        assert snapshot(Path(broken_lab.ds.path)) == before
    broken_lab.rebuild(Writer(), on_error="skip")
    assert len(broken_lab.reports["broken"].failed) == len(BROKEN) + 1
    assert broken_lab.get_table("broken").empty


class _Quits:
    """Ends the program, as its author thinks, at one image."""

    name = table_name = "broken"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        if rec.image_id == "good":
            raise self.error
        return frame(x=[1])


def test_an_image_at_which_an_indexer_quits_has_failed(broken_lab: KymDataset) -> None:
    with ThreadPoolExecutor(1) as threads:
        # Ctrl-C is heard in the main thread alone.
        cases = [(SystemExit(0), None), (SystemExit(3), threads), (KeyboardInterrupt(), threads)]
        for error, executor in cases:
            broken_lab.rebuild(_Quits(error), on_error="skip", executor=executor)
            told = broken_lab.reports["broken"].failed
            what = f"extract_rows raised {type(error).__name__}: {error}"
            assert told == {"good": f"indexer 'broken', image 'good': {what}"}
    with pytest.raises(KeyboardInterrupt):
        broken_lab.rebuild(_Quits(KeyboardInterrupt()), on_error="skip")
