"""Commands: refresh and status."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow.core.plugins.registry import get_registry
from kymflow.core.runs.reports import UpdateReport
from kymflow.testing import simulate_folder
from support.command_line import Run, read_json
from support.plugin_makers import write_indexers
from support.refreshing import open_dataset, snapshot
from support.simple_indexers import write_distribution


@pytest.fixture
def lab(run: Run, tmp_path: Path) -> Path:
    """A folder of three kymographs, ingested; tables of the built-in indexers."""
    simulate_folder(tmp_path / "in", 3, n_lines=60, n_pixels=8)
    run("ingest", tmp_path / "lab.zarr", tmp_path / "in")
    return tmp_path / "lab.zarr"


def ids_of(path: Path) -> list[str]:
    return open_dataset(path, "r").ds.list_image_ids()


def nothing_done(rows: int) -> dict[str, Any]:
    report = {"rows": rows, "images": 3, "updated": [], "unchanged": 3, "removed": []}
    none = {"failed": [], "stale": [], "sources": [], "derived": False, "problem": ""}
    return {**report, **none}


def test_refresh_reports_in_json(run: Run, lab: Path) -> None:
    kd = open_dataset(lab)
    rows = {name: len(kd.ds.load_table(name)) for name in kd.ds.list_table_names()}

    first = read_json(run("refresh", lab, "--json"))
    assert first == {"tables": {name: nothing_done(n) for name, n in rows.items()}, "unusable": []}

    image_id = ids_of(lab)[0]
    kd.ds.record(image_id).save_json("velocity_events", [])
    kd.ds.record(image_id).delete_analysis(suffixes=["/velocity_events.parquet"])
    before = len(kd.ds.load_table("velocity_events"))
    own = (kd.ds.load_table("velocity_events")["image_id"] == image_id).sum()
    second = read_json(run("refresh", lab, "--json"))["tables"]
    assert second["radon_report"] == nothing_done(rows["radon_report"])
    assert second["velocity_events"] == {
        "rows": before - own,
        "images": 3,
        "updated": [image_id],
        "unchanged": 2,
        "removed": [],
        "failed": [],
        "stale": [],
        "sources": [],
        "derived": False,
        "problem": "",
    }


def test_a_failing_image_ends_a_refresh_with_1(run: Run, lab: Path) -> None:
    image_id = ids_of(lab)[1]
    (lab / "images" / image_id / "analysis" / "velocity_events.parquet").write_bytes(b"bad")

    found = read_json(run("refresh", lab, "--json", "--indexer", "velocity_events", code=1))
    (failed,) = found["tables"]["velocity_events"]["failed"]
    assert failed["image_id"] == image_id
    assert "velocity_events.parquet" in failed["error"]
    assert list(found["tables"]) == ["velocity_events"]
    # It is tried again; a dry run only tells.
    run("refresh", lab, "--json", code=1)
    plan = read_json(run("refresh", lab, "--dry-run", "--json"))["tables"]["velocity_events"]
    assert [stale["image_id"] for stale in plan["stale"]] == [image_id]
    assert plan["stale"][0]["reasons"][0].startswith("failed last time: ")


def test_a_dry_run_says_what_and_why_and_writes_nothing(run: Run, lab: Path) -> None:
    first, second, third = ids_of(lab)
    kd = open_dataset(lab)
    record = kd.ds.record(first)
    record.save_json("radon_report", {"mean_velocity": 1.0})
    record.save_metadata_payload({**record.load_metadata_payload(), "accepted": False})
    kd.ds.delete_image(third)
    before = snapshot(lab)

    found = read_json(run("refresh", lab, "--dry-run", "--json"))["tables"]
    assert sorted(found) == ["images", "radon_report", "velocity_events"]
    for plan in found.values():
        assert sorted(plan) == ["fresh", "indexer", "reason", "removed", "rewrite", "sources", "stale"]
        assert plan["removed"] == [third]
        assert plan["rewrite"] is False
    assert found["radon_report"]["indexer"] == "radon_report"
    assert second not in [stale["image_id"] for stale in found["radon_report"]["stale"]]
    words = run("refresh", lab, "--dry-run").stdout
    assert f"  {third}: deleted from the dataset\n" in words
    path = kd.ds.store.source_files()[first].relative_path
    assert f"\n  {path}: artifact 'metadata.json' changed" in words
    assert snapshot(lab) == before


def test_a_dry_run_names_images_together_that_share_a_reason(run: Run, lab: Path) -> None:
    simulate_folder(lab.parent / "more", 1, n_lines=60, n_pixels=8)
    open_dataset(lab).ingest_folder(lab.parent / "more")
    (lab / "tables" / "images.parquet").unlink()

    words = run("refresh", lab, "--dry-run", "--indexer", "images").stdout.splitlines()

    assert words[0] == "images: 4 stale, 0 to remove, 0 fresh"
    (line,) = words[1:]
    assert line.count("capillary_000") == 3
    assert line.endswith(".tif, and 1 more: there is no table yet, or it is damaged")


def test_status_in_json(run: Run, lab: Path, tmp_path: Path) -> None:
    kd = open_dataset(lab)
    before = snapshot(lab)
    (tmp_path / "in").rename(tmp_path / "moved")

    found = read_json(run("status", lab, "--json"))
    assert sorted(found) == [
        *("copies", "dataset", "images", "missing_sources", "not_analysed", "problem", "sources", "tables"),
        "unusable_names",
    ]
    assert (found["dataset"], found["images"]) == (str(lab), 3)
    assert found["tables"] == [
        {
            "table_name": name,
            "indexer": name,
            "rows": len(kd.ds.load_table(name)),
            "fresh": 3,
            "stale": 0,
            "failed": 0,
            "missing": 0,
            "removed": 0,
            "rewrite": False,
            "problem": "",
            "sources": [],
        }
        for name in ("images", "radon_report", "velocity_events")
    ]
    assert sorted(one["image_id"] for one in found["missing_sources"]) == kd.ds.list_image_ids()
    assert all(one["source"].startswith(str(tmp_path / "in")) for one in found["missing_sources"])
    result = run("status", lab)
    assert "velocity_events" in result.stdout
    assert "the source files of 3 images are not where they were" in result.stderr
    assert snapshot(lab) == before


def test_status_tells_when_the_version_of_the_plugin_has_moved_on(
    run: Run, lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for info in (tmp_path / "site").glob("*.dist-info"):
        for file in info.iterdir():
            file.unlink()
        info.rmdir()
    write_distribution(
        tmp_path / "site", "kymflow-indexers-builtin", "1.1.0", "builtin = kymflow_indexers_builtin"
    )
    get_registry.cache_clear()

    for table in read_json(run("status", lab, "--json"))["tables"]:
        assert "1.0.0, installed is 1.1.0 with the same schema version" in table["problem"]
        assert table["fresh"] == 3
    assert all(table.is_fresh for table in KymDataset(lab).status().tables)
    run("rebuild", lab)
    assert not any(table["problem"] for table in read_json(run("status", lab, "--json"))["tables"])


@pytest.mark.parametrize("command", [["refresh"], ["refresh", "--dry-run"], ["status"]])
def test_what_is_no_dataset_ends_with_1_and_one_line(run: Run, tmp_path: Path, command: list[str]) -> None:
    result = run(*command, tmp_path / "no.zarr", code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("kymflow: there is no dataset at ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "no.zarr").exists()


@pytest.mark.parametrize("command", [["refresh"], ["refresh", "--dry-run"]])
def test_an_unknown_indexer_ends_with_1(run: Run, lab: Path, command: list[str]) -> None:
    result = run(*command, lab, "--indexer", "nonesuch", code=1)
    assert "no indexer is named 'nonesuch'" in result.stderr


def test_wrong_usage_ends_with_2(run: Run) -> None:
    assert "dataset" in run("refresh", code=2).stderr.lower()
    assert "dataset" in run("status", code=2).stderr.lower()


def test_an_ingest_ends_with_a_refresh(run: Run, lab: Path, tmp_path: Path) -> None:
    found = read_json(run("ingest", lab, tmp_path / "in", "--json"))
    assert found["new"] == found["changed"] == []
    for report in found["tables"].values():
        assert report["updated"] == []
        assert report["unchanged"] == 3
    table = pd.read_parquet(lab / "tables" / "radon_report.parquet")
    assert set(table["image_id"]) <= set(ids_of(lab))


@pytest.fixture
def stalls(run: Run, lab: Path, site: Path) -> Path:
    """A plugin's module, with a table ``stalls`` of its own in the dataset."""
    write_distribution(site, "lab-stalls", "0.3", "lab = lab_stalls_plugin")
    write_indexers(site, "lab_stalls_plugin", "stalls")
    get_registry.cache_clear()
    run("refresh", lab)
    return site / "lab_stalls_plugin.py"


