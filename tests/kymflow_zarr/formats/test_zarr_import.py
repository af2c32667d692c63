"""zarr reads the entry points of all that is installed: the damaged ones are named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kymflow_zarr import InstallationError, ZarrDataset
from kymflow_zarr.formats.zarr_import import require_zarr
from support.tiff_folders import write_tiff

DAMAGED = b"[console_scripts]\nnonsense without equals\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is looked for distributions, with a damaged one; zarr cannot be imported."""
    folder = tmp_path / "unrelated-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: unrelated\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_bytes(DAMAGED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "zarr", None)
    return folder


MESSAGE = (
    r"zarr cannot be imported: the entry points of unrelated 1\.0 cannot be read: \w+: .*; "
    "reinstall or remove it"
)


@pytest.mark.parametrize(
    "data", [DAMAGED, b"\xff\xfe\0[", b"[x]\ny"], ids=["no equals", "no text", "no value"]
)
def test_damaged_distribution_is_named(installed, data) -> None:
    (installed / "entry_points.txt").write_bytes(data)
    with pytest.raises(InstallationError, match=f"^{MESSAGE}$"):
        require_zarr()


def test_a_source_is_not_blamed_for_it(installed, tmp_path) -> None:
    write_tiff(tmp_path / "tiffs" / "a.tif")
    report = ZarrDataset(tmp_path / "lab.zarr").sync_from_folder(tmp_path / "tiffs")
    (cause,) = report.failed.values()
    with pytest.raises(InstallationError, match=f"^{MESSAGE}$"):
        raise InstallationError(cause)


def test_another_failure_is_told_as_it_is(installed) -> None:
    (installed / "entry_points.txt").write_bytes(b"[console_scripts]\n")
    with pytest.raises(ModuleNotFoundError, match="import of zarr halted"):
        require_zarr()


@pytest.mark.slow
def test_damaged_distribution_in_a_new_process(installed, start_python, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed.parent))
    process = start_python("from kymflow_zarr.formats.zarr_import import require_zarr; require_zarr()")
    _, error = process.communicate()
    last = error.strip().splitlines()[-1]
    assert "unrelated 1.0 cannot be read" in last
    assert last.startswith("kymflow_zarr.errors.InstallationError: zarr cannot be imported")
