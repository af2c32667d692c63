"""The sources table: what is noted of images that are deleted."""

from __future__ import annotations

import numpy as np
import pytest

from kymflow_zarr import RecordNotFoundError, SourceError, ZarrDataset
from kymflow_zarr.sources.table import load_rows, note_deleted
from support.tiff_folders import id_of
from support.trees import tree


def test_of_a_deleted_image_the_id_and_the_files_stay(ingested: ZarrDataset) -> None:
    before = {row.relative_path: row for row in load_rows(ingested.store)}
    note_deleted(ingested.store, [before["b.tif"].image_id], exclude=False)
    after = {row.relative_path: row for row in load_rows(ingested.store)}
    assert after.pop("b.tif") == before["b.tif"].__class__(
        before["b.tif"].root,
        "b.tif",
        before["b.tif"].image_id,
        files=before["b.tif"].files,
        reader=before["b.tif"].reader,
    )
    assert after == {name: row for name, row in before.items() if name != "b.tif"}


def test_excluded_twice_is_excluded_since_the_first_time(ingested: ZarrDataset) -> None:
    image_id = id_of(ingested, "b.tif")
    note_deleted(ingested.store, [image_id], exclude=True)
    rows = load_rows(ingested.store)
    assert [row.excluded_epoch_ns > 0 for row in rows] == [False, True, False]
    note_deleted(ingested.store, [image_id], exclude=True)
    assert load_rows(ingested.store) == rows


def test_an_image_without_source_cannot_be_excluded_and_nothing_goes(ingested: ZarrDataset) -> None:
    made = ingested.add_image(np.ones((2, 3))).image_id
    from_file = id_of(ingested, "a.tif")
    before = ingested.list_image_ids(), load_rows(ingested.store)
    with pytest.raises(SourceError, match=f"image '{made}' of .* came from no source file") as caught:
        ingested.delete_images([from_file, made], exclude=True)
    assert caught.value.image_id == made
    assert (ingested.list_image_ids(), load_rows(ingested.store)) == before
    ingested.delete_images([from_file, made])
    assert len(ingested.list_image_ids()) == 2


def test_an_unknown_image_keeps_the_others_from_being_deleted(ingested: ZarrDataset) -> None:
    before = tree(ingested.path)
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        ingested.delete_images([id_of(ingested, "a.tif"), "nobody"], exclude=True)
    assert tree(ingested.path) == before


def test_a_dataset_without_sources_gets_no_table_of_them(dataset: ZarrDataset) -> None:
    dataset.delete_image(dataset.add_image(np.ones((2, 3))).image_id)
    assert not dataset.store.exists("tables/sources.parquet")
