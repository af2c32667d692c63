from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import ArtifactError, ArtifactNotFoundError, DatasetError, IndexerRegistry, KymDataset
from kymflow.testing import make_lab, simulate_folder
from kymflow.testing.damage import as_text, cut_off, emptied
from kymflow.testing.lab_dataset import image_ids_by_file
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer
from kymflow_zarr.formats import documents, frames

ARTIFACTS = [
    "metadata.json",
    "radon.parquet",
    "radon/params.json",
    "radon_report.parquet",
    "velocity_events.parquet",
]


def artifacts(kd: KymDataset, image_id: str) -> list[str]:
    return [key.split("/", 3)[-1] for key in kd.ds.record(image_id).list_analysis_keys()]


def test_a_lab_is_what_an_ingest_of_its_folder_gives(tmp_path: Path) -> None:
    made = make_lab(tmp_path / "made.zarr", 4, seed=3)
    simulate_folder(tmp_path / "folder", 4, seed=3, n_lines=400, n_pixels=16)
    ingested = KymDataset(tmp_path / "ingested.zarr", mode="a", registry=IndexerRegistry(()))
    ingested.ingest_folder(tmp_path / "folder")

    for one, other in zip(image_ids_by_file(made), image_ids_by_file(ingested), strict=True):
        assert artifacts(made, one) == artifacts(ingested, other)
        assert (made.ds.record(one).load_array() == ingested.ds.record(other).load_array()).all()
    for indexer in (VelocityEventsIndexer(), RadonReportIndexer()):
        tables = []
        for kd in (made, ingested):
            table = kd.rebuild(indexer)
            order = {image_id: number for number, image_id in enumerate(image_ids_by_file(kd))}
            tables.append(table.assign(image_id=table["image_id"].map(order)).sort_values("image_id"))
        assert_frame_equal(*(table.reset_index(drop=True) for table in tables))


def test_a_lab_needs_no_plugin_and_has_no_tables(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr")

    assert list(kd.registry.indexers()) == []
    assert kd.ds.list_table_names() == []
    first, second, third = image_ids_by_file(kd)
    assert artifacts(kd, first) == artifacts(kd, second) == ARTIFACTS
    assert artifacts(kd, third) == ["metadata.json"]
    assert kd.ds.record(first).load_array().shape == (400, 16)


def test_a_lab_has_the_shape_folder_and_registry_asked_for(tmp_path: Path) -> None:
    registry = IndexerRegistry(())
    kd = make_lab(
        tmp_path / "lab.zarr", 1, n_lines=120, n_pixels=9, folder=tmp_path / "kymographs", registry=registry
    )

    (record,) = kd.ds.iter_records()
    assert record.load_array().shape == (120, 9)
    assert kd.registry is registry
    assert [path.name for path in (tmp_path / "kymographs").rglob("*.tif")] == ["capillary_0001.tif"]


def test_damage_befalls_the_first_images_in_turn(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr", 5, damage=["missing", "empty", "malformed"])

    missing, empty, malformed, whole, _ = (kd.ds.record(image_id) for image_id in image_ids_by_file(kd))
    assert artifacts(kd, missing.image_id) == []
    assert artifacts(kd, empty.image_id) == ARTIFACTS
    for name in ("radon", "velocity_events"):
        with pytest.raises(ArtifactNotFoundError, match=name):
            missing.load_df_parquet(name)
        assert len(empty.load_df_parquet(name)) == 0
        assert list(empty.load_df_parquet(name).columns) == list(whole.load_df_parquet(name).columns)
        with pytest.raises(ArtifactError, match="cannot be read"):
            malformed.load_df_parquet(name)
    assert empty.load_json("metadata") == {}
    with pytest.raises(ArtifactError, match="cannot be read"):
        malformed.load_json("metadata")
    assert len(whole.load_df_parquet("velocity_events")) == 2


def test_a_lab_is_made_at_a_path_of_its_own(tmp_path: Path) -> None:
    make_lab(tmp_path / "lab.zarr", 1)

    with pytest.raises(
        DatasetError, match="there is a dataset at .* already; give make_lab a path of its own"
    ):
        make_lab(tmp_path / "lab.zarr", 1)


def test_damage_that_cannot_be_done_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="damage must be some of missing, empty, malformed, got 'wet'"):
        make_lab(tmp_path / "lab.zarr", damage=["wet"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="2 kinds of damage need as many images, got n_images=1"):
        make_lab(tmp_path / "lab.zarr", 1, damage=["empty", "missing"])
    assert not (tmp_path / "lab.zarr").exists()


@pytest.mark.parametrize("content", [{"a": 1}, [1, 2], [], {}, 12, "text", None])
def test_json_that_is_cut_off_can_never_be_read(content: object) -> None:
    data = documents.json_to_bytes(content)

    with pytest.raises(documents.UnreadableDocument):
        documents.bytes_to_json(cut_off("x.json", data))


def test_every_form_of_an_artifact_can_be_emptied() -> None:
    frame = pd.DataFrame({"roi_id": [1, 2], "kind": ["a", "b"]})
    parquet = emptied("x.parquet", frames.frame_to_parquet(frame))
    assert_frame_equal(frames.parquet_to_frame(parquet), frame.iloc[:0], check_index_type=False)
    csv = emptied("x.csv.gz", documents.frame_to_csv_gz(frame))
    assert list(documents.csv_to_frame(documents.gunzip(csv)).columns) == ["roi_id", "kind"]
    assert emptied("x.json", b"[1]") == b"[]"
    assert emptied("x.json", b'{"a": 1}') == b"{}"
    assert documents.gunzip(emptied("x.json.gz", gzip.compress(b"[1]"))) == b"[]"


def test_only_objects_and_lists_can_become_a_text() -> None:
    assert documents.bytes_to_json(as_text("x.json", b"[]") or b"") == "damaged"
    compressed = as_text("x.json.gz", gzip.compress(b"{}")) or b""
    assert documents.bytes_to_json(documents.gunzip(compressed)) == "damaged"
    assert as_text("x.json", b'"a note"') is None
    assert as_text("x.parquet", b"PAR1") is None
