"""Commands: rebuild and update."""

from __future__ import annotations

from pathlib import Path

from kymflow import KymDataset
from support.command_line import Run, check_reports, one_line, read_json


def test_rebuild_makes_all_tables_again(run: Run, lab: Path) -> None:
    for path in (lab / "tables").glob("[rv]*.parquet"):
        path.unlink()

    content = read_json(run("rebuild", lab, "--json"))

    check_reports(content["tables"])
    assert content["tables"]["radon_report"]["rows"] == 3
    assert len(content["tables"]["radon_report"]["updated"]) == 4
    assert "radon_report" in run("rebuild", lab).stdout


def test_rebuild_takes_some_indexers(run: Run, lab: Path) -> None:
    content = read_json(run("rebuild", lab, "--indexer", "velocity_events", "--json"))

    assert list(content["tables"]) == ["velocity_events"]


def test_update_takes_some_images(run: Run, lab: Path) -> None:
    first, second, *_ = KymDataset(lab, "r").ds.list_image_ids()

    content = read_json(run("update", lab, second, first, "--json"))

    check_reports(content["tables"])
    for report in content["tables"].values():
        assert report["updated"] == [first, second]
        assert report["unchanged"] == 2
    assert "velocity_events" in run("update", lab, first, "--indexer", "velocity_events").stdout


def test_update_takes_images_by_name(run: Run, lab: Path) -> None:
    kd = KymDataset(lab, "r")
    source = kd.ds.load_sources_index().iloc[0]

    for name in (source["source_rel_path"], source["image_id"][:8]):
        content = read_json(run("update", lab, name, "--json"))
        assert content["tables"]["radon_report"]["updated"] == [source["image_id"]]


def test_update_of_an_unknown_image_is_one_line(run: Run, lab: Path) -> None:
    message = one_line(run("update", lab, "capilary_0002.tif", code=1))

    assert "has no image 'capilary_0002.tif'; did you mean 'capillary_0002.tif' or " in message
    assert message.endswith("is named by its file, the end of its path, or the start of its id.\n")


def test_update_of_a_deleted_image_removes_its_rows(run: Run, lab: Path) -> None:
    kd = KymDataset(lab)
    image_id = kd.get_table("velocity_events").loc[0, "image_id"]
    kd.ds.delete_image(image_id)

    report = read_json(run("update", lab, image_id, "--json"))["tables"]["velocity_events"]

    assert report["removed"] == [image_id]
    assert report["rows"] == 0


def test_a_failing_image_is_told_and_ends_with_1(run: Run, lab: Path) -> None:
    kd = KymDataset(lab)
    image_id = kd.ds.list_image_ids()[0]
    kd.ds.record(image_id).delete_analysis(suffixes=("/radon_report.parquet",))
    kd.ds.record(image_id).save_json("radon_report", "text")

    content = read_json(run("rebuild", lab, "--json", code=1))

    (failure,) = content["tables"]["radon_report"]["failed"]
    assert failure["image_id"] == image_id
    assert "indexer 'radon_report'" in failure["error"]
    assert content["tables"]["velocity_events"]["failed"] == []
    name = kd.ds.store.source_files()[image_id].relative_path
    assert f"failed: table radon_report, {name}: " in run("rebuild", lab, code=1).stdout
