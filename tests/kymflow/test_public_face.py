from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

import kymflow
from support.paths import SRC


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    for name in kymflow.__all__:
        assert getattr(kymflow, name) is not None
    assert set(kymflow.__all__) <= set(dir(kymflow))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'kymflow' has no attribute 'Kymdataset'"):
        _ = kymflow.Kymdataset


def test_the_paths_of_the_existing_api_stay_importable() -> None:
    from kymflow.core.zarr.indexers.base import DatasetIndexer, ensure_image_id_column, normalize_table_name
    from kymflow.core.zarr.kym_dataset import KymDataset

    assert KymDataset is kymflow.KymDataset
    assert DatasetIndexer is kymflow.DatasetIndexer
    assert (ensure_image_id_column, normalize_table_name) == (
        kymflow.ensure_image_id_column,
        kymflow.normalize_table_name,
    )


def test_the_version_is_the_one_of_the_distribution() -> None:
    assert f'version = "{kymflow.__version__}"' in (SRC.parent / "pyproject.toml").read_text("utf-8")
    assert f"\nversion: {kymflow.__version__}\n" in (SRC.parent / "CITATION.cff").read_text("utf-8")


def test_importing_kymflow_costs_nothing() -> None:
    code = """
import sys
before = set(sys.modules)
import kymflow
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))
"""
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=True
    )

    assert done.stdout.split() == ["kymflow", "kymflow_zarr"]


def imports_of(folder: str) -> set[str]:
    found = set()
    for path in (SRC / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module))
    return found


@pytest.mark.slow
def test_imports_go_down_only() -> None:
    storage = {name.split(".")[0] for name in imports_of("kymflow_zarr")}
    assert not storage & {"kymflow", "kymflow_indexers_builtin"}
    assert not {name for name in imports_of("kymflow") if name.startswith("kymflow_indexers_builtin")}
    builtin = {name for name in imports_of("kymflow_indexers_builtin") if name.startswith("kymflow")}
    assert builtin <= {
        "kymflow",
        "kymflow_indexers_builtin.acquired",
        "kymflow_indexers_builtin.images",
        "kymflow_indexers_builtin.radon_report",
        "kymflow_indexers_builtin.velocity_events",
    }


def test_only_the_command_line_prints() -> None:
    for folder in ("kymflow_zarr", "kymflow", "kymflow_indexers_builtin"):
        for path in (SRC / folder).rglob("*.py"):
            if "cli" in path.parts:
                continue
            calls = [
                node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
            ]
            assert not [
                call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"
            ], path
