"""Records, artifacts and tables that a sync program has copied: in no table, and named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kymflow import IndexerRegistry, KymDataset
from kymflow_zarr import RecordNotFoundError
from support.command_line import run_command
from support.refreshing import TABLE, CellsIndexer, cells, open_dataset
from support.simple_indexers import add_image

OURS = "3b241101-e2bb-4255-8caf-4136c566a962"
BEHIND = [
    " (LAB-PC conflicted copy 2024-04-24)",
    ".sync-conflict-20240424-101010-ABCDEFG",
    " - Copy",
    " 2",
    " (1)",
]


@pytest.fixture
def indexer() -> CellsIndexer:
    return CellsIndexer()


def lab_of(tmp_path: Path, indexer: CellsIndexer, *ids: str) -> KymDataset:
    kd = KymDataset(tmp_path / "lab.zarr", "a", registry=IndexerRegistry(()))
    kd.registry.register(indexer)
    for number, image_id in enumerate(ids):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    return kd


def copy(kd: KymDataset, image_id: str, name: str) -> None:
    images = Path(kd.ds.path) / "images"
    shutil.copytree(images / image_id, images / name)


@pytest.mark.parametrize(
    "name", [*(OURS + behind for behind in [*BEHIND, "-LAB-PC", "~"]), f"Copy of {OURS}"]
)
def test_a_copy_of_a_record_is_no_image_and_is_named(
    tmp_path: Path, indexer: CellsIndexer, name: str
) -> None:
    kd = lab_of(tmp_path, indexer, OURS)
    copy(kd, OURS, name)

    assert kd.ds.list_image_ids() == [OURS]
    assert kd.ds.listing().names == [OURS]
    assert kd.ds.existing([OURS, name]) == {OURS}
    assert kd.ds.find_copies() == {name: OURS}
    assert kd.rebuild(indexer)["image_id"].unique().tolist() == [OURS]
    assert kd.plan(indexer).is_empty
    with pytest.raises(RecordNotFoundError, match="no image"):
        kd.update_image(indexer, name)
    assert kd.status().copies == {name: OURS}
    (problem,) = kd.check().problems
    assert (problem.kind, problem.key, problem.image_id) == ("conflicted copy", f"images/{name}", OURS)


@pytest.mark.parametrize("behind", BEHIND)
def test_a_copy_under_an_id_of_ones_own_is_told_by_its_attributes(
    tmp_path: Path, indexer: CellsIndexer, behind: str
) -> None:
    kd = lab_of(tmp_path, indexer, "cell-1")
    copy(kd, "cell-1", f"cell-1{behind}")

    assert kd.ds.list_image_ids() == ["cell-1"]


@pytest.mark.parametrize("behind", BEHIND)
def test_a_record_of_its_own_counts_whatever_its_name(
    tmp_path: Path, indexer: CellsIndexer, behind: str
) -> None:
    kd = lab_of(tmp_path, indexer, "cell-1", f"cell-1{behind}", OURS, f"{OURS}{behind}", f"{OURS}-roi-1")

    assert len(kd.ds.list_image_ids()) == 5
    assert kd.check().problems == [] or {one.kind for one in kd.check().problems} == {"missing table"}


def test_a_copy_whose_original_is_gone_is_an_image_as_before(tmp_path: Path, indexer: CellsIndexer) -> None:
    kd = lab_of(tmp_path, indexer, OURS)
    (Path(kd.ds.path) / "images" / OURS).rename(Path(kd.ds.path) / "images" / f"{OURS} (conflicted copy)")

    assert kd.ds.list_image_ids() == [f"{OURS} (conflicted copy)"]


@pytest.mark.parametrize(("name", "is_copy"), [("cell-1 - Copy", True), ("cell-1 2", False)])
def test_of_records_that_tell_no_name_the_folders_name_decides(
    tmp_path: Path, indexer: CellsIndexer, name: str, is_copy: bool
) -> None:
    kd = lab_of(tmp_path, indexer, "cell-1")
    document = Path(kd.ds.path) / "images" / "cell-1" / "zarr.json"
    told = json.loads(document.read_text("utf-8"))
    del told["attributes"]["ome"]
    document.write_text(json.dumps(told), "utf-8")
    copy(kd, "cell-1", name)

    assert (kd.ds.list_image_ids() == ["cell-1"]) is is_copy


def test_rows_of_a_copy_that_are_in_a_table_already_go_with_the_next_refresh_or_rebuild(
    tmp_path: Path, indexer: CellsIndexer
) -> None:
    kd = lab_of(tmp_path, indexer, OURS, "b")
    name = f"{OURS} 2"
    for update in (kd.refresh, kd.rebuild):
        # As a version made it that took copies for images.
        add_image(kd, name).save_df_parquet(TABLE, cells(5))
        kd.refresh(indexer)
        assert name in set(kd.get_table(TABLE)["image_id"])
        shutil.rmtree(Path(kd.ds.path) / "images" / name)
        copy(kd, OURS, name)

        assert set(update(indexer)["image_id"]) == {OURS, "b"}
        assert kd.check().stale == {}
        shutil.rmtree(Path(kd.ds.path) / "images" / name)


def test_copies_of_artifacts_and_tables_are_named_and_nobody_reads_them(
    tmp_path: Path, indexer: CellsIndexer
) -> None:
    kd = lab_of(tmp_path, indexer, "a")
    kd.rebuild(indexer)
    root = Path(kd.ds.path)
    shutil.copy(root / "tables" / f"{TABLE}.parquet", root / "tables" / f"{TABLE} (conflicted copy).parquet")
    folder = root / "images" / "a" / "analysis"
    shutil.copy(folder / f"{TABLE}.parquet", folder / f"{TABLE}.sync-conflict-20240424-101010-ABC.parquet")

    assert kd.ds.list_table_names() == [TABLE]
    assert [table.table_name for table in kd.status().tables] == [TABLE]
    assert kd.plan(indexer).is_empty
    problems = kd.check().problems
    assert {problem.kind for problem in problems} == {"conflicted copy"}
    assert sorted(problem.key for problem in problems) == [
        f"images/a/analysis/{TABLE}.sync-conflict-20240424-101010-ABC.parquet",
        f"tables/{TABLE} (conflicted copy).parquet",
    ]


def test_the_command_line_names_copies(tmp_path: Path, indexer: CellsIndexer) -> None:
    kd = lab_of(tmp_path, indexer, OURS)
    copy(kd, OURS, f"{OURS} - Copy")

    for command in ("status", "refresh", "rebuild"):
        found = run_command(command, kd.ds.path)
        (line,) = [line for line in found.stderr.splitlines() if "sync program" in line]
        assert f"1 folder of images that a sync program has copied, in no table: {OURS} - Copy; keep" in line
    assert "1 image" in run_command("status", kd.ds.path).stdout
    checked = run_command("check", kd.ds.path, code=1)
    assert f"wrong: conflicted copy: 'images/{OURS} - Copy' is a copy of image '{OURS}'" in checked.stdout


def test_an_object_store_knows_copies_too(object_url: str, indexer: CellsIndexer) -> None:
    kd = open_dataset(object_url)
    add_image(kd, OURS).save_df_parquet(TABLE, cells(1))
    for found in list(kd.ds.store.list(f"images/{OURS}")):
        data = kd.ds.store.read(found.key)[0]
        kd.ds.store.put(found.key.replace(OURS, f"{OURS} (conflicted copy)"), data)

    assert kd.ds.list_image_ids() == [OURS]
    assert kd.refresh(indexer)["image_id"].unique().tolist() == [OURS]
