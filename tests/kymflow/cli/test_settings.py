"""Settings on the command line: ``--set``, and those of a dataset's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow.core.plugins.registry import get_registry
from kymflow.testing import simulate_folder
from support.command_line import Run, one_line, read_json
from support.refreshing import open_dataset
from support.simple_indexers import write_distribution

SECTION = "[tool.kymflow.indexers.threshold]\n"


@pytest.fixture
def lab(run: Run, site: Path, tmp_path: Path) -> Path:
    """Two kymographs, ingested where an indexer with settings is installed."""
    write_distribution(site, "lab-settings", "1.0", "t = support.settable_indexers:Threshold")
    get_registry.cache_clear()
    simulate_folder(tmp_path / "in", 2, n_lines=20, n_pixels=8)
    run("ingest", tmp_path / "lab.zarr", tmp_path / "in")
    return tmp_path / "lab.zarr"


def levels(lab: Path) -> set[float]:
    return set(open_dataset(lab, "r").ds.load_table("threshold")["level"])


def test_set_is_for_one_run_and_says_how_to_keep_it(run: Run, lab: Path) -> None:
    told = run("refresh", lab, "--set", "threshold.level=4", "--set", "threshold.channel=green")
    assert levels(lab) == {4.0}
    assert 'threshold: level = 4.0, channel = "green" is for this run alone' in told.stderr
    assert 'the next refresh takes level = 2.0, channel = "red" again, and all images anew' in told.stderr
    assert "kymflow.toml below [tool.kymflow.indexers.threshold]" in told.stderr

    plan = read_json(run("refresh", lab, "--dry-run", "--json"))["tables"]["threshold"]
    (reasons,) = {tuple(one["reasons"]) for one in plan["stale"]}
    assert reasons == ('settings channel: "green" -> "red", level: 4.0 -> 2.0',)
    run("refresh", lab)
    assert levels(lab) == {2.0}


def test_settings_of_the_file_are_those_of_every_command(run: Run, lab: Path, tmp_path: Path) -> None:
    (lab / "kymflow.toml").write_text(f"{SECTION}level = 4\n", "utf-8")
    status = read_json(run("status", lab, "--json"))["tables"]
    assert [one["stale"] for one in status if one["table_name"] == "threshold"] == [2]
    run("ingest", lab, tmp_path / "in")
    assert levels(lab) == {4.0}
    told = run("rebuild", lab, "--set", "threshold.level=4.0")
    assert "for this run alone" not in told.stderr
    run("update", lab, "--set", "threshold.level=5", open_dataset(lab).ds.list_image_ids()[0])
    assert levels(lab) == {5.0}
    assert "level = 5.0" in " ".join(run("show", lab).stdout.split())
    shown = read_json(run("show", lab, "threshold", "--json"))
    assert shown["settings"]["level"] == 5.0


def test_indexers_verbose_lists_settings(run: Run, lab: Path) -> None:
    listed = run("indexers", "--verbose").stdout
    assert '  settings: level = 2.0, channel = "red", rois = [], note = null' in listed


@pytest.mark.parametrize(
    ("typed", "message", "code"),
    [
        ("threshold.level", "--set wants NAME.KEY=VALUE", 2),
        ("level=3", "--set wants NAME.KEY=VALUE", 2),
        (
            "threshold.level=high",
            "--set threshold.level=high: setting 'level' of indexer 'threshold' must be",
            1,
        ),
        ("threshold.levle=3", "no setting 'levle'; did you mean 'level'?", 1),
        (
            "threshold.level=-3",
            "--set threshold.level=-3: indexer 'threshold' refuses level = -3.0: a level",
            1,
        ),
        ("flow.level=3", "no indexer is named 'flow'", 1),
        ("images.level=3", "indexer 'images' has no settings", 1),
    ],
)
def test_what_is_wrong_with_an_option_is_one_line(
    run: Run, lab: Path, typed: str, message: str, code: int
) -> None:
    for command in (("rebuild", lab), ("refresh", lab), ("refresh", lab, "--dry-run"), ("update", lab, "x")):
        told = one_line(run(*command, "--set", typed, code=code))
        assert message in told or (command[0] == "update" and "x" in told)
    assert message in one_line(
        run("ingest", lab.parent / "new.zarr", lab.parent / "in", "--set", typed, code=code)
    )
    assert not (lab.parent / "new.zarr").exists()


def test_settings_of_an_indexer_that_does_not_run_are_refused(run: Run, lab: Path) -> None:
    told = one_line(run("refresh", lab, "--indexer", "images", "--set", "threshold.level=3", code=2))
    assert "'threshold' is not among the indexers of this run: images" in told


def test_what_is_wrong_in_the_file_names_the_file(run: Run, lab: Path) -> None:
    (lab / "kymflow.toml").write_text(f"{SECTION}level = 'high'\n", "utf-8")
    image_id = open_dataset(lab, "r").ds.list_image_ids()[0]
    for command in (["refresh"], ["rebuild"], ["status"], ["check"], ["delete", "--yes", image_id]):
        told = one_line(run(command[0], lab, *command[1:], code=1))
        assert (
            "lab.zarr/kymflow.toml: setting 'level' of indexer 'threshold' must be a number, got 'high'"
            in told
        )
    assert len(open_dataset(lab, "r").ds.list_image_ids()) == 2
