"""What errors advise at a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow.cli.advice import at_shell
from kymflow.core.plugins.registry import IndexerRegistry
from kymflow_zarr import KymflowError, TableError, ZarrDataset
from kymflow_zarr.store.source_files import SOURCES_KEY


@pytest.fixture
def broken(kd: KymDataset) -> KymDataset:
    kd.rebuild_all()
    kd.ds.store.put("tables/radon_report.parquet", b"")
    return kd


def caught(kd: KymDataset) -> list[KymflowError]:
    errors = []
    for action in (
        lambda: kd.ds.load_table("radon_report"),
        lambda: kd.ds.record("nobody").get_attrs(),
        lambda: kd.update_image("velocity_events", "nobody"),
        lambda: KymDataset(kd.ds.path, registry=IndexerRegistry(())).rebuild("stalls"),
        lambda: KymDataset(kd.ds.path, "r").ds.record("a").save_json("x", {}),
    ):
        with pytest.raises(KymflowError) as error:
            action()
        errors.append(error.value)
    return errors


def test_python_is_advised_in_python_and_a_command_at_a_shell(broken: KymDataset) -> None:
    path = broken.ds.path
    for error, python, command in zip(
        caught(broken),
        ["Rebuild it, or drop it.", "list_image_ids()", "list_image_ids()", "registry.list()", "mode='r+'"],
        [
            f"`kymflow check {path} --repair` rebuilds it if an installed indexer makes it.",
            f"`kymflow images {path}` lists those that there are.",
            f"`kymflow images {path}` lists those that there are.",
            "`kymflow indexers` tells more of them.",
            "nobody can write.",
        ],
        strict=True,
    ):
        assert python in str(error)
        assert python not in at_shell(error)
        assert at_shell(error).endswith(command)


def test_a_damaged_table_of_files_is_put_back_from_a_backup(broken: KymDataset) -> None:
    path = broken.ds.path
    broken.ds.store.put(SOURCES_KEY, b"bad")
    for read in (broken.ds.load_sources_index, ZarrDataset(path, "r").store.source_files):
        with pytest.raises(
            TableError, match=r"check\(repair=True\) mends .* from a backup: nothing"
        ) as error:
            read()
        assert f"`kymflow check {path} --repair` mends damaged rows. A file" in at_shell(error.value)


def test_what_is_no_error_of_kymflow_is_told_as_it_is() -> None:
    assert at_shell(OSError("the disk is full")) == "the disk is full"


def test_a_dataset_below_the_present_folder_is_named_from_there(
    broken: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(broken.ds.path).parent)
    said = [at_shell(error) for error in caught(broken)]
    assert "table 'radon_report' of lab.zarr cannot be read" in said[0]
    assert not any(broken.ds.path in text for text in said)
