"""A reader of an invented format comes in a wheel of its own, beside the wheels of kymflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kymflow import IndexerRegistry, KymDataset
from support.environments import Environment, Make
from support.plugin_projects import build_wheels, write_project, write_scans

NO_READER = "from kymflow import hookimpl\n\n@hookimpl\ndef kymflow_readers():\n    return [5]\n"


@pytest.fixture
def lab(wheels: dict[str, Path], make_environment: Make) -> Environment:
    """Core and built-in indexers."""
    return make_environment(*wheels.values())


def readers(lab: Environment) -> dict[str, str]:
    """Return the status of every reader of a plugin that is listed, by name."""
    return {info["name"]: info["status"] for info in lab.json("readers") if info["distribution"] != "kymflow"}


def test_it_is_listed_and_is_no_indexer(lab: Environment, tmp_path: Path) -> None:
    assert readers(lab) == {}
    lab.install(*build_wheels(tmp_path / "wheels", write_scans(tmp_path, priority=3)))

    (info,) = [info for info in lab.json("readers") if info["name"] == "lab-scans"]
    assert (info["distribution"], info["version"], info["priority"]) == ("lab-scans", "1.0", 3)
    assert info["summary"] == "Line scans in an invented text format (.scan), a line of numbers each."
    assert "lab-scans 1.0" in lab.kymflow("readers").stdout
    assert lab.indexers() == {"images": "ok", "radon_report": "ok", "velocity_events": "ok"}

    lab.uninstall("lab-scans")
    assert readers(lab) == {}


def test_a_broken_one_is_listed_and_told_to_who_ingests(lab: Environment, tmp_path: Path) -> None:
    project = write_project(tmp_path, "bad-scans", NO_READER)
    lab.install(*build_wheels(tmp_path / "wheels", project, write_scans(tmp_path)))

    assert readers(lab) == {"bad_scans": "broken", "lab-scans": "ok"}
    assert lab.indexers() == {"images": "ok", "radon_report": "ok", "velocity_events": "ok"}
    made = lab.kymflow("demo", "--json")
    assert (
        made.stderr.count("kymflow: warning: plugin 'bad_scans = bad_scans' of bad-scans 1.0 cannot be") == 1
    )
    assert '"radon_report"' in made.stdout


def test_an_ingest_takes_its_files(lab: Environment, tmp_path: Path) -> None:
    lab.install(*build_wheels(tmp_path / "wheels", write_scans(tmp_path)))
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "good.scan").write_text("1 2 3\n4 5 6\n", "utf-8")
    (folder / "bad.scan").write_text("not a number\n", "utf-8")

    told = lab.kymflow("ingest", "lab.zarr", folder, "--json", code=1).stdout

    report = json.loads(told)
    (image_id,) = report["new"]
    assert [failed["source"] for failed in report["failed"]] == ["bad.scan"]
    assert "ValueError: invalid literal" in report["failed"][0]["error"]
    kd = KymDataset(lab.folder / "lab.zarr", "r", registry=IndexerRegistry(()))
    assert kd.ds.record(image_id).load_array().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert kd.ds.record(image_id).load_metadata_payload() == {"read_by": "lab-scans", "notes": []}

    # A sidecar that its reader names makes the image one that has changed.
    (folder / "good.note").write_text("looked at", "utf-8")
    told = lab.kymflow("ingest", "lab.zarr", folder, "--json", code=1).stdout
    assert json.loads(told)["changed"] == [image_id]
    assert kd.ds.record(image_id).load_metadata_payload()["notes"] == ["looked at"]
