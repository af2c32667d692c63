"""Real acquisitions, and a dataset of an earlier version: the tables are those that it made."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import IndexerRegistry, KymDataset

NOT_OURS = {"users_added_count", "users_added_dur_sum", "users_added_dur_mean", "file_name"}
RADON_NAMES = {"vel_mean": "mean_velocity"}
EVENT_NAMES = {"event_type": "kind", "t_start": "t0_s", "t_end": "t1_s", "score_peak": "score"}


@pytest.fixture(scope="module")
def keep(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the ingested dataset is, so that the folder is ingested only once."""
    return {"path": tmp_path_factory.mktemp("real") / "lab.zarr"}


@pytest.fixture
def real(shared_data: Path, keep: dict[str, Path], registry: IndexerRegistry) -> KymDataset:
    """The real folder, ingested; tests only read it."""
    if not keep["path"].exists():
        KymDataset(keep["path"], mode="a", registry=registry).ingest_folder(shared_data / "kymograph_folder")
    return KymDataset(keep["path"], "r", registry=registry)


def image_of(kd: KymDataset, name: str) -> str:
    index = kd.ds.load_sources_index().set_index("source_rel_path")["image_id"]
    return str(index[name])


def in_order(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def test_the_radon_report_is_the_one_of_the_desktop_program(real: KymDataset, shared_data: Path) -> None:
    expected = pd.read_csv(shared_data / "expected" / "radon_report.csv")
    expected = expected.rename(columns=RADON_NAMES).drop(columns=list(NOT_OURS))
    found = real.get_table("radon_report", with_source=True)

    assert set(expected.columns) <= set(found.columns)
    keys = ["rel_path", "roi_id"]
    expected, found = in_order(expected, keys), in_order(found, keys)
    assert len(found) == len(expected) == 7
    for name in expected.columns:
        want, got = expected[name], found[name]
        if want.isna().all():
            assert got.isna().all(), name
        elif pd.api.types.is_float_dtype(want):
            np.testing.assert_allclose(got.astype(float), want, rtol=1e-9, atol=0, err_msg=name)
        else:
            assert got.tolist() == want.tolist(), name


def test_the_report_s_own_columns_agree_with_the_trace(real: KymDataset) -> None:
    report = real.get_table("radon_report")

    for image_id, rows in report.groupby("image_id"):
        trace = real.ds.record(image_id).load_df_parquet("radon")
        for row in rows.itertuples():
            velocity = trace.loc[
                (trace["roi_id"] == row.roi_id) & (trace["channel"] == row.channel), "velocity"
            ]
            assert row.n_valid == velocity.notna().sum()
            assert row.n_valid + row.vel_n_nan == len(velocity)
            assert row.median_velocity == velocity.median()
    assert report["notes"].tolist() == [""] * 7


def test_the_events_are_those_of_the_desktop_program(real: KymDataset, shared_data: Path) -> None:
    expected = pd.read_csv(shared_data / "expected" / "velocity_events.csv")
    expected = expected.rename(columns=EVENT_NAMES).drop(columns=["accepted"])
    found = real.get_table("velocity_events", with_source=True)

    assert set(expected.columns) <= set(found.columns)
    keys = ["rel_path", "roi_id", "i_start", "i_peak"]
    expected, found = in_order(expected, keys), in_order(found, keys)
    assert len(found) == len(expected) == 24
    for name in expected.columns:
        want, got = expected[name], found[name]
        if want.isna().all():
            assert got.isna().all() or (got == "").all(), name
        elif pd.api.types.is_float_dtype(want):
            np.testing.assert_array_equal(got.astype(float).round(3), want, err_msg=name)
        else:
            assert got.tolist() == want.tolist(), name


def test_events_are_told_apart_by_their_ids(real: KymDataset) -> None:
    events = real.get_table("velocity_events")

    assert not events.duplicated(["image_id", "event_id"]).any()
    assert events["t1_s"].dtype == "float64"


def test_an_image_that_was_never_analysed_has_no_rows_but_a_header(real: KymDataset) -> None:
    image_id = image_of(real, "Capillary2.tif")

    for name in ("radon_report", "velocity_events"):
        assert image_id not in set(real.get_table(name)["image_id"])
    payload = real.ds.record(image_id).load_metadata_payload()
    assert payload["header"]["voxels"] == [pytest.approx(34.379 / 30000), 0.331]
    assert payload["header"]["voxels_units"] == ["s", "um"]
    assert payload["header"]["shape"] == [30000, 25]
    assert payload["olympus_header"]["General"]["Name"] == "Capillary2.oir"
    assert payload["rois"] == []


def test_a_header_from_the_text_file_agrees_with_the_one_the_desktop_program_stored(
    real: KymDataset, shared_data: Path
) -> None:
    from kymflow.core.ingest.olympus import image_header

    payload = real.ds.record(image_of(real, "Capillary1_0001.tif")).load_metadata_payload()
    derived = image_header(payload["olympus_header"], (30000, 38))

    assert derived["voxels"] == pytest.approx(payload["header"]["voxels"], rel=1e-6)
    assert derived["physical_size"] == pytest.approx(payload["header"]["physical_size"], rel=1e-3)


def test_the_metadata_payload_is_the_file_s(real: KymDataset) -> None:
    payload = real.ds.record(image_of(real, "Capillary1_0001.tif")).load_metadata_payload()

    assert [roi["roi_id"] for roi in payload["rois"]] == [1, 2, 3]
    assert payload["experiment_metadata"]["sex"] == "Xxxy"
    assert payload["accepted"] is True


def test_the_pixels_are_those_of_the_tiff(real: KymDataset, shared_data: Path) -> None:
    import tifffile

    record = real.ds.record(image_of(real, "28d AngII/20250722/20250722_A89_0003.tif"))
    path = shared_data / "kymograph_folder" / "28d AngII" / "20250722" / "20250722_A89_0003.tif"

    np.testing.assert_array_equal(record.load_array(), tifffile.imread(path))
    assert record.get_image_bounds() == {"width": 10, "height": 30000, "num_slices": 1}


def test_event_ids_are_the_same_at_every_ingest(
    real: KymDataset, shared_data: Path, tmp_path: Path, registry: IndexerRegistry
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(shared_data / "kymograph_folder", folder)
    again = KymDataset(tmp_path / "again.zarr", mode="a", registry=registry)
    again.ingest_folder(folder)

    keys = ["rel_path", "event_id"]
    one = in_order(real.get_table("velocity_events", with_source=True), keys).drop(columns="image_id")
    two = in_order(again.get_table("velocity_events", with_source=True), keys).drop(columns="image_id")
    assert_frame_equal(one, two)


# A dataset that an earlier version wrote


@pytest.fixture
def v2(shared_data: Path, tmp_path: Path, registry: IndexerRegistry) -> KymDataset:
    shutil.copytree(shared_data / "zarr_v2" / "lab.zarr", tmp_path / "lab.zarr")
    return KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry)


@pytest.mark.parametrize("name", ["radon_report", "velocity_events"])
def test_a_zarr_v2_dataset_gives_the_tables_that_its_own_indexers_made(
    v2: KymDataset, shared_data: Path, name: str
) -> None:
    expected = pd.read_csv(shared_data / "zarr_v2" / f"expected_{name}.csv")

    found = v2.rebuild(name)

    keys = list(expected.columns[:2])
    assert list(found.columns[: len(expected.columns)]) == list(expected.columns)
    assert_frame_equal(
        in_order(found[list(expected.columns)], keys),
        in_order(expected, keys),
        check_exact=True,
        check_dtype=False,
    )


def test_a_zarr_v2_dataset_is_updated_in_place_and_stays_v2(v2: KymDataset) -> None:
    v2.rebuild_all()
    image_id = v2.ds.list_image_ids()[0]
    v2.ds.record(image_id).delete_analysis(suffixes=("/radon_report.parquet", "/radon_report.json"))
    v2.ds.record(image_id).save_json("radon_report", {"n_valid": 5})

    table = v2.update_image("radon_report", image_id)

    assert table.loc[table["image_id"] == image_id, "n_valid"].tolist() == [5]
    assert v2.ds.zarr_format == 2
    assert not list(Path(v2.ds.path).rglob("zarr.json"))
    assert_frame_equal(table, KymDataset(v2.ds, registry=v2.registry).rebuild("radon_report"))
