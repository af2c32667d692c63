"""What ``kymflow_view`` offers: its names, its version, and an import that costs nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

import kymflow_view
from support.environments import VIEW


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    for name in kymflow_view.__all__:
        assert getattr(kymflow_view, name) is not None
    assert set(kymflow_view.__all__) <= set(dir(kymflow_view))
    with pytest.raises(AttributeError, match="module 'kymflow_view' has no attribute 'Pannel'"):
        _ = kymflow_view.Pannel


def test_the_version_is_the_one_of_the_distribution() -> None:
    project = tomllib.loads((VIEW / "pyproject.toml").read_text("utf-8"))["project"]

    assert kymflow_view.__version__ == project["version"]


@pytest.mark.slow
def test_importing_it_and_its_commands_costs_nothing() -> None:
    project = tomllib.loads((VIEW / "pyproject.toml").read_text("utf-8"))["project"]
    modules = [value.partition(":")[0] for value in project["entry-points"]["kymflow.commands"].values()]
    slow = ("numpy", "pandas", "pyarrow", "matplotlib", "starlette", "uvicorn", "zarr")
    code = f"import sys, {', '.join(modules)}; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )

    assert done.stdout == "[]\n"
