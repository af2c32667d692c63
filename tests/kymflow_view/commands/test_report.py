"""``kymflow report``: one file, written whole, and never into a dataset."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kymflow import KymDataset
from support.command_line import one_line, run_command

pytestmark = pytest.mark.slow


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    KymDataset(tmp_path / "lab.zarr", mode="a").ds.add_image([[1, 2], [3, 4]])
    return tmp_path / "lab.zarr"


def test_a_report_is_written_whole(empty: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("old")
    result = run_command("report", empty, "-o", out)
    assert re.fullmatch(rf"wrote {re.escape(str(out))} \(0\.\d MB\)\n", result.stdout)
    assert result.stderr == "kymflow: no table has a value to draw\n"
    assert out.read_text("utf-8").endswith("</html>\n")
    assert {path.name for path in tmp_path.iterdir()} == {"lab.zarr", "report.html"}


def test_mistakes(empty: Path, tmp_path: Path) -> None:
    assert "there is no dataset" in one_line(
        run_command("report", tmp_path / "no.zarr", "-o", tmp_path / "r.html", code=1)
    )
    inside = run_command("report", empty, "-o", empty / "r.html", code=2)
    assert "lies inside the dataset" in " ".join(inside.stderr.split())
    assert "must end with .html" in run_command("report", empty, "-o", tmp_path / "r.pdf", code=2).stderr
