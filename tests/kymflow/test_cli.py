from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from simple_indexers import add_image, frame, write_distribution
from typer.testing import CliRunner, Result

from kymflow import KymDataset, __version__
from kymflow.cli.main import app
from kymflow.plugins.registry import get_registry
from kymflow.testing import simulate_folder

SRC = Path(__file__).resolve().parents[2] / "src"

Run = Callable[..., Result]


@pytest.fixture
def run(site: Path) -> Run:
    """Run a command in this process, with the built-in indexers installed; check its exit code."""

    def run(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four kymographs, three of them analysed, one with events."""
    folder = tmp_path / "kymographs"
    simulate_folder(folder, 4, n_lines=200, n_pixels=12)
    return folder


@pytest.fixture
def lab(run: Run, folder: Path, tmp_path: Path) -> Path:
    """The folder, ingested."""
    run("ingest", tmp_path / "lab.zarr", folder)
    return tmp_path / "lab.zarr"


def read_json(result: Result) -> Any:
    return json.loads(result.stdout)


def one_line(result: Result) -> str:
    """Return the one line on standard error; nothing is on standard output."""
    assert result.stdout == ""
    assert result.stderr.startswith("kymflow: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


REPORT = {"rows": int, "images": int, "updated": list, "unchanged": int, "removed": list, "failed": list}


def check_reports(tables: dict[str, Any]) -> None:
    assert sorted(tables) == ["radon_report", "velocity_events"]
    for report in tables.values():
        assert {name: type(value) for name, value in report.items()} == REPORT


# Help, version


def test_help_lists_every_command(run: Run) -> None:
    words = run("--help").stdout.split()

    assert {"demo", "ingest", "indexers", "rebuild", "update", "show"} <= set(words)


@pytest.mark.parametrize("command", ["demo", "ingest", "indexers", "rebuild", "update", "show"])
def test_every_command_has_help(run: Run, command: str) -> None:
    assert "--json" in run(command, "--help").stdout


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout == f"kymflow {__version__}\n"


def test_no_command_at_all_shows_the_help(run: Run) -> None:
    assert "ingest" in run(code=2).output


@pytest.mark.parametrize("arguments", [["--no-such"], ["no-such"], ["ingest"], ["update", "lab.zarr"]])
def test_wrong_usage_ends_with_2_and_says_how(run: Run, arguments: list[str]) -> None:
    result = run(*arguments, code=2)

    assert result.stdout == ""
    assert "Error" in result.stderr
    assert "Traceback" not in result.stderr


# indexers


def test_indexers_lists_what_is_installed(run: Run) -> None:
    out = run("indexers").stdout

    assert "velocity_events" in out
    assert "kymflow-indexers-builtin 1.0.0" in out


def test_indexers_as_json_is_a_list_of_documented_fields(run: Run) -> None:
    found = read_json(run("indexers", "--json"))

    assert found[0].pop("required_columns") == ["mean_velocity", "median_velocity", "n_valid", "notes"]
    assert "score" in found[1].pop("required_columns")
    assert all(info.pop("summary").endswith(".") for info in found)
    assert found == [
        {
            "name": name,
            "table_name": name,
            "schema_version": "1",
            "distribution": "kymflow-indexers-builtin",
            "version": "1.0.0",
            "entry_point": "builtin = kymflow_indexers_builtin",
            "status": "ok",
            "error": None,
            "traceback": None,
        }
        for name in ("radon_report", "velocity_events")
    ]


def test_indexers_verbose_shows_columns(run: Run) -> None:
    out = run("indexers", "-v").stdout

    assert "required columns: mean_velocity, median_velocity, n_valid, notes" in out


def test_indexers_lists_a_broken_plugin_with_its_cause(run: Run, site: Path) -> None:
    write_distribution(site, "lab-indexers", "0.1", "lab = no_such_lab_indexers")

    found = {info["name"]: info for info in read_json(run("indexers", "--json"))}
    assert found["lab"]["status"] == "broken"
    assert "no_such_lab_indexers" in found["lab"]["error"]
    assert found["lab"]["distribution"] == "lab-indexers"
    result = run("indexers")
    assert "broken" in result.stdout
    assert result.stderr == ""


def test_without_plugins_it_says_what_to_install(
    run: Run, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib_metadata.distributions", list)
    get_registry.cache_clear()

    for command in (["indexers"], ["rebuild", lab]):
        result = run(*command)
        assert "pip install kymflow-indexers-builtin" in result.stderr
    assert read_json(run("rebuild", lab, "--json")) == {"tables": {}}
    assert read_json(run("indexers", "--json")) == []


@pytest.mark.filterwarnings("default::kymflow.PluginWarning")
def test_where_all_plugins_are_broken_it_does_not_claim_that_none_is_installed(
    run: Run, lab: Path, site: Path
) -> None:
    (entry_points,) = site.glob("*.dist-info/entry_points.txt")
    entry_points.write_text("[kymflow.indexers]\nbuiltin = no_such_module\n", "utf-8")
    get_registry.cache_clear()

    stderr = run("rebuild", lab).stderr

    assert "no_such_module" in stderr
    assert "no indexer is installed" not in stderr


# ingest


def test_ingest_makes_a_dataset_and_its_tables(run: Run, folder: Path, tmp_path: Path) -> None:
    result = run("ingest", tmp_path / "lab.zarr", folder)

    assert "4 new, 0 changed, 0 unchanged, 0 failed" in result.stdout
    assert result.stderr == ""
    assert KymDataset(tmp_path / "lab.zarr", "r").ds.list_table_names() == ["radon_report", "velocity_events"]


def test_ingest_as_json_has_the_documented_shape(run: Run, folder: Path, tmp_path: Path) -> None:
    content = read_json(run("ingest", tmp_path / "lab.zarr", folder, "--json"))

    assert sorted(content) == ["changed", "conflicts", "failed", "new", "tables"]
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


# rebuild and update


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
    assert f"failed: table radon_report, image {image_id}" in run("rebuild", lab, code=1).stdout


# show


def test_show_tells_what_a_dataset_has(run: Run, lab: Path) -> None:
    out = run("show", lab).stdout
    assert "4 images, Zarr v3" in out
    assert "indexer radon_report (schema version 1) of kymflow-indexers-builtin 1.0.0" in out

    content = read_json(run("show", lab, "--json"))
    assert content["images"] == 4
    assert [table["name"] for table in content["tables"]] == ["radon_report", "velocity_events"]
    column = next(c for c in content["tables"][0]["columns"] if c["name"] == "mean_velocity")
    assert column == {
        "name": "mean_velocity",
        "type": "double",
        "unit": "mm/s",
        "description": "Mean of the valid velocities",
    }


def test_show_of_an_empty_dataset(run: Run, tmp_path: Path) -> None:
    KymDataset(tmp_path / "empty.zarr")

    assert "0 images" in run("show", tmp_path / "empty.zarr").stdout


def test_show_lists_a_damaged_table_with_its_cause(run: Run, lab: Path) -> None:
    (lab / "tables" / "radon_report.parquet").write_bytes(b"nothing")

    tables = {table["name"]: table for table in read_json(run("show", lab, "--json"))["tables"]}

    assert "cannot be read" in tables["radon_report"]["error"]
    assert tables["velocity_events"]["error"] is None
    assert "cannot be read" in one_line(run("show", lab, "radon_report", code=1))


def test_show_prints_rows_up_to_a_limit(run: Run, lab: Path) -> None:
    out = run("show", lab, "radon_report", "--limit", 2).stdout
    assert "radon_report: 2 of 3 rows" in out

    content = read_json(run("show", lab, "radon_report", "--limit", 1, "--json"))
    assert content["rows"] == 3
    assert len(content["data"]) == 1
    assert read_json(run("show", lab, "radon_report", "--limit", 0, "--json"))["data"] == []


def test_show_prints_twenty_rows_unless_told(run: Run, lab: Path) -> None:
    KymDataset(lab).ds.save_table("long", frame(image_id=["a"] * 30, x=range(30)))

    assert "long: 20 of 30 rows" in run("show", lab, "long").stdout


def test_show_of_one_image(run: Run, lab: Path) -> None:
    image_id = KymDataset(lab, "r").get_table("radon_report").loc[1, "image_id"]

    content = read_json(run("show", lab, "radon_report", "--image", image_id, "--json"))

    assert [row["image_id"] for row in content["data"]] == [image_id]


def test_show_with_the_source_of_each_image(run: Run, lab: Path) -> None:
    rows = read_json(run("show", lab, "velocity_events", "--source", "--json"))["data"]

    assert {(row["rel_path"], row["file_name"]) for row in rows} == {
        ("day 1/capillary_0002.tif", "capillary_0002.tif")
    }


def test_show_with_source_of_images_that_came_from_no_folder(run: Run, tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "own.zarr")
    add_image(kd, "a").save_json("radon_report", {"n_valid": 1})
    kd.rebuild("radon_report")

    rows = read_json(run("show", tmp_path / "own.zarr", "radon_report", "--source", "--json"))["data"]

    assert rows[0]["file_name"] is None


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet", ".CSV"])
def test_show_writes_all_rows_to_a_file(run: Run, lab: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out put{suffix}"
    table = KymDataset(lab, "r").get_table("radon_report")
    read = {".csv": pd.read_csv, ".json": pd.read_json, ".parquet": pd.read_parquet}[suffix.lower()]

    result = run("show", lab, "radon_report", "--output", path)

    assert result.stdout == f"3 of 3 rows -> {path}\n"
    found = read(path)
    assert list(found.columns) == list(table.columns)
    np.testing.assert_allclose(found["mean_velocity"], table["mean_velocity"], rtol=1e-12)
    if suffix == ".parquet":
        assert_frame_equal(found, table)
    assert [other.name for other in tmp_path.glob(".*")] == []


def test_numbers_in_json_are_exact(run: Run, lab: Path, tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1 / 3, 1.2345678901234567e-9, 123456.12345678901]
    KymDataset(lab).ds.save_table("exact", frame(image_id=["a"] * 4, x=values))

    run("show", lab, "exact", "-o", tmp_path / "exact.json")

    assert [row["x"] for row in json.loads((tmp_path / "exact.json").read_text("utf-8"))] == values


def test_show_writes_at_most_so_many_rows_on_demand(run: Run, lab: Path, tmp_path: Path) -> None:
    run("show", lab, "radon_report", "-o", tmp_path / "out.csv", "--limit", 1)

    assert len(pd.read_csv(tmp_path / "out.csv")) == 1


def test_a_file_that_cannot_be_written_leaves_the_old_one(run: Run, lab: Path, tmp_path: Path) -> None:
    assert "no-folder" in one_line(
        run("show", lab, "radon_report", "-o", tmp_path / "no-folder" / "out.csv", code=1)
    )


# A user's mistakes: one line, nothing made, nothing lost


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
    assert "kymflow ingest" in one_line(run("rebuild", tmp_path / "absent.zarr", code=1))


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

    assert "is no kymflow dataset" in one_line(run("ingest", folder, lab, code=1))
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

    assert "has no table 'stalls'; its tables: radon_report, velocity_events" in line


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
        assert "no indexer is named 'stalls'; there are: radon_report, velocity_events" in line


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.csv.gz"])
def test_a_suffix_that_names_no_format_is_wrong_usage(run: Run, lab: Path, tmp_path: Path, name: str) -> None:
    line = one_line(run("show", lab, "radon_report", "-o", tmp_path / name, code=2))

    assert "--output must end with .csv, .json, .parquet" in line
    assert not (tmp_path / name).exists()


def test_options_of_rows_need_a_table(run: Run, lab: Path) -> None:
    for options in (["--source"], ["--image", "a"], ["-o", "out.csv"]):
        assert "need the name of a table" in run("show", lab, *options, code=2).stderr


@pytest.mark.parametrize("limit", ["-1", "many"])
def test_a_limit_that_is_none_is_wrong_usage(run: Run, lab: Path, limit: str) -> None:
    assert "--limit" in run("show", lab, "radon_report", "--limit", limit, code=2).stderr


def test_an_image_id_that_could_climb_out_is_told(run: Run, lab: Path) -> None:
    assert "cannot be used as image id" in one_line(run("update", lab, "../x", code=1))


def test_a_dataset_of_a_newer_version_is_told(run: Run, lab: Path) -> None:
    path = lab / "zarr.json"
    path.write_text(path.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 9'), "utf-8")

    for command in ("show", "rebuild"):
        assert "has schema version 9" in one_line(run(command, lab, code=1))


def test_an_object_store_is_as_good_as_a_disk(run: Run, folder: Path, object_url: str) -> None:
    run("ingest", object_url, folder)

    assert read_json(run("show", object_url, "--json"))["images"] == 4
    assert "there is no dataset at" in one_line(run("rebuild", f"{object_url}-not", code=1))


# demo


def test_demo_does_everything_once(run: Run, tmp_path: Path) -> None:
    result = run("demo", tmp_path / "demo")

    for words in (
        "simulated 6 kymographs",
        "ingested 6 of 6",
        "rebuilt radon_report",
        "updated just that image",
    ):
        assert words in result.stdout
    assert result.stderr == ""
    kd = KymDataset(tmp_path / "demo" / "lab.zarr", "r")
    assert "true_stall" in set(kd.get_table("velocity_events")["user_type"])


def test_demo_makes_its_own_folder_here(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    run("demo")

    assert (tmp_path / "kymflow-demo" / "lab.zarr" / "tables" / "velocity_events.parquet").is_file()


def test_demo_as_json(run: Run, tmp_path: Path) -> None:
    content = read_json(run("demo", tmp_path / "a new" / "demo", "--json"))

    check_reports(content["tables"])
    assert len(content["new"]) == 6
    assert content["edited"] in content["new"]
    assert content["tables"]["velocity_events"]["updated"] == [content["edited"]]
    assert Path(content["dataset"]).is_dir()
    assert Path(content["folder"]).is_dir()
    assert all(step["seconds"] >= 0 for step in content["steps"])


def test_demo_does_not_touch_a_folder_that_holds_something(run: Run, folder: Path) -> None:
    before = tree(folder)

    assert "is not empty" in one_line(run("demo", folder, code=1))
    assert tree(folder) == before


# As a process


def as_process(*arguments: object, site: Path | None = None, **environment: str) -> dict[str, Any]:
    path = os.pathsep.join(str(folder) for folder in (site, SRC) if folder is not None)
    return {
        "args": [sys.executable, "-c", "from kymflow.cli.main import main; main()", *map(str, arguments)],
        "env": {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", **environment},
        "encoding": "utf-8",
        "errors": "replace",
    }


def process(
    *arguments: object, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **how: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        **as_process(*arguments, **how), stdout=stdout, stderr=stderr, timeout=300, check=False
    )


def test_help_loads_nothing_heavy() -> None:
    code = """
import sys
sys.argv = ["kymflow", "--help"]
from kymflow.cli.main import main
try:
    main()
except SystemExit:
    pass
print([n for n in ("pandas", "numpy", "zarr", "pyarrow", "rich", "tifffile", "obstore") if n in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=True
    )

    assert "ingest" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_whole_run_in_a_pipe_prints_no_progress_and_no_escapes(
    site: Path, folder: Path, tmp_path: Path
) -> None:
    done = process("ingest", tmp_path / "lab.zarr", folder, site=site)

    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "4 new" in done.stdout


def test_a_mistake_is_one_line_and_no_traceback_as_a_process_too(tmp_path: Path) -> None:
    done = process("show", tmp_path / "absent.zarr")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "there is no dataset at" in done.stderr


def test_a_broken_plugin_is_warned_of_in_one_line_and_the_others_work(lab: Path, site: Path) -> None:
    write_distribution(site, "lab-indexers", "0.1", "lab = lab_indexers_broken")
    (site / "lab_indexers_broken.py").write_text("raise RuntimeError('first line\\nsecond line')", "utf-8")

    done = process("rebuild", lab, "--json", site=site)

    assert done.returncode == 0
    assert sorted(json.loads(done.stdout)["tables"]) == ["radon_report", "velocity_events"]
    assert done.stderr.startswith("kymflow: warning: plugin 'lab = lab_indexers_broken' of lab-indexers 0.1")
    assert done.stderr.count("\n") == 1


def test_a_console_that_lacks_a_letter_is_no_reason_to_fail(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "日本"
    simulate_folder(folder, 1, n_lines=60, n_pixels=8)
    console = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}

    for options in ([], ["--json"]):
        done = process("ingest", folder / "lab.zarr", folder, *options, site=site, **console)
        assert "Traceback" not in done.stderr
        assert done.returncode == 0


@pytest.fixture
def many_rows(lab: Path) -> Path:
    """The lab with a table ``many``, of which no pipe takes all rows at once."""
    KymDataset(lab).ds.save_table("many", pd.DataFrame({"image_id": "a", "n": range(20_000)}))
    return lab


@pytest.fixture
def nobody() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


# Where nothing is buffered, it is the first line that fails; else the last flush, if the output is short.
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "indexers",
        "show LAB",
        "show LAB --json",
        "show LAB many --json",
        "check LAB",
    ],
)
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    many_rows: Path, site: Path, nobody: int, command: str, unbuffered: str
) -> None:
    arguments = [str(many_rows) if word == "LAB" else word for word in command.split()]
    done = process(*arguments, site=site, stdout=nobody, PYTHONUNBUFFERED=unbuffered)

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_in_the_middle_ends_it_quietly(
    many_rows: Path, site: Path, unbuffered: str
) -> None:
    how = as_process("show", many_rows, "many", "--json", site=site, PYTHONUNBUFFERED=unbuffered)
    with subprocess.Popen(**how, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "{\n"
        running.stdout.close()
        assert running.stderr.read() == ""

    assert running.returncode == 141


@pytest.mark.parametrize("arguments", [["nonsense"], ["show"], ["show", "absent.zarr"]])
def test_mistakes_that_nobody_reads_end_in_the_same_way(nobody: int, arguments: list[str]) -> None:
    done = process(*arguments, stdout=nobody, stderr=nobody)

    assert done.returncode == 141


def test_a_plugin_that_prints_is_not_to_blame_if_nobody_reads(lab: Path, site: Path, nobody: int) -> None:
    talk(site)
    done = process("rebuild", lab, site=site, stdout=nobody, PYTHONUNBUFFERED="1")

    assert (done.returncode, done.stderr) == (141, "")


def test_what_plugins_print_in_workers_does_not_come_between_the_results(lab: Path, site: Path) -> None:
    talk(site)
    done = process("rebuild", lab, "--indexer", "talker", "--workers", "2", "--json", site=site)

    assert json.loads(done.stdout)["tables"]["talker"]["rows"] == 4
    assert done.stderr.splitlines() == ["a word"] * 4


def talk(site: Path) -> None:
    """Install an indexer that prints a word for each image."""
    write_distribution(site, "lab-talker", "0.1", "talker = lab_talker_plugin")
    code = (
        "import pandas as pd\n"
        "from kymflow import hookimpl\n"
        "class Talker:\n"
        "    name = table_name = 'talker'\n"
        "    def extract_rows(self, rec):\n"
        "        print('a word')\n"
        "        return pd.DataFrame({'n': [1]})\n"
        "@hookimpl\n"
        "def kymflow_indexers():\n"
        "    return [Talker()]\n"
    )
    (site / "lab_talker_plugin.py").write_text(code, "utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_in_one_line(lab: Path, site: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = process("show", lab, site=site, stdout=full.fileno())

    assert (done.returncode, done.stderr) == (1, "kymflow: [Errno 28] No space left on device\n")
