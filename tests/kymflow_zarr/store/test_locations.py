from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import pytest

from kymflow_zarr import DatasetError, InstallationError
from kymflow_zarr.store.locations import is_url, open_store
from support.processes import wait_for_all


def test_root_may_be_a_link(tmp_path) -> None:
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "link")
    open_store(tmp_path / "link").put("a", b"x")
    assert (tmp_path / "real" / "a").read_bytes() == b"x"


def test_file_url_is_a_local_path(tmp_path) -> None:
    open_store((tmp_path / "with space ä").as_uri()).put("a", b"x")
    assert (tmp_path / "with space ä" / "a").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://b/x", True),
        ("memory://x", True),
        ("file:///x", False),
        ("C:\\x", False),
        ("x", False),
        (Path("x"), False),
    ],
)
def test_what_is_a_url(location, expected) -> None:
    assert is_url(location) is expected


def test_unknown_scheme_is_an_error() -> None:
    with pytest.raises(DatasetError, match=r"cannot open 'nonsense://x': .*Unable to recognise URL"):
        open_store("nonsense://x")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("s3:/bucket/lab.zarr", "s3://bucket/lab.zarr"),
        ("S3:/bucket/lab.zarr", "s3://bucket/lab.zarr"),
        ("gs:/bucket/lab.zarr", "gs://bucket/lab.zarr"),
        ("memory:/lab", "memory://lab"),
        ("file:/srv/lab.zarr", "file:///srv/lab.zarr"),
    ],
)
def test_a_url_with_one_slash_is_no_folder(typed: str, meant: str) -> None:
    with pytest.raises(DatasetError, match=f"did you mean {meant}\\?"):
        open_store(typed)


@pytest.mark.parametrize("path", ["C:/lab.zarr", "day3:/lab.zarr", "s3/lab.zarr", "./s3:/lab.zarr"])
def test_what_only_looks_like_such_a_url_is_a_path(path: str) -> None:
    assert open_store(path).url.replace("\\", "/").endswith(path.removeprefix("."))


@pytest.mark.parametrize("url", ["s3://bucket/lab#1.zarr", "s3://bucket/lab?x.zarr"])
def test_what_a_url_would_lose_is_refused(url) -> None:
    with pytest.raises(DatasetError, match="'#' and '\\?' end the path of a URL.* write them as %23 and %3F"):
        open_store(url)


def test_memory_url_means_the_same_store_throughout_a_process() -> None:
    url = f"memory://{uuid.uuid4().hex}"
    open_store(url).put("a", b"x")
    assert open_store(url + "/").read("a")[0] == b"x"


@pytest.mark.parametrize("url", ["s3://bucket/lab.zarr", "memory://lab"])
def test_a_url_without_obstore_says_what_to_install(url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "kymflow_zarr.store.object", raising=False)
    with pytest.raises(
        InstallationError, match=rf"cannot open '{url}': obstore.*pip install \"kymflow\[s3\]\""
    ):
        open_store(url)


def test_what_else_is_missing_is_not_blamed_on_obstore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kymflow_zarr.store.listed", None)
    monkeypatch.delitem(sys.modules, "kymflow_zarr.store.object", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"kymflow_zarr\.store\.listed"):
        open_store("memory://lab")


WITHOUT_OBSTORE = """
import sys
sys.modules["obstore"] = None
from kymflow import KymDataset
kd = KymDataset(sys.argv[1], "a")
kd.ds.add_image([[0, 1], [2, 3]]).load_array()
print(sorted(kd.refresh_all()) == sorted(table.table_name for table in kd.status().tables))
"""


def test_local_datasets_need_no_obstore(tmp_path, start_python) -> None:
    assert wait_for_all(start_python(WITHOUT_OBSTORE, tmp_path / "lab.zarr")) == ["True\n"]


LOCAL_USE = """
import sys, numpy as np, pandas as pd
from kymflow_zarr import ZarrDataset
dataset = ZarrDataset(sys.argv[1])
dataset.save_table("t", pd.DataFrame({"image_id": ["a"]}))
dataset.sync_from_folder(sys.argv[2])
print([name for name in ("obstore", "zarr", "tifffile") if name in sys.modules])
record = dataset.add_image(np.ones((2, 3)))
record.load_array()
print([name for name in ("obstore",) if name in sys.modules])
"""


def test_local_paths_never_load_obstore_and_load_zarr_for_pixels_only(tmp_path, start_python) -> None:
    (tmp_path / "in").mkdir()
    process = start_python(LOCAL_USE, tmp_path / "lab.zarr", tmp_path / "in")
    out, problems = process.communicate(timeout=300)
    assert process.returncode == 0, problems
    assert out.splitlines() == ["[]", "[]"]
