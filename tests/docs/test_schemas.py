"""The page on artifacts and tables says what the code declares, and what an ingest writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from kymflow import ArtifactIndexer, IndexerRegistry, KymDataset, RecordIndexer, ZarrImageRecord
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import ImagesIndexer, RadonReportIndexer, VelocityEventsIndexer
from support.paths import REPO

PAGE = (REPO / "docs" / "artifact-schemas.md").read_text("utf-8")
INDEXERS = [VelocityEventsIndexer(), RadonReportIndexer(), ImagesIndexer()]


def rows_of(heading: str, number: int = 0) -> list[list[str]]:
    """Return the cells of a section's table, without its head; names without their quotes."""
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    table = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[number]
    return [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    """A simulated folder, ingested."""
    folder = tmp_path_factory.mktemp("lab")
    simulate_folder(folder / "kymographs", 4, n_lines=400)
    return ingested(folder)


def ingested(folder: Path) -> KymDataset:
    registry = IndexerRegistry(())
    for indexer in INDEXERS:
        registry.register(indexer)
    kd = KymDataset(folder / "lab.zarr", "a", registry=registry)
    assert not kd.ingest_folder(folder / "kymographs").failed
    return kd


def with_artifact(kd: KymDataset, name: str) -> list[ZarrImageRecord]:
    return [record for record in kd.ds.iter_records() if record.has_artifact(name)]


@pytest.mark.parametrize("indexer", INDEXERS, ids=lambda indexer: indexer.name)
def test_a_table_is_as_its_indexer_declares_it(indexer: ArtifactIndexer | RecordIndexer) -> None:
    declared = [
        [column.name, column.type, column.unit, "yes" if column.required else "", column.description]
        for column in indexer.columns
    ]
    assert rows_of(f"`{indexer.name}`") == declared


@pytest.mark.parametrize("indexer", INDEXERS, ids=lambda indexer: indexer.name)
def test_an_ingest_writes_the_columns_of_the_page(
    lab: KymDataset, indexer: ArtifactIndexer | RecordIndexer
) -> None:
    told = {name: (type_, unit) for name, type_, unit, *_ in rows_of(f"`{indexer.name}`")}
    arrow = {"str": "string", "int": "int64", "float": "double", "bool": "bool", "datetime": "timestamp[us]"}
    written = {column.name: (column.type, column.unit) for column in lab.describe_table(indexer.name).columns}
    assert written.pop("image_id")[0] == "string"
    assert len(written) > 15
    assert {name: (arrow[told[name][0]], told[name][1]) for name in written} == written


def test_the_artifacts_of_an_image_are_those_of_the_page(lab: KymDataset) -> None:
    names = {row[0] for row in rows_of_overview()}
    written = {
        key.partition("/analysis/")[2]
        for record in lab.ds.iter_records()
        for key in record.list_analysis_keys()
    }
    assert written == names


def rows_of_overview() -> list[list[str]]:
    (table,) = re.findall(r"(?:^\| `[\w/.]+` \| .*\n)+(?=\n## `velocity_events`)", PAGE, re.MULTILINE)
    return [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table.splitlines()]


@pytest.mark.parametrize(("number", "part"), [(0, None), (1, "header")])
def test_the_metadata_have_the_keys_of_the_page(lab: KymDataset, number: int, part: str | None) -> None:
    kinds = {"str": str, "int": int, "float": float, "list": list, "object": dict, "bool": bool}
    told = {
        key: (kinds[type_.split()[0]], always == "yes")
        for key, type_, always, _ in rows_of("`metadata`", number)
    }
    for record in lab.ds.iter_records():
        payload = record.load_metadata_payload()
        content = payload if part is None else payload[part]
        assert {key for key, (_, always) in told.items() if always} <= set(content) <= set(told)
        assert {key for key in content if not isinstance(content[key], told[key][0])} == set()


def test_the_velocity_trace_is_as_on_the_page(lab: KymDataset) -> None:
    told = {name: {"int": "int64", "float": "float64"}[type_] for name, type_, *_ in rows_of("`radon`")}
    for record in with_artifact(lab, "radon"):
        trace = record.load_df_parquet("radon")
        assert {name: str(dtype) for name, dtype in trace.dtypes.items()} == told
        for key, parameters in record.load_json("radon/params").items():
            assert key == f"{parameters['roi_id']}:{parameters['channel']}"


# What AcqStore has saved

STATISTICS = dict.fromkeys(("mean", "min", "max", "std", "se", "cv", "n"), 2.0)


def acqstore_folder(folder: Path) -> None:
    """Write a line scan with velocities, an event, heart rates and diameters."""
    tiff = folder / "cap.tif"
    tifffile.imwrite(tiff, np.arange(40, dtype=np.uint16).reshape(8, 5))
    event = {"id": "e1", "event_type": "rise", "x0": 0.1, "x1": 0.3, "duration": 0.2}
    event |= dict.fromkeys(("event_stats", "pre_win_stats", "post_win_stats"), STATISTICS)
    analyses: dict[str, dict[str, Any]] = {
        "radon_velocity": {"num_windows": 2},
        "event": {"events": [event], "parent_analysis_name": "radon_velocity"},
        "heart_rate": {"status": "ok"},
        "diameter": {"mean": 4.0},
    }
    entries = [
        {"analysis_name": name, "roi_id": 1, "channel": 0, "detection_params": {}, "summary": summary}
        for name, summary in analyses.items()
    ]
    sidecar = {"version": 2, "accepted": True, "rois": [{"roi_id": 1}], "analysis": entries}
    tiff.with_name("cap.tif.json").write_text(json.dumps(sidecar))
    trace = {"channel": 0, "roi_id": 1, "time_s": [0.1, 0.2], "theta_deg": 45.0, "velocity": [90.0, 110.0]}
    pd.DataFrame(trace).to_csv(tiff.with_name("cap.tif.radon_velocity.csv"), index=False)
    pd.DataFrame({"diameter_um": [4.0]}).to_csv(tiff.with_name("cap.tif.diameter.csv"), index=False)


def test_what_acqstore_s_analyses_give_is_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "kymographs").mkdir()
    acqstore_folder(tmp_path / "kymographs")
    kd = ingested(tmp_path)
    (record,) = kd.ds.iter_records()

    assert {key.partition("/analysis/")[2] for key in record.list_analysis_keys()} == {
        *(row[0] for row in rows_of_overview()),
        "heart_rate.json",
        "diameter.json",
        "diameter.parquet",
    }
    assert list(record.load_df_parquet("radon").columns) == [
        *(row[0] for row in rows_of("`radon`")),
        "theta_deg",
    ]
    assert set(record.load_json("radon/params")["1:0"]) >= {"analysis_name", "detection_params", "summary"}
    (event,) = kd.get_table("velocity_events").to_dict("records")
    declared = {row[0] for row in rows_of("`velocity_events`")}
    patterns = [
        row[0].replace("<statistic>", f"({'|'.join(STATISTICS)})")
        for row in rows_of("What AcqStore's analyses give", 1)
    ]
    others = set(event) - declared - {"image_id"}
    assert len(others) == 1 + 3 * len(STATISTICS)
    assert {name for name in others if not any(re.fullmatch(pattern, name) for pattern in patterns)} == set()
    assert (event["velocity_unit"], event["channel"], event["acqstore_id"]) == ("um/s", 0, "e1")
    assert pd.isna(event["score"])
    assert (event["baseline_before"], event["n_valid_in_event"]) == (2.0, 2)
    assert kd.get_table("radon_report")["velocity_unit"].tolist() == ["um/s"]
