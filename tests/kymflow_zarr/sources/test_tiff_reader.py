from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from pandas.testing import assert_frame_equal

from kymflow_zarr import SourceError, TiffReader
from kymflow_zarr.formats.documents import load_npy

LINES = np.random.default_rng(0).integers(1, 4000, (40, 30)).astype(np.uint16)
FRAME = pd.DataFrame({"x": [1.0, 2.0], "kind": ["rise", "drop"]})


def npy(arr: np.ndarray) -> bytes:
    sink = io.BytesIO()
    np.save(sink, arr, allow_pickle=True)
    return sink.getvalue()


@pytest.fixture
def primary(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "a.tif", LINES)
    return tmp_path / "a.tif"


def test_sidecars_become_artifacts(primary) -> None:
    folder = primary.parent
    (folder / "a.params.json").write_text('{"v": 1}')
    (folder / "a.metadata.json").write_text("{}")
    FRAME.to_csv(folder / "a.events.csv", index=False)
    FRAME.to_parquet(folder / "a.radon.parquet")
    (folder / "a.old.csv.gz").write_bytes(gzip.compress(b"x\n1\n"))
    (folder / "a.map.npy").write_bytes(npy(np.arange(3)))
    image = TiffReader().read(primary)
    np.testing.assert_array_equal(image.pixels, LINES)
    assert image.json == {"params": {"v": 1}, "metadata": {}}
    assert sorted(image.tables) == ["events", "old", "radon"]
    assert_frame_equal(image.tables["radon"], FRAME)
    assert image.arrays["map"].tolist() == [0, 1, 2]
    assert image.axes is None


def test_only_files_named_after_the_image_are_sidecars(primary) -> None:
    folder = primary.parent
    others = [
        "a.json",
        "a.txt",
        "ab.params.json",
        "b.params.json",
        "a.b.params.json",
        "a..json",
        "a_params.json",
        "A.params.json",
    ]
    for name in others:
        (folder / name).write_text("{}")
    assert list(TiffReader().files(primary)) == []


def test_sidecars_are_sorted_and_seen_when_they_come(primary) -> None:
    reader = TiffReader()
    assert list(reader.files(primary)) == []
    for name in ("a.z.json", "a.b.csv"):
        (primary.parent / name).write_text("{}")
        os.utime(primary.parent, ns=(1, primary.parent.stat().st_mtime_ns + 10**9))
    assert [path.name for path in reader.files(primary)] == ["a.b.csv", "a.z.json"]


def test_sidecars_of_a_name_with_dots_and_spaces(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "28d AngII v1.2.tif", LINES)
    (tmp_path / "28d AngII v1.2.params.json").write_text("[1]")
    tifffile.imwrite(tmp_path / "28d AngII v1.tif", LINES)
    assert TiffReader().read(tmp_path / "28d AngII v1.2.tif").json == {"params": [1]}
    assert TiffReader().read(tmp_path / "28d AngII v1.tif").json == {}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.x.json", b"{"),
        ("a.x.csv", b"a,b\n1,2\n1,2,3\n"),
        ("a.x.csv.gz", b"no gzip"),
        ("a.x.parquet", b"PAR1"),
        ("a.x.npy", b"no array"),
        ("a.x.npy", npy(np.array([{"a": 1}], dtype=object))),
    ],
)
def test_bad_sidecar_is_named(primary, name, data) -> None:
    path = primary.parent / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match=rf"cannot read .*{name}: \S") as caught:
        TiffReader().read(primary)
    assert caught.value.path == str(path)


def test_arrays_are_never_unpickled() -> None:
    with pytest.raises(ValueError, match=r"(?i)pickle"):
        load_npy(npy(np.array([{"a": 1}], dtype=object)))


def test_bent_npy_header_is_a_value_error() -> None:
    good = npy(np.arange(12.0))
    escaped = set()
    for at in range(8, 128, 3):
        for char in b"(\xff\x00{'":
            data = bytearray(good)
            data[at] = char
            try:
                load_npy(bytes(data))
            except ValueError:
                pass
            except Exception as error:  # noqa: BLE001
                escaped.add(type(error).__name__)
    assert escaped == set()