def spoil(module: Path) -> None:
    module.write_text("import no_such_module\n", "utf-8")
    sys.modules.pop(module.stem, None)
    get_registry.cache_clear()


@pytest.mark.filterwarnings("default::kymflow.PluginWarning")
def test_a_table_of_a_broken_plugin_is_told_and_ends_with_1(run: Run, lab: Path, stalls: Path) -> None:
    spoil(stalls)
    folder = lab.parent / "in"
    for command in (
        ["refresh", lab],
        ["rebuild", lab],
        ["update", lab, ids_of(lab)[0]],
        ["ingest", lab, folder],
    ):
        get_registry.cache_clear()
        result = run(*command, "--json", code=1)
        assert (
            "kymflow: stale: table stalls not brought up to date, as 'lab' of lab-stalls 0.3 cannot be used "
            "(broken); `kymflow indexers` says why, KYMFLOW_DISABLE_PLUGINS=lab-stalls switches it off\n"
        ) in result.stderr
        (unusable,) = read_json(result)["unusable"]
        assert (unusable["name"], unusable["status"], unusable["tables"]) == ("lab", "broken", ["stalls"])
    # Who asks for some tables only, or has switched it off, has what was wanted.
    run("refresh", lab, "--indexer", "velocity_events")


def test_what_is_switched_off_is_no_failure(
    run: Run, lab: Path, stalls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(stalls)
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGINS", "lab-stalls")
    assert read_json(run("refresh", lab, "--json"))["unusable"] == []


@pytest.mark.filterwarnings("default::kymflow.PluginWarning")
def test_indexers_in_conflict_end_with_1(run: Run, lab: Path, stalls: Path, site: Path) -> None:
    write_distribution(site, "other-stalls", "1.0", "other = other_stalls_plugin")
    write_indexers(site, "other_stalls_plugin", "stalls")
    get_registry.cache_clear()

    result = run("refresh", lab, "--json", code=1)

    assert [one["status"] for one in read_json(result)["unusable"]] == ["conflict", "conflict"]
    assert result.stderr.count("kymflow: stale: table stalls not brought up to date") == 2


def test_images_that_stay_stale_end_with_1(run: Run, lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = UpdateReport("radon_report", stale=["a"])
    monkeypatch.setattr(KymDataset, "refresh_all", lambda self, **how: {"radon_report": report})
    assert "stale: table radon_report, a: it went on changing" in run("refresh", lab, code=1).stdout


def test_status_names_images_that_are_not_analysed(run: Run, lab: Path) -> None:
    found = read_json(run("status", lab, "--json"))["not_analysed"]
    images = KymDataset(lab, "r").ds.load_table("images")
    expected = images.loc[~images["analysed"], ["image_id", "rel_path"]].sort_values("rel_path")
    assert [(one["image_id"], one["source"]) for one in found] == list(
        expected.itertuples(index=False, name=None)
    )
    assert len(found) == 1
    assert f"not analysed: 1 of 3 images: {found[0]['source']}" in run("status", lab).stdout


def test_status_tells_files_of_two_folders_apart(run: Run, lab: Path, folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "again")
    run("ingest", lab, folder.parent / "again")
    (line,) = [line for line in run("status", lab).stdout.splitlines() if line.startswith("not analysed")]
    assert "in/day 2/capillary_0003.tif, again/day 2/capillary_000" in line


def test_status_without_a_table_of_images_says_how_to_get_one(run: Run, lab: Path) -> None:
    KymDataset(lab).ds.drop_table("images")
    result = run("status", lab)
    assert "not analysed" not in result.stdout
    assert f"kymflow: `kymflow refresh {lab}` brings the tables up to date" in result.stderr
    assert read_json(run("status", lab, "--json"))["not_analysed"] is None


def test_reports_end_with_0_whatever_they_report_and_a_check_judges(run: Run, lab: Path) -> None:
    bad = lab.parent / "in" / "bad.tif"
    bad.write_bytes(b"nothing that anybody could read")
    for _ in range(2):
        # As long as it fails.
        run("ingest", lab, bad.parent, code=1)
    # What they are to do is done.
    for command in ("refresh", "rebuild"):
        run(command, lab, code=0)
    run("update", lab, "capillary_0001.tif", code=0)
    assert "failed source: " in run("status", lab, code=0).stdout
    assert "failed source: " in run("check", lab, code=1).stdout
    bad.unlink()
    run("ingest", lab, bad.parent, code=0)
    run("check", lab, code=0)

    image_id = ids_of(lab)[0]
    (lab / "images" / image_id / "analysis" / "radon_report.parquet").write_bytes(b"bad")
    run("refresh", lab, code=1)
    assert read_json(run("status", lab, "--json", code=0))["tables"][1]["failed"] == 1
    for report in (["refresh", lab, "--dry-run"], ["show", lab], ["images", lab], ["indexers"], ["readers"]):
        run(*report, code=0)
    run("check", lab, code=1)


def test_changed_code_makes_tables_of_other_code_anew(
    run: Run, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        read_json(run("refresh", lab, "--changed-code", "--dry-run", "--json"))["tables"]["images"]["fresh"]
        == 3
    )
    monkeypatch.setattr("kymflow.core.zarr.refresh.runs.code_digest", lambda indexer: "other")
    monkeypatch.setattr("kymflow.core.zarr.refresh.status.code_digest", lambda indexer: "other")
    assert (
        "images: made by other code of the same version; refresh it with --changed-code"
        in run("status", lab).stdout
    )
    assert "images: 0 stale, 0 to remove, 3 fresh" in run("refresh", lab, "--dry-run").stdout
    assert "made by other code" in run("refresh", lab, "--dry-run", "--changed-code").stdout
    run("refresh", lab, "--changed-code")
    assert "other code" not in run("status", lab).stdout
    assert {kd["code"] for kd in read_json(run("show", lab, "--json"))["tables"]} == {"other"}
