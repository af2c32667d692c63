from __future__ import annotations

import pytest

from kymflow_zarr.copied_names import copied_files, original_of


@pytest.mark.parametrize(
    "behind",
    [
        " (conflicted copy)",
        " (LAB-PC's conflicted copy 2024-04-24)",
        " (conflicted copy 2024-04-24 101010)",
        " (Case Conflict 1)",
        " (Konflikt-Kopie von LAB-PC 2024-04-24)",
        " (copie en conflit de LAB-PC)",
        " (Copia en conflicto de LAB-PC)",
        ".sync-conflict-20240424-101010-ABCDEFG",
        "_conflict-20240424-101010",
        " - Copy",
        " - Copy (2)",
        " - Kopie",
        " copy",
        " copy 2",
    ],
)
def test_what_programs_put_behind_the_name_of_a_copy_is_known(behind: str) -> None:
    assert original_of(f"events{behind}") == "events"


@pytest.mark.parametrize("name", ["Copy of events", "Kopie von events"])
def test_what_programs_put_before_the_name_of_a_copy_is_known(name: str) -> None:
    assert original_of(name) == "events"


@pytest.mark.parametrize(
    "name",
    ["events", "events 2", "events (2)", "conflicts", "copy", "hardcopy", "events (saline)", "a_conflict"],
)
def test_other_names_are_no_copies(name: str) -> None:
    assert original_of(name) is None


def test_a_file_is_a_copy_only_beside_its_original() -> None:
    keys = [
        "a/events.parquet",
        "a/events (conflicted copy).parquet",
        "a/events.sync-conflict-20240424-101010-ABCDEFG.parquet",
        "a/events - Copy.json",
        "a/old.csv.gz",
        "a/old.csv (conflicted copy).gz",
        "b/events (conflicted copy).parquet",
        "a/readme (conflicted copy).txt",
    ]

    assert copied_files(keys) == {
        "a/events (conflicted copy).parquet": "a/events.parquet",
        "a/events.sync-conflict-20240424-101010-ABCDEFG.parquet": "a/events.parquet",
        "a/old.csv (conflicted copy).gz": "a/old.csv.gz",
    }
