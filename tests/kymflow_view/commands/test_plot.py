"""``kymflow plot``: pictures of images and of columns, and mistakes in one line each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow_view.commands.options import AverageName, KindName, ThemeName
from kymflow_view.figures import THEMES
from kymflow_view.pooled import AVERAGES, KINDS
from support.command_line import one_line, run_command
from support.viewed_lab import HOSTILE, make_viewed_lab

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    make_viewed_lab(folder)
    return folder / "lab.zarr"


def test_the_options_are_what_figures_take() -> None:
    assert {one.value for one in KindName} == set(KINDS)
    assert {one.value for one in AverageName} == set(AVERAGES)
    assert {one.value for one in ThemeName} == set(THEMES)


@pytest.mark.parametrize(("suffix", "begin"), [("png", b"\x89PNG"), ("SVG", b"<?xml"), ("pdf", b"%PDF")])
def test_an_image_by_its_name(lab: Path, tmp_path: Path, suffix: str, begin: bytes) -> None:
    out = tmp_path / f"a.{suffix}"
    assert run_command("plot", lab, "capillary_0002", "-o", out).stdout == f"wrote {out}\n"
    assert out.read_bytes().startswith(begin)
    assert list(tmp_path.iterdir()) == [out]
    run_command("plot", lab, HOSTILE, "-o", out, "--theme", "dark")


def test_a_column_by_groups_says_what_is_not_shown(lab: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    arguments = ["plot", lab, "radon_report", "--y", "mean_velocity", "-o", out]
    assert run_command(*arguments, "--by", "condition").stdout == f"wrote {out}\n"
    run_command(*arguments, "--kind", "violin", "--average", "folder", "--theme", "dark")
    run_command(*arguments, "--x", "n_valid", "--by", "folder")
    told = run_command("plot", lab, "images", "--y", "n_events", "-o", out, "--kind", "histogram").stdout
    assert told == f"wrote {out} (2 missing)\n"


def test_a_column_without_values_is_told(lab: Path, tmp_path: Path) -> None:
    kd = KymDataset(lab)
    kd.ds.save_table("void", pd.DataFrame({"image_id": kd.ds.list_image_ids(), "x": float("nan")}))
    out = tmp_path / "a.png"
    result = run_command("plot", lab, "void", "--y", "x", "-o", out)
    assert out.exists()
    assert result.stderr == "kymflow: void has no value of x to draw\n"
    assert run_command("plot", lab, "radon_report", "--y", "n_valid", "-o", out).stderr == ""


def test_mistakes_are_one_line(lab: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    column = one_line(run_command("plot", lab, "radon_report", "--y", "mean_velocty", "-o", out, code=1))
    assert "has no column 'mean_velocty'; did you mean 'mean_velocity'" in column
    text = one_line(run_command("plot", lab, "radon_report", "--y", "notes", "-o", out, code=1))
    assert "column 'notes' of table 'radon_report' has no numbers" in text
    image = one_line(run_command("plot", lab, "capilary_0001.tif", "-o", out, code=1))
    assert "did you mean 'capillary_0001.tif'" in image
    table = one_line(run_command("plot", lab, "radon", "--y", "n_valid", "-o", out, code=1))
    assert "no table 'radon'" in table
    folder = one_line(run_command("plot", lab, "capillary_0001", "-o", tmp_path / "no" / "a.png", code=1))
    assert "there is no folder" in folder
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["capillary_0001", "-o", "a.jpg"], "must end with .png, .svg, .pdf"),
        (["radon_report", "-o", "a.png"], "radon_report is a table: give --y"),
        (["capillary_0001", "-o", "a.png", "--by", "x"], "and --average go with --y"),
        (["capillary_0001", "-o", "a.png", "--kind", "violin"], "and --average go with --y"),
        (["capillary_0001", "-o", "a.png", "--average", "image"], "and --average go with --y"),
        (["radon_report", "-o", "a.png", "--y", "n_valid", "--channel", "1"], "--channel is of an image"),
        (
            ["radon_report", "-o", "a.png", "--y", "n_valid", "--x", "roi_id", "--kind", "violin"],
            "--x makes a scatter plot, --kind is violin",
        ),
        (["radon_report", "-o", "a.png", "--y", "n_valid", "--kind", "pie"], "'violin'"),
        (["capillary_0001"], "--output"),
    ],
)
def test_what_is_not_understood_is_a_usage_error(lab: Path, arguments: list[str], message: str) -> None:
    failed = run_command("plot", lab, *arguments, code=2)
    assert message in " ".join(failed.stderr.split()).replace("│ ", "")


def test_nothing_is_written_into_a_dataset(lab: Path) -> None:
    failed = run_command("plot", lab, "capillary_0001", "-o", lab / "a.png", code=2)
    assert "lies inside the dataset" in " ".join(failed.stderr.split())
    assert not (lab / "a.png").exists()


def test_the_commands_import_nothing_heavy() -> None:
    code = (
        "import sys, kymflow_view.commands.plot, kymflow_view.commands.report\n"
        "print(sorted({'matplotlib', 'numpy', 'pandas', 'pyarrow', 'starlette'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
