"""The notebook is stored without outputs, and runs from top to bottom, with the heart-rate plugin or not."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.paths import REPO

NOTEBOOK = REPO / "examples" / "notebook" / "kymflow_tables.ipynb"
PLUGIN = REPO / "examples" / "kymflow-indexer-heart-rate"
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=sys.argv[2])
nbformat.write(notebook, sys.argv[3])
"""


@dataclass(frozen=True)
class Executed:
    """What the cells put out."""

    printed: str
    errors: str
    pictures: list[bytes]
    tables: str


def execute(folder: Path, **environment: str) -> Executed:
    """Run the notebook in a kernel of its own; an error in a cell is an error here."""
    result = folder / "executed.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, NOTEBOOK, folder, result],
        # What it writes goes where the test's own files go.
        env={**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "IPYTHONDIR"), str(folder)), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads(result.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    streams = [output for output in outputs if output["output_type"] == "stream"]
    data = [output["data"] for output in outputs if "data" in output]
    return Executed(
        printed="".join("".join(s["text"]) for s in streams if s["name"] == "stdout"),
        errors="".join("".join(s["text"]) for s in streams if s["name"] == "stderr"),
        pictures=[base64.b64decode(d["image/png"]) for d in data if "image/png" in d],
        tables="".join("".join(d["text/html"]) for d in data if "text/html" in d),
    )


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the heart-rate plugin is installed."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*pip, "--no-index", "--no-build-isolation", "--target", folder, PLUGIN], check=True, env=os.environ
    )
    return folder


def test_the_notebook_runs_and_shows_its_plots(tmp_path: Path) -> None:
    shown = execute(tmp_path, KYMFLOW_PLUGINS="kymflow-indexers-builtin")

    assert shown.errors == ""
    assert "8 new images, 0 failed" in shown.printed
    assert "radon_report: 7 rows of 8 images" in shown.printed
    assert "no heart rates: pip install" in shown.printed
    assert "1 image updated, 7 left alone" in shown.printed
    assert "last second left out" in shown.tables
    assert "3 of 7 rows" in shown.tables
    assert "median_velocity (mm/s)" in shown.tables
    # A column by groups, velocities of each image, events over time, one image.
    assert len(shown.pictures) == 4
    # An empty plot is a fraction of that.
    assert min(map(len, shown.pictures)) > 8_000
    assert len(list(tmp_path.glob("kymflow-notebook-*/lab.zarr"))) == 1


def test_the_notebook_shows_heart_rates_where_the_plugin_is_installed(tmp_path: Path, plugin: Path) -> None:
    shown = execute(tmp_path, PYTHONPATH=str(plugin))

    assert shown.errors == ""
    assert len(shown.pictures) == 5
    rates = re.findall(r"^ *capillary_\d{4}\.tif +(\d+\.\d) ", shown.printed, re.MULTILINE)
    assert [float(rate) for rate in rates] == pytest.approx([480] * 7, abs=2)


def test_the_notebook_is_stored_without_outputs() -> None:
    content = json.loads(NOTEBOOK.read_text("utf-8"))

    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 5
    for cell in code:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert cell["metadata"] == {}
    assert set(content["metadata"]) == {"kernelspec", "language_info"}
    assert content["metadata"]["language_info"] == {"name": "python"}
