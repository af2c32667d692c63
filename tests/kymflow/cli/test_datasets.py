"""A user's mistakes: one line, nothing made, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow.cli import datasets
from support.command_line import Run, one_line
from support.simple_indexers import frame
from support.trees import tree


@pytest.mark.parametrize(
    "command", [["show"], ["show", "-", "radon_report"], ["rebuild"], ["update", "-", "a"]], ids=" ".join
)
def test_a_missing_dataset_is_told_and_not_made(run: Run, tmp_path: Path, command: list[str]) -> None:
    name, *rest = command
    path = tmp_path / "absent.zarr"

    line = one_line(run(name, path, *rest[1:], code=1))

    assert "there is no dataset at" in line
    assert not path.exists()


def test_a_missing_dataset_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    line = one_line(run("rebuild", tmp_path / "absent.zarr", code=1))

    assert line.rstrip().endswith(f"`kymflow ingest {tmp_path / 'absent.zarr'} FOLDER` makes one.")
    assert "mode=" not in line


@pytest.mark.parametrize("command", ["show", "rebuild", "update", "ingest"])
def test_a_folder_of_kymographs_in_place_of_a_dataset_is_refused(
    run: Run, folder: Path, command: str
) -> None:
    before = tree(folder)
    more = {"update": ["a"], "ingest": [folder]}.get(command, [])

    line = one_line(run(command, folder, *more, code=1))

    assert "is no kymflow dataset" in line
    assert tree(folder) == before


@pytest.mark.parametrize("command", ["show", "rebuild", "ingest"])
def test_a_file_in_place_of_a_dataset_is_refused(run: Run, folder: Path, command: str) -> None:
    (path,) = folder.rglob("capillary_0001.tif")
    before = tree(folder)

    line = one_line(run(command, path, *([folder] if command == "ingest" else []), code=1))

    assert "is no kymflow dataset but a file" in line
    assert tree(folder) == before


def test_swapped_arguments_make_and_destroy_nothing(
    run: Run, folder: Path, lab: Path, tmp_path: Path
) -> None:
    before_folder, before_lab = tree(folder), tree(lab)

    assert f"did you mean `kymflow ingest {lab} {folder}`?" in one_line(run("ingest", folder, lab, code=1))
    assert "is no folder to ingest from" in one_line(run("ingest", folder, tmp_path / "new.zarr", code=1))

    assert tree(folder) == before_folder
    assert tree(lab) == before_lab
    assert not (tmp_path / "new.zarr").exists()


def test_an_absent_folder_makes_no_dataset(run: Run, tmp_path: Path) -> None:
    line = one_line(run("ingest", tmp_path / "lab.zarr", tmp_path / "absent", code=1))

    assert "absent is no folder to ingest from" in line
    assert not (tmp_path / "lab.zarr").exists()


def test_an_empty_folder_name_is_not_the_present_folder(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    line = one_line(run("ingest", tmp_path / "new.zarr", "", code=1))

    assert "is an empty text; the present folder is '.'" in line
    assert not (tmp_path / "new.zarr").exists()


def test_an_unknown_table_is_told_with_those_that_are(run: Run, lab: Path) -> None:
    line = one_line(run("show", lab, "stalls", code=1))

    assert "has no table 'stalls'; its tables: images, radon_report, velocity_events" in line


def test_an_unknown_image_is_told(run: Run, lab: Path) -> None:
    before = tree(lab)

    assert "has no image 'nobody'" in one_line(run("update", lab, "nobody", code=1))
    assert tree(lab) == before


def test_show_of_an_unknown_image_is_told(run: Run, lab: Path) -> None:
    assert "nobody" in one_line(run("show", lab, "radon_report", "--image", "nobody", code=1))


def test_show_of_one_image_of_a_table_without_image_ids_is_told(run: Run, lab: Path) -> None:
    KymDataset(lab).ds.save_table("mine", frame(x=[1]))

    assert "image_id" in one_line(run("show", lab, "mine", "--image", "a", code=1))


def test_an_unknown_indexer_is_told_with_those_that_are(run: Run, lab: Path) -> None:
    for command in (["rebuild", lab], ["update", lab, "a"]):
        line = one_line(run(*command, "--indexer", "stalls", code=1))
        assert "no indexer is named 'stalls'; there are: images, radon_report, velocity_events" in line


@pytest.mark.parametrize("name", ["out.xls", "out", "out.csv.gz"])
def test_a_suffix_that_names_no_format_is_wrong_usage(run: Run, lab: Path, tmp_path: Path, name: str) -> None:
    line = one_line(run("show", lab, "radon_report", "-o", tmp_path / name, code=2))

    assert "--output must end with .csv, .xlsx, .parquet, .json, or be -, got" in line
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("limit", ["-1", "many"])
def test_a_limit_that_is_none_is_wrong_usage(run: Run, lab: Path, limit: str) -> None:
    assert "--limit" in run("show", lab, "radon_report", "--limit", limit, code=2).stderr


def test_an_image_id_that_could_climb_out_is_told(run: Run, lab: Path) -> None:
    assert "has no image '../x'." in one_line(run("update", lab, "../x", code=1))


def test_a_dataset_of_a_newer_version_is_told(run: Run, lab: Path) -> None:
    path = lab / "zarr.json"
    path.write_text(path.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 9'), "utf-8")

    for command in ("show", "rebuild"):
        assert "has schema version 9" in one_line(run(command, lab, code=1))


def test_arguments_in_another_order_are_recognised(run: Run, lab: Path) -> None:
    before = tree(lab)

    line = one_line(run("show", "velocity_events", lab, code=1))
    assert f"velocity_events is a table of {lab}: did you mean `kymflow show {lab} velocity_events`?" in line
    line = one_line(run("update", "capillary 1.tif", lab, code=1))
    assert f"comes first: did you mean `kymflow update {lab} 'capillary 1.tif'`?" in line
    line = one_line(run("delete", "a.tif", lab, "--yes", code=1))
    assert f"did you mean `kymflow delete {lab} a.tif`?" in line
    assert tree(lab) == before


def test_a_mistyped_table_is_told_with_what_is_like_it(run: Run, lab: Path) -> None:
    line = one_line(run("show", lab, "velocity_event", code=1))

    assert "has no table 'velocity_event'; did you mean 'velocity_events'? Its tables: " in line


def test_a_path_within_a_dataset_is_told_with_what_was_meant(run: Run, lab: Path, folder: Path) -> None:
    before = tree(lab)
    table = lab / "tables" / "velocity_events.parquet"

    line = one_line(run("show", table, code=1))
    assert f"did you mean `kymflow show {lab} velocity_events`?" in line
    for command in (["status", lab / "images"], ["ingest", lab / "images" / "new.zarr", folder]):
        line = one_line(run(*command, code=1))
        assert f"is a part of the dataset {lab}: give that" in line
    assert tree(lab) == before


def test_of_a_path_only_the_folders_that_are_there_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path.resolve()
    looked_into: list[Path] = []
    monkeypatch.setattr(datasets, "names_dataset", lambda path: looked_into.append(Path(path)))

    for missing in ("missing/lab.zarr", "x/" * 50 + "lab.zarr"):
        assert datasets.dataset_around(str(folder / missing)) is None
        assert looked_into == [folder, *folder.parents]
        looked_into.clear()


def test_a_dataset_is_no_folder_of_kymographs(run: Run, lab: Path, tmp_path: Path) -> None:
    for folder, what in ((lab, "is a dataset"), (lab / "images", "is inside a dataset")):
        line = one_line(run("ingest", tmp_path / "new.zarr", folder, code=1))
        assert f"{folder} {what}, no folder of kymographs" in line
    assert not (tmp_path / "new.zarr").exists()
