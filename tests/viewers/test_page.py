"""What the page on other programs shows runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kymflow.testing import make_lab
from support.paths import REPO

WHY = "make test-viewers runs it, where these programs are installed"
pytest.importorskip("napari_ome_zarr", reason=WHY)
pytest.importorskip("xarray", reason=WHY)

PAGE = (REPO / "docs" / "viewers.md").read_text("utf-8")


def test_the_page_works_when_pasted(tmp_path: Path) -> None:
    make_lab(tmp_path / "lab.zarr")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    # A viewer without a window, which needs Qt and a screen; it finds plugins only when it is told to.
    code = "\n".join(blocks).replace("napari.Viewer()", "napari.components.ViewerModel()")
    discover = "import napari.components, npe2\nnpe2.PluginManager.instance().discover()\n"
    code = code.replace("import napari\n", discover)
    assert len(blocks) == 2

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code + "print(len(viewer.layers))\n"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        # Nothing of the person's own settings of napari.
        env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")},
    )

    assert done.returncode == 0, done.stderr
    printed = [line for line in done.stdout.splitlines() if not line.startswith("Root group")]
    assert printed == ["[0.001 0.3  ]", "('y', 'x') ('second', 'micrometer') 0.399 s", "3"]
