"""What is there of an image's artifacts, without reading them."""

from __future__ import annotations

import pandas as pd
import pytest

from kymflow_zarr import (
    ArtifactError,
    ArtifactNotFoundError,
    RecordNotFoundError,
    ZarrDataset,
    ZarrImageRecord,
)


@pytest.fixture
def record(dataset: ZarrDataset) -> ZarrImageRecord:
    return dataset.add_image([[0, 1, 2], [3, 4, 5]])


def test_an_artifact_is_there_in_whichever_form(record: ZarrImageRecord) -> None:
    frame = pd.DataFrame({"x": [1, 2]})
    assert not record.has_artifact("a")

    record.save_df_parquet("a", frame)
    record.save_json("b", {})
    record.save_df_csv_gz("c", frame)
    record.save_json("d/e", {})

    assert [record.has_artifact(name) for name in ("a", "b", "c", "d/e", "d", "e")] == [True] * 4 + [
        False
    ] * 2


def test_rows_are_counted_by_the_footer(record: ZarrImageRecord) -> None:
    record.save_df_parquet("a", pd.DataFrame({"x": [1, 2, 3]}))
    record.save_df_parquet("none", pd.DataFrame({"x": []}))

    assert (record.count_rows("a"), record.count_rows("none")) == (3, 0)


def test_rows_of_what_is_absent_or_damaged(dataset: ZarrDataset, record: ZarrImageRecord) -> None:
    dataset.store.put(f"images/{record.image_id}/analysis/bad.parquet", b"PAR1 no more")

    with pytest.raises(ArtifactNotFoundError, match="a.parquet"):
        record.count_rows("a")
    with pytest.raises(ArtifactError, match="'bad.parquet'"):
        record.count_rows("bad")


def test_the_length_of_each_axis(dataset: ZarrDataset, record: ZarrImageRecord) -> None:
    channels = dataset.add_image([[[0, 1], [2, 3]]], axes=["c", "y", "x"])

    assert record.get_axis_lengths() == {"y": 2, "x": 3}
    assert channels.get_axis_lengths() == {"c": 1, "y": 2, "x": 2}
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        dataset.record("nobody").get_axis_lengths()
