"""Images by file name, path, or the start of the id."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow import KymDataset
from kymflow.core.zarr.image_names import find_image, find_images, short_ids, told_apart
from kymflow.errors import AmbiguousImageError
from kymflow.testing import simulate_folder
from kymflow_zarr import RecordNotFoundError
from kymflow_zarr.store.source_files import SourceFile
from support.simple_indexers import add_image


@pytest.fixture
def ids(kd: KymDataset, folder: Path) -> dict[str, str]:
    """Image ids by relative path; the images ``a``, ``b`` and ``c`` came from no folder."""
    kd.ingest_folder(folder)
    sources = kd.ds.load_sources_index()
    return dict(zip(sources["source_rel_path"], sources["image_id"], strict=True))


def write_images(folder: Path, *rel_paths: str) -> None:
    for number, rel_path in enumerate(rel_paths):
        (folder / rel_path).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / rel_path, np.full((20, 4), number, "uint8"))


def path_of(kd: KymDataset, image_id: str) -> str:
    sources = kd.ds.load_sources_index()
    return str(sources.loc[sources["image_id"] == image_id, "source_primary_path"].iloc[0])


def test_an_image_is_found_by_its_id_paths_and_prefix(
    kd: KymDataset, ids: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rel_path, image_id = next((path, found) for path, found in ids.items() if "/" in path)
    for text in (
        image_id,
        image_id[:8],
        image_id[:-1],
        rel_path,
        "./" + rel_path,
        rel_path.rpartition("/")[2],
        rel_path.rpartition("/")[2].removesuffix(".tif"),
        rel_path.removesuffix(".tif"),
        path_of(kd, image_id),
    ):
        assert find_image(kd, text) == image_id, text
    monkeypatch.chdir(folder.parent)
    assert find_image(kd, f"{folder.name}/{rel_path}") == image_id
    assert find_image(kd, "a") == "a"


def test_images_are_found_once_each_in_the_order_given(kd: KymDataset, ids: dict[str, str]) -> None:
    first, second, *_ = ids

    assert find_images(kd, [second, first, ids[second]]) == [ids[second], ids[first]]


def test_the_whole_path_counts_more_than_the_end_of_another(kd: KymDataset, tmp_path: Path) -> None:
    write_images(tmp_path / "in", "x.tif", "day/x.tif", "old day/x.tif", "deeper/day/x.tif")
    kd.ingest_folder(tmp_path / "in")
    sources = kd.ds.load_sources_index().set_index("source_rel_path")["image_id"]

    assert find_image(kd, "x.tif") == sources["x.tif"]
    assert find_image(kd, "day/x.tif") == sources["day/x.tif"]
    assert find_image(kd, "old day/x.tif") == sources["old day/x.tif"]
    with pytest.raises(RecordNotFoundError, match="has no image 'ay/x.tif'"):
        find_image(kd, "ay/x.tif")


def test_an_ambiguous_name_lists_at_most_ten_candidates(kd: KymDataset, tmp_path: Path) -> None:
    write_images(tmp_path / "in", *(f"day {day:02}/scan.tif" for day in range(12)))
    kd.ingest_folder(tmp_path / "in")
    sources = kd.ds.load_sources_index().set_index("source_rel_path")["image_id"]

    with pytest.raises(AmbiguousImageError) as caught:
        find_image(kd, "scan.tif")

    message = str(caught.value)
    assert message.startswith("'scan.tif' fits 12 images of ")
    assert f"{sources['day 00/scan.tif'][:8]} day 00/scan.tif, " in message
    assert message.endswith(
        f"{sources['day 09/scan.tif'][:8]} day 09/scan.tif, and 2 more. "
        "Give more of the path, or the start of the id."
    )


def test_the_same_path_of_two_folders_is_told_apart_by_the_whole_path(kd: KymDataset, tmp_path: Path) -> None:
    for lab in ("lab one", "lab two"):
        simulate_folder(tmp_path / lab, 1, n_lines=50, n_pixels=8)
        kd.ingest_folder(tmp_path / lab)
    (rel_path,) = set(kd.ds.load_sources_index()["source_rel_path"])

    with pytest.raises(AmbiguousImageError, match=r"fits 2 images.*lab one.*lab two") as caught:
        find_image(kd, rel_path)

    assert str(tmp_path / "lab one" / rel_path) in str(caught.value)
    found = find_image(kd, str(tmp_path / "lab two" / rel_path))
    assert path_of(kd, found) == str((tmp_path / "lab two" / rel_path).resolve())


def test_the_start_of_an_id_that_fits_two_is_ambiguous(kd: KymDataset) -> None:
    for image_id in ("cell-1", "cell-2"):
        add_image(kd, image_id)

    with pytest.raises(AmbiguousImageError, match=r"'cell' fits 2 images of .*: cell-1, cell-2\. Give"):
        find_image(kd, "cell")
    assert find_image(kd, "cell-2") == "cell-2"


def test_three_characters_are_no_start_of_an_id(kd: KymDataset) -> None:
    add_image(kd, "cell-1")

    with pytest.raises(RecordNotFoundError, match="has no image 'cel'"):
        find_image(kd, "cel")


def test_an_unknown_name_tells_similar_ones(kd: KymDataset, ids: dict[str, str]) -> None:
    rel_path = next(path for path in ids if "/" in path)
    name = rel_path.rpartition("/")[2]

    with pytest.raises(RecordNotFoundError, match=f"did you mean '{name}'"):
        find_image(kd, name.replace(".tif", ".tiff"))
    with pytest.raises(RecordNotFoundError, match=f"did you mean '{rel_path}'"):
        find_image(kd, rel_path.replace(".tif", ".tiff"))


@pytest.mark.parametrize("text", ["", ".", "/", "..", "\0", "\ud800", "x" * 70_000])
def test_what_is_no_name_at_all_is_unknown(kd: KymDataset, text: str) -> None:
    with pytest.raises(RecordNotFoundError, match="has no image"):
        find_image(kd, text)


def test_a_deleted_image_is_found_only_on_demand(kd: KymDataset, ids: dict[str, str]) -> None:
    rel_path, image_id = next(iter(ids.items()))
    kd.ds.delete_image(image_id)

    for text in (image_id, rel_path):
        with pytest.raises(RecordNotFoundError, match="no image"):
            find_image(kd, text)
    assert find_image(kd, image_id, deleted=True) == image_id
    with pytest.raises(RecordNotFoundError, match="was deleted"):
        find_image(kd, rel_path, deleted=True)


def test_ids_are_as_short_as_they_can_be_told_apart() -> None:
    one = uuid.UUID("12345678-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    two = uuid.UUID("12345678-aabb-4aaa-8aaa-aaaaaaaaaaaa")

    assert short_ids([str(one)]) == {str(one): "12345678"}
    assert short_ids([str(one), str(two), "cell"]) == {
        str(one): "12345678-aaa",
        str(two): "12345678-aab",
        "cell": "cell",
    }
    assert short_ids(["somebody's own name"]) == {"somebody's own name": "somebody's own name"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("/lab/a", "x.tif"), ("/lab/b", "y.tif")], ["x.tif", "y.tif"]),
        ([("/lab/a", "1/x.tif"), ("/lab/b", "1/x.tif")], ["a/1/x.tif", "b/1/x.tif"]),
        (
            [("/lab/a/scans", "x.tif"), ("/lab/b/scans", "x.tif"), ("/scans", "y.tif")],
            ["a/scans/x.tif", "b/scans/x.tif", "/scans/y.tif"],
        ),
        # An index that another program wrote.
        ([("/lab/a", "x.tif"), ("/lab//a", "x.tif")], ["a/x.tif", "a/x.tif"]),
        ([], []),
    ],
)
def test_files_of_several_folders_are_told_apart(files: list[tuple[str, str]], expected: list[str]) -> None:
    found = told_apart({str(place): SourceFile(*file) for place, file in enumerate(files)})
    assert found == {str(place): path for place, path in enumerate(expected)}


def test_a_path_that_tells_folders_apart_names_the_image(kd: KymDataset, tmp_path: Path) -> None:
    for folder in ("a/scans", "b/scans"):
        write_images(tmp_path / folder, "day/x.tif")
        kd.ingest_folder(tmp_path / folder)
    labels = told_apart(kd.ds.store.source_files())
    assert sorted(labels.values()) == ["a/scans/day/x.tif", "b/scans/day/x.tif"]
    for image_id, label in labels.items():
        assert find_image(kd, label) == image_id
    with pytest.raises(AmbiguousImageError, match="'x.tif' fits 2 images"):
        find_image(kd, "x.tif")
