"""Commands: delete, and what an ingest makes of excluded files."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from kymflow import KymDataset
from kymflow.core.plugins.registry import get_registry
from support.command_line import Run, one_line, read_json
from support.plugin_makers import write_indexers
from support.simple_indexers import frame, write_distribution
from support.terminals import on_terminal
from support.trees import tree


def ids(lab: Path) -> dict[str, str]:
    """The id of each image, by file name."""
    index = KymDataset(lab, "r").ds.load_sources_index()
    names = index["source_rel_path"].str.rpartition("/")[2]
    return dict(zip(names, index["image_id"], strict=True))


def rows_of(lab: Path, image_id: str) -> int:
    ds = KymDataset(lab, "r").ds
    return sum(int((ds.load_table(name)["image_id"] == image_id).sum()) for name in ds.list_table_names())


def test_images_and_their_rows_go_and_no_other(run: Run, lab: Path) -> None:
    first, second = (ids(lab)[f"capillary_000{n}.tif"] for n in (1, 2))
    others = {one: rows_of(lab, one) for one in ids(lab).values() if one not in (first, second)}

    found = read_json(run("delete", lab, "capillary_0001.tif", second[:12], "--yes", "--json"))

    assert (found["deleted"], found["images"], found["excluded"]) == ([first, second], 2, False)
    assert (found["kept_rows"], found["left_alone"], found["unusable"]) == ([], [], [])
    assert found["tables"]["velocity_events"]["removed"] == sorted([first, second])
    assert KymDataset(lab, "r").ds.list_image_ids() == sorted(others)
    assert {one: rows_of(lab, one) for one in others} == others
    assert rows_of(lab, first) == rows_of(lab, second) == 0
    assert "nothing is wrong" in run("check", lab).stdout


@pytest.mark.parametrize("what", ["index/*/*.parquet", "tables/[!s]*.parquet"])
def test_a_damaged_table_is_made_anew_even_if_the_image_had_no_rows(run: Run, lab: Path, what: str) -> None:
    events = KymDataset(lab, "r").ds.load_table("velocity_events")
    without_rows = sorted(set(ids(lab).values()).difference(events["image_id"]))[0]
    for path in lab.glob(what):
        path.write_bytes(b"damaged")

    run("delete", lab, without_rows, "--yes")

    tables = read_json(run("status", lab, "--json"))["tables"]
    assert {table["fresh"] for table in tables} == {3}
    assert "nothing is wrong" in run("check", lab).stdout


def test_where_nobody_can_be_asked_nothing_goes(run: Run, lab: Path) -> None:
    before = tree(lab)
    line = one_line(run("delete", lab, "capillary_0001.tif", code=2))
    assert "1 image would be deleted, and nobody can be asked here; --yes deletes without asking" in line
    assert tree(lab) == before


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["n", "y"])
def test_on_a_terminal_it_names_what_goes_and_asks(lab: Path, site: Path, answer: str) -> None:
    text, code = on_terminal(
        "delete", lab.name, "capillary_0002.tif", answer=answer, cwd=lab.parent, site=site
    )

    image_id = ids(lab)["capillary_0002.tif"]
    assert "lab.zarr: to be deleted, 1 of 4 images:" in text
    assert f"day 1/capillary_0002.tif ({image_id[:8]}): " in text
    assert "1 row of radon_report" in text
    assert (image_id in KymDataset(lab, "r").ds.list_image_ids()) == (answer == "n")
    assert ("nothing was deleted" in text, code) == ((True, 1) if answer == "n" else (False, 0))


def test_a_name_that_fits_nothing_keeps_all(run: Run, lab: Path) -> None:
    before = tree(lab)
    line = one_line(run("delete", lab, "capillary_0001.tif", "capillary_0009.tif", "--yes", code=1))
    assert "has no image 'capillary_0009.tif'" in line
    assert tree(lab) == before


@pytest.mark.parametrize("more", [[], ["capillary_0001.tif", "--missing"]])
def test_images_or_missing_and_not_both(run: Run, lab: Path, more: list[str]) -> None:
    assert "name the images to delete, or give --missing" in one_line(run("delete", lab, *more, code=2))


def test_an_image_comes_back_with_the_next_ingest(run: Run, lab: Path, folder: Path) -> None:
    image_id = ids(lab)["capillary_0001.tif"]
    run("delete", lab, image_id, "--yes")
    assert read_json(run("ingest", lab, folder, "--json"))["new"] == [image_id]


def test_unless_its_file_is_excluded(run: Run, lab: Path, folder: Path) -> None:
    image_id = ids(lab)["capillary_0001.tif"]
    assert "1 source file excluded" in run("delete", lab, image_id, "--yes", "--exclude").stdout

    result = run("ingest", lab, folder)
    assert "0 new, 0 changed, 3 unchanged, 0 failed" in result.stdout
    assert (
        "passed over (1), excluded by delete --exclude: day 1/capillary_0001.tif; --include-excluded takes"
    ) in result.stdout
    assert f"excluded: 1 source file, {folder / 'day 1' / 'capillary_0001.tif'}" in run("status", lab).stdout
    found = read_json(run("status", lab, "--json"))["sources"]["excluded"]
    assert found == [str(folder / "day 1" / "capillary_0001.tif")]

    back = read_json(run("ingest", lab, folder, "--include-excluded", "--json"))
    assert back["new"] == [image_id]
    assert "excluded" not in run("status", lab).stdout


@pytest.mark.slow
def test_a_file_that_could_not_be_taken_in_can_be_excluded(
    run: Run, lab: Path, folder: Path, site: Path
) -> None:
    (folder / "bad.tif").write_bytes(b"nothing that anybody could read")
    run("ingest", lab, folder, code=1)
    assert "known, but it is no image" in one_line(run("delete", lab, "bad.tif", "--yes", code=1))

    text, code = on_terminal(
        "delete", lab.name, "bad.tif", "--exclude", answer="y", cwd=lab.parent, site=site
    )
    assert code == 0
    assert "to be deleted, 0 of 4 images:" in text
    assert "no image, its file is excluded" in text
    assert "0 images deleted, 4 left; 1 source file excluded" in text

    result = run("ingest", lab, folder)
    assert "passed over (1), excluded by delete --exclude: bad.tif" in result.stdout
    assert "failed source" not in run("status", lab).stdout
    # Again is no fault; taken in again, it fails again.
    found = read_json(run("delete", lab, "bad.tif", "--exclude", "--yes", "--json"))
    assert (found["deleted"], found["excluded"], found["images"]) == ([], True, 4)
    run("ingest", lab, folder, "--include-excluded", code=1)


def test_missing_are_those_whose_file_is_gone_from_its_folder(run: Run, lab: Path, folder: Path) -> None:
    (folder / "day 1" / "capillary_0001.tif").unlink()
    image_id = ids(lab)["capillary_0001.tif"]
    found = read_json(run("delete", lab, "--missing", "--yes", "--json"))
    assert (found["deleted"], found["images"]) == ([image_id], 3)
    assert "0 images deleted, 3 left" in run("delete", lab, "--missing").stdout
    assert "gone" not in run("status", lab).stdout


def test_a_disk_that_is_not_mounted_costs_no_image(run: Run, lab: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    for reason in (f"the folder {folder} is not there", f"the folder {folder} is empty; its disk may not"):
        result = run("delete", lab, "--missing", "--yes")
        assert f"kymflow: 4 images left alone: {reason}" in result.stderr
        assert "0 images deleted, 4 left" in result.stdout
        folder.mkdir(exist_ok=True)


@pytest.fixture
def stalls(run: Run, lab: Path, site: Path) -> Path:
    """Metadata of a plugin that has made a further table of the first image."""
    write_distribution(site, "lab-stalls", "0.3", "lab = lab_stalls_plugin")
    write_indexers(site, "lab_stalls_plugin", "stalls")
    get_registry.cache_clear()
    KymDataset(lab).ds.record(ids(lab)["capillary_0001.tif"]).save_df_parquet("stalls", frame(roi_id=[1, 2]))
    run("refresh", lab)
    return site / "lab_stalls-0.3.dist-info"


def delete_one(run: Run, lab: Path, code: int) -> dict[str, Any]:
    get_registry.cache_clear()
    found: dict[str, Any] = read_json(run("delete", lab, "capillary_0001.tif", "--yes", "--json", code=code))
    assert rows_of(lab, found["deleted"][0]) == 2
    return found


def test_a_table_without_plugin_keeps_its_rows_and_is_named(run: Run, lab: Path, stalls: Path) -> None:
    shutil.rmtree(stalls)
    (kept,) = delete_one(run, lab, code=0)["kept_rows"]
    assert (kept["table"], kept["rows"]) == ("stalls", 2)
    assert "lab-stalls 0.3 is not installed any more; the table stays as it is" in kept["reason"]


@pytest.mark.filterwarnings("default::kymflow.PluginWarning")
def test_a_table_of_a_broken_plugin_is_left_stale_and_ends_with_1(
    run: Run, lab: Path, stalls: Path, site: Path
) -> None:
    (site / "lab_stalls_plugin.py").write_text("import no_such_module\n", "utf-8")
    sys.modules.pop("lab_stalls_plugin", None)
    found = delete_one(run, lab, code=1)
    assert [one["tables"] for one in found["unusable"]] == [["stalls"]]
    assert found["kept_rows"][0]["table"] == "stalls"
