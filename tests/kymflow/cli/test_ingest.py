"""Commands: ingest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from support.command_line import Run, check_reports, one_line, read_json
from support.simple_indexers import frame


def test_ingest_makes_a_dataset_and_its_tables(run: Run, folder: Path, tmp_path: Path) -> None:
    result = run("ingest", tmp_path / "lab.zarr", folder)

    assert "4 new, 0 changed, 0 unchanged, 0 failed" in result.stdout
    assert result.stderr == ""
    assert KymDataset(tmp_path / "lab.zarr", "r").ds.list_table_names() == [
        "images",
        "radon_report",
        "velocity_events",
    ]


def test_ingest_as_json_has_the_documented_shape(run: Run, folder: Path, tmp_path: Path) -> None:
    content = read_json(run("ingest", tmp_path / "lab.zarr", folder, "--json"))

    assert sorted(content) == [
        *("changed", "conflicts", "duplicates", "failed", "missing", "new", "passed_over", "remarks"),
        *("tables", "unchanged", "unusable"),
    ]
    check_reports(content["tables"])
    assert len(content["new"]) == 4
    assert (content["changed"], content["conflicts"], content["failed"]) == ([], [], [])


def test_ingest_again_takes_only_changes(run: Run, folder: Path, lab: Path) -> None:
    (path,) = folder.rglob("capillary_0002_events.json")
    path.write_text(path.read_text("utf-8").replace("unreviewed", "true_stall"), "utf-8")
    assert read_json(run("ingest", lab, folder, "--new-only", "--json"))["changed"] == []

    content = read_json(run("ingest", lab, folder, "--json"))

    assert len(content["changed"]) == 1
    assert content["tables"]["velocity_events"]["updated"] == content["changed"]
    assert content["tables"]["velocity_events"]["unchanged"] == 3


def test_an_ingest_that_cannot_know_what_it_has_taken_in_says_so(run: Run, folder: Path, lab: Path) -> None:
    said = "nothing told from which files the {} of the dataset came (there was no tables/sources.parquet)"
    n = len(KymDataset(lab).ds.list_image_ids())
    assert "nothing told" not in run("ingest", lab, folder).stderr

    (lab / "tables" / "sources.parquet").unlink()
    told = run("ingest", lab, folder).stderr
    assert said.format(f"{n} images") in told
    assert "is there twice now; `kymflow delete " in told
    assert "nothing told" not in run("ingest", lab, folder).stderr


def test_ingest_reports_conflicts_and_overwrites_on_demand(run: Run, folder: Path, lab: Path) -> None:
    kd = KymDataset(lab)
    image_id = kd.get_table("velocity_events").loc[0, "image_id"]
    kd.ds.record(image_id).save_df_parquet("velocity_events", frame(roi_id=[1], kind=["mine"]))
    (path,) = folder.rglob("capillary_0002_events.json")
    path.write_text(path.read_text("utf-8").replace("unreviewed", "true_stall"), "utf-8")

    content = read_json(run("ingest", lab, folder, "--json"))
    assert content["conflicts"] == [
        {
            "image_id": image_id,
            "source": "day 1/capillary_0002.tif",
            "part": "analysis/velocity_events.parquet",
        }
    ]
    assert "--overwrite takes the folder's" in run("ingest", lab, folder).stdout
    assert read_json(run("ingest", lab, folder, "--overwrite", "--json"))["conflicts"] == []


def test_a_source_that_fails_is_told_and_ends_with_1(run: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.tif").write_bytes(b"nothing")

    result = run("ingest", tmp_path / "lab.zarr", folder, "--json", code=1)

    content = read_json(result)
    assert len(content["new"]) == 4
    assert [failure["source"] for failure in content["failed"]] == ["broken.tif"]
    assert "as TIFF" in content["failed"][0]["error"]
    assert "failed: broken.tif" in run("ingest", tmp_path / "lab.zarr", folder, code=1).stdout


def test_a_pattern_that_nothing_fits_is_told(run: Run, folder: Path, tmp_path: Path) -> None:
    assert "no file in" in run("ingest", tmp_path / "lab.zarr", folder, "--pattern", "*.oir").stderr


def test_a_folder_with_spaces_and_accents_is_as_good_as_any(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "Zürich 28d – été" / "señal"
    simulate_folder(folder, 1, n_lines=60, n_pixels=8)
    dataset = tmp_path / "Mein Labor.zarr"

    assert len(read_json(run("ingest", dataset, folder, "--json"))["new"]) == 1
    assert str(folder) in run("ingest", dataset, folder).stdout
    assert read_json(run("show", dataset, "radon_report", "--source", "--json"))["data"][0]["file_name"]


def test_an_object_store_is_as_good_as_a_disk(run: Run, folder: Path, object_url: str) -> None:
    run("ingest", object_url, folder)

    assert read_json(run("show", object_url, "--json"))["images"] == 4
    assert "there is no dataset at" in one_line(run("rebuild", f"{object_url}-not", code=1))


def test_every_file_of_a_folder_is_accounted_for(run: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "bad.tif").write_text("no image")
    (folder / "scan.oir").touch()
    (folder / "other.czi").touch()
    (folder / "more.lsm").touch()
    (folder / "lost_radon.csv").touch()
    (folder / "day 1" / "twin.tif").write_bytes((folder / "day 1" / "capillary_0001.tif").read_bytes())

    result = run("ingest", tmp_path / "lab.zarr", folder, code=1)

    said = result.stdout.partition("\ntables")[0].splitlines()
    assert said[0].endswith(": 5 new, 0 changed, 0 unchanged, 1 failed")
    assert said[1].startswith("failed: bad.tif: cannot read ")
    assert said[2:] == [
        "twice: day 1/capillary_0001.tif, day 1/twin.tif have the same content; each is an image of its own",
        "passed over (1), a sidecar of no image: lost_radon.csv",
        "passed over (3), an image that no reader takes: more.lsm, other.czi, ...",
    ]
    content = read_json(run("ingest", tmp_path / "lab.zarr", folder, "--json", code=1))
    assert [one["path"] for one in content["passed_over"]] == [
        *("lost_radon.csv", "more.lsm", "other.czi", "scan.oir"),
    ]


def test_what_failed_is_told_until_it_is_mended(run: Run, folder: Path, tmp_path: Path) -> None:
    lab = tmp_path / "lab.zarr"
    run("ingest", lab, folder)
    (folder / "bad.tif").write_text("no image")
    (folder / "day 2" / "capillary_0003.tif").unlink()
    run("ingest", lab, folder, code=1)

    for command, code in (("status", 0), ("check", 1)):
        said = run(command, lab, code=code).stdout
        assert "failed source: " in said
        assert f"{folder / 'bad.tif'}" in said
        gone = folder / "day 2" / "capillary_0003.tif"
        assert f"gone: {gone} is not in its folder any more; its image stays\n" in said
    found = read_json(run("status", lab, "--json"))["sources"]
    assert [one["source"] for one in found["failed"]] == [str(folder / "bad.tif")]

    (folder / "bad.tif").unlink()
    run("ingest", lab, folder)
    assert "failed source" not in run("status", lab).stdout
    assert "nothing is wrong" in run("check", lab).stdout


def test_verify_finds_an_edit_under_the_same_size_and_time(run: Run, folder: Path, lab: Path) -> None:
    (path,) = folder.rglob("capillary_0002_events.json")
    then = path.stat().st_mtime_ns
    os.utime(path, ns=(then, then - 10**10))
    assert read_json(run("ingest", lab, folder, "--json"))["changed"] == []
    text = path.read_text("utf-8")
    path.write_text(text.replace("unreviewed", "reviewed__"), "utf-8")
    os.utime(path, ns=(then, then - 10**10))
    assert read_json(run("ingest", lab, folder, "--json"))["changed"] == []

    assert len(read_json(run("ingest", lab, folder, "--verify", "--json"))["changed"]) == 1


def test_a_url_with_one_slash_makes_no_folder(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = run("ingest", "s3:/bucket/lab.zarr", folder, code=1)

    assert "did you mean s3://bucket/lab.zarr?" in one_line(result)
    assert not (tmp_path / "s3:").exists()
