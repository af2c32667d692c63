"""Sidecars that are too large, or too wide: the failure of their file, and of no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow_zarr import limits
from support.refreshing import open_dataset
from support.tiff_folders import write_tiff

WIDE = ",".join(f"c{place}" for place in range(limits.MAX_COLUMNS + 1))
SIDECARS = {
    "an endless line": ("bad.trace.csv", b"1" * 2**23, "its first line goes on for more than 4.2 MB"),
    "a wide header": ("bad.trace.csv", f"{WIDE}\n1\n".encode(), "it has 10001 columns"),
    "semicolons": ("bad.trace.csv", f"{WIDE}\n1\n".replace(",", ";").encode(), "it has 10001 columns"),
    "a long table": ("bad.trace.csv", b"a,b\n" + b"1,2\n" * 60_000, "its values take"),
    "long text": ("bad.notes.json", json.dumps("x" * 300_000).encode(), "it is text of"),
    "many values": ("bad.notes.json", b"[" + b"[]," * 30_000 + b"[]]", "its values take"),
    "nested": ("bad.notes.json", b"[" * 100_000, "recursion"),
}


def ingest(tmp_path: Path) -> tuple[KymDataset, dict[str, str]]:
    kd = open_dataset(tmp_path / "lab.zarr")
    return kd, dict(kd.ingest_folder(tmp_path / "lab").failed)


@pytest.mark.parametrize("kind", SIDECARS)
def test_it_is_the_failure_of_its_file(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, data, said = SIDECARS[kind]
    write_tiff(tmp_path / "lab" / "good.tif", 1)
    write_tiff(tmp_path / "lab" / "bad.tif", 2)
    (tmp_path / "lab" / name).write_bytes(data)
    if kind in ("a long table", "long text", "many values"):
        monkeypatch.setenv(limits.SETTING, "1000000")

    kd, failed = ingest(tmp_path)

    ((path, cause),) = failed.items()
    assert path.endswith("bad.tif")
    assert said in cause
    assert name in cause
    assert len(kd.ds.list_image_ids()) == 1


@pytest.mark.parametrize("name", ["bad.trace.csv", "bad.notes.json"])
def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiff(tmp_path / "lab" / "bad.tif", 2)
    (tmp_path / "lab" / name).write_bytes(bytes(2**21))
    monkeypatch.setenv(limits.SETTING, str(2**22))
    _, failed = ingest(tmp_path)

    (cause,) = failed.values()
    assert name in cause
    assert "it is text of 2.1 MB" in cause
