"""Arrays whose documents claim what cannot be: one error of their image, before anything is allocated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from kymflow import KymDataset
from kymflow_zarr import ArtifactError, ZarrImageRecord, limits
from support.refreshing import open_dataset
from support.simple_indexers import add_image

Document = dict[str, Any]


def _shape(*shape: int) -> Callable[[Document], object]:
    return lambda document: document.__setitem__("shape", list(shape))


def _chunks(*shape: int) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        if "chunk_grid" in document:
            document["chunk_grid"]["configuration"]["chunk_shape"] = list(shape)
        else:
            document["chunks"] = list(shape)

    return change


def _both(*changes: Callable[[Document], object]) -> Callable[[Document], object]:
    return lambda document: [change(document) for change in changes]


CLAIMS: dict[str, tuple[Callable[[Document], object], str]] = {
    "a shape": (_both(_shape(10**9, 10**9), _chunks(10**4, 10**4)), "at most 1000000 can be read"),
    "a shape of few chunks": (_both(_shape(10**6, 10**6), _chunks(10**4, 10**4)), "bytes hold them"),
    "a shape beyond numbers": (_shape(10**30, 10**30), "can be read|bytes hold them"),
    "a chunk": (_chunks(10**9, 10**9), "a chunk of it takes .* at most 2.1 GB are taken"),
    "chunks of nothing": (_chunks(0, 3), "which holds nothing|positive"),
    "many chunks": (_both(_shape(10**5, 10**5), _chunks(1, 1)), "it claims 10000000000 chunks"),
}
OTHERS: dict[str, Callable[[Document], object]] = {
    "a negative shape": _shape(-1, 3),
    "a long shape": _shape(*[2] * 64),
    "no shape": _shape(),
    "text for a shape": lambda document: document.__setitem__("shape", "x"),
    "an absurd type": lambda document: document.update(
        {"data_type": "float999"} if "data_type" in document else {"dtype": "<f999"}
    ),
    "a type of gigabytes": lambda document: document.update(
        {"data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 4 * 10**9}}}
        if "data_type" in document
        else {"dtype": "|S1000000000"}
    ),
}


@pytest.fixture(params=[2, 3])
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> KymDataset:
    kd = open_dataset(tmp_path / "lab.zarr", "a") if request.param == 3 else _in_v2(tmp_path / "lab.zarr")
    for image_id in "ab":
        add_image(kd, image_id)
    return kd


def _in_v2(path: Path) -> KymDataset:
    from kymflow_zarr import ZarrDataset

    ZarrDataset(path, zarr_format=2)
    return open_dataset(path)


def bend(record: ZarrImageRecord, lab: KymDataset, change: Callable[[Document], object]) -> None:
    name = {2: ".zarray", 3: "zarr.json"}[lab.ds.zarr_format]
    path = Path(lab.ds.path) / "images" / record.image_id / "data" / name
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize("kind", CLAIMS)
def test_what_cannot_be_is_refused(lab: KymDataset, kind: str) -> None:
    change, said = CLAIMS[kind]
    record = lab.ds.record("b")
    bend(record, lab, change)

    for read in (record.open_array, record.load_array):
        with pytest.raises(ArtifactError, match=f"the pixels of image 'b' .*({said})"):
            read()


def test_shards_of_chunks_of_nothing_are_refused(tmp_path: Path) -> None:
    lab = open_dataset(tmp_path / "lab.zarr", "a")
    add_image(lab, "b")
    data = tmp_path / "lab.zarr" / "images" / "b" / "data"
    shutil.rmtree(data)
    array = zarr.create_array(data, shape=(6, 4), chunks=(3, 2), shards=(6, 4), dtype="u2")
    array[:] = 1
    record = lab.ds.record("b")
    assert record.load_array().sum() == 24

    def change(document: Document) -> None:
        document["codecs"][0]["configuration"]["chunk_shape"] = [0, 2]

    bend(record, lab, change)

    for read in (record.open_array, record.load_array):
        with pytest.raises(ArtifactError, match=r"the pixels of image 'b' .*\[0, 2\], which holds nothing"):
            read()


@pytest.mark.parametrize("kind", [*CLAIMS, *OTHERS])
def test_a_check_names_the_image_and_goes_on(lab: KymDataset, kind: str) -> None:
    bend(lab.ds.record("b"), lab, CLAIMS[kind][0] if kind in CLAIMS else OTHERS[kind])

    (problem,) = lab.check().problems

    assert (problem.kind, problem.image_id) == ("unreadable pixels", "b")
    assert "'b'" in problem.message or "images/b" in problem.message


@pytest.mark.parametrize("kind", ["a long shape", "no shape"])
def test_a_shape_of_other_axes_is_damage(lab: KymDataset, kind: str) -> None:
    bend(lab.ds.record("b"), lab, OTHERS[kind])

    with pytest.raises(ArtifactError, match="the pixels of image 'b' .* its shape is"):
        lab.ds.record("b").get_image_bounds()


def test_a_large_array_of_zeros_is_none(lab: KymDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    record = lab.ds.record("b")
    record.save_array(np.zeros((2000, 1000)))

    assert record.load_array().shape == (2000, 1000)
    monkeypatch.setenv(limits.SETTING, "1000")
    with pytest.raises(ArtifactError, match="a chunk of it takes"):
        record.load_array()
