"""Commands where an installed plugin makes a table of other tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset, get_registry
from support.command_line import REPORT, Run, read_json
from support.simple_indexers import write_distribution
from support.terminals import on_terminal

CODE = """
import pandas as pd
from kymflow import Column

class ConditionMeans:
    '''Mean velocity of each condition.'''

    name = "condition_means"
    sources = ("radon_report", "images")
    columns = (Column("condition", "str"), Column("mean_velocity", "float", "mm/s", "Mean of its images"))

    def derive(self, tables):
        reports = tables["radon_report"].merge(tables["images"], on="image_id", suffixes=("", "_image"))
        groups = reports.groupby("condition", as_index=False, dropna=False)
        return groups.agg(mean_velocity=("mean_velocity", "mean"))
"""


def write_plugin(site: Path, code: str = CODE) -> None:
    sys.modules.pop("lab_means", None)
    (site / "lab_means.py").write_text(code, "utf-8")
    get_registry.cache_clear()


@pytest.fixture
def means(site: Path) -> Iterator[Path]:
    """The plugin, installed beside the built-in indexers; the file of its module."""
    write_distribution(site, "lab-means", "2.0", "means = lab_means:ConditionMeans")
    write_plugin(site)
    yield site / "lab_means.py"
    sys.modules.pop("lab_means", None)


@pytest.fixture
def failing(means: Path, lab: Path) -> Path:
    """The lab with its table, after which the plugin fails and a source has changed."""
    write_plugin(means.parent, CODE.replace("reports = ", "raise ValueError('no rest')\n        reports = "))
    kd = KymDataset(lab)
    kd.ds.save_table("images", kd.ds.load_table("images"))
    report = kd.ds.load_table("radon_report")
    kd.ds.record(report["image_id"][0]).save_json("radon_report", {"mean_velocity": 9.5, "n_valid": 1})
    return lab


def test_an_ingest_makes_it_and_its_report_has_the_keys_of_all(
    run: Run, means: Path, folder: Path, tmp_path: Path
) -> None:
    content = read_json(run("ingest", tmp_path / "lab.zarr", folder, "--json"))

    assert list(content["tables"]) == ["images", "radon_report", "velocity_events", "condition_means"]
    report = content["tables"]["condition_means"]
    assert {name: type(value) for name, value in report.items()} == REPORT
    assert report["sources"] == ["radon_report", "images"]
    assert (report["derived"], report["problem"], report["images"]) == (True, "", 0)


def test_reports_name_it_and_what_it_is_made_of(run: Run, means: Path, lab: Path) -> None:
    lines = run("rebuild", lab).stdout.splitlines()

    assert "derived: table condition_means, of radon_report, images" in lines
    assert "unchanged: table condition_means, of radon_report, images" in run("refresh", lab).stdout
    row = next(line for line in lines if line.startswith("condition_means"))
    # Nothing is told of images.
    assert len(row.split()) == 3


def test_an_update_of_one_table_takes_it_along(run: Run, means: Path, lab: Path) -> None:
    content = read_json(run("rebuild", lab, "--indexer", "radon_report", "--json"))

    assert list(content["tables"]) == ["radon_report", "condition_means"]


def test_the_status_says_fresh_or_why_it_is_stale(run: Run, means: Path, lab: Path) -> None:
    shown = run("status", lab).stdout
    assert "condition_means: of radon_report, images; fresh\n" in shown

    kd = KymDataset(lab)
    kd.ds.save_table("images", kd.ds.load_table("images").assign(condition="rest"))
    # By hand: its own indexer makes it anew.
    result = run("status", lab)
    why = "source table 'images' is to be brought up to date first"
    assert f"condition_means: of radon_report, images; stale: {why}\n" in result.stdout
    assert "brings the tables up to date" in result.stderr
    (table,) = [
        one
        for one in read_json(run("status", lab, "--json"))["tables"]
        if one["table_name"] == "condition_means"
    ]
    assert table["sources"] == ["radon_report", "images"]
    assert table["rewrite"]


def test_the_status_fits_a_terminal(means: Path, run: Run, lab: Path, site: Path) -> None:
    shown, code = on_terminal("status", lab.name, cwd=lab.parent, site=site)

    assert code == 0
    assert "condition_means: of radon_report, images; fresh" in shown
    table = shown.partition("condition_means: of")[0].splitlines()
    assert max(map(len, table)) <= 80
    (row,) = [line for line in table if line.startswith("condition_means")]
    assert len(row.split()) == 2


def test_a_plan_says_why_it_would_be_derived(run: Run, means: Path, lab: Path) -> None:
    assert "condition_means: fresh\n" in run("refresh", lab, "--dry-run").stdout

    KymDataset(lab).ds.drop_table("condition_means")
    shown = run("refresh", lab, "--dry-run").stdout
    assert "condition_means: to be derived: there is no table yet, or it is damaged\n" in shown
    plan = read_json(run("refresh", lab, "--dry-run", "--json"))["tables"]["condition_means"]
    assert plan["reason"] == "there is no table yet, or it is damaged"


def test_a_failure_keeps_the_table_says_why_and_ends_with_1(run: Run, failing: Path) -> None:
    before = KymDataset(failing, "r").ds.load_table("condition_means")

    result = run("refresh", failing, code=1)

    assert (
        "stale: table condition_means: indexer 'condition_means', table 'condition_means': "
        "derive raised ValueError: no rest\n"
    ) in result.stdout
    assert "Traceback" not in result.output
    pd.testing.assert_frame_equal(KymDataset(failing, "r").ds.load_table("condition_means"), before)
    content = read_json(run("refresh", failing, "--json", code=1))
    assert content["tables"]["condition_means"]["problem"].endswith("ValueError: no rest")


def test_a_table_that_a_deletion_leaves_stale_is_named(run: Run, failing: Path) -> None:
    image_id = KymDataset(failing, "r").ds.list_image_ids()[0]

    result = run("delete", failing, image_id, "--yes", code=1)

    assert "1 image deleted" in result.stdout
    assert "stale: table condition_means: indexer 'condition_means', " in result.stdout


def test_check_says_what_is_stale_and_what_is_wrong(run: Run, means: Path, lab: Path) -> None:
    assert "nothing is wrong" in run("check", lab).stdout

    kd = KymDataset(lab)
    table = kd.load_arrow("condition_means")
    kd.ds.save_table("images", kd.ds.load_table("images"))
    assert (
        "stale: table condition_means: source table 'images' has changed; "
        in run("check", lab, code=1).stdout
    )
    run("check", lab, "--repair")
    assert kd.load_arrow("condition_means").equals(table)
    assert "nothing is wrong" in run("check", lab).stdout


def test_the_list_of_indexers_has_it(run: Run, means: Path) -> None:
    lines = run("indexers").stdout.splitlines()

    (line,) = [line for line in lines if line.startswith("condition_means")]
    assert line.split()[:5] == ["condition_means", "condition_means", "lab-means", "2.0", "ok"]
    assert line.endswith("Mean velocity of each condition.")
    assert "  made of tables: radon_report, images" in run("indexers", "--verbose").stdout
    infos = {info["name"]: info["sources"] for info in read_json(run("indexers", "--json"))}
    assert infos == {
        "condition_means": ["radon_report", "images"],
        "images": [],
        "radon_report": [],
        "velocity_events": [],
    }


def test_it_is_shown_exported_and_dropped_as_every_table(
    run: Run, means: Path, lab: Path, tmp_path: Path
) -> None:
    assert "condition" in run("show", lab, "condition_means").stdout
    info = read_json(run("show", lab, "--json"))
    assert [list(one["sources"]) for one in info["tables"] if one["name"] == "condition_means"] == [
        ["images", "radon_report"]
    ]
    run("export", lab, "condition_means", "--output", tmp_path / "means.csv")
    assert (tmp_path / "means.csv").read_text("utf-8-sig").startswith("condition,")
    KymDataset(lab).ds.drop_table("condition_means")
    assert (
        "condition_means: of radon_report, images; stale: there is no table yet" in run("status", lab).stdout
    )


def test_the_kit_says_that_it_does_not_check_it(run: Run, means: Path) -> None:
    result = run("check-indexer", "condition_means", code=1)

    assert result.stderr == (
        "kymflow: indexer 'condition_means' is not checked: it makes its table of other tables, and all "
        "checks are of rows that records give; call derive() with tables of your own in a test\n"
    )


def test_it_does_not_keep_others_from_being_loaded_by_name(run: Run, means: Path, lab: Path) -> None:
    """What is known of it tells that it goes along with one table, and not with the other."""
    content = read_json(run("refresh", lab, "--indexer", "velocity_events", "--json"))

    assert list(content["tables"]) == ["velocity_events"]
