"""The page on folders shows readers that there are, and folders of which every file is used."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.ingest.readers import builtin_readers
from support.paths import REPO

PAGE = (REPO / "docs" / "folder-formats.md").read_text("utf-8")
TREES = re.findall(r"(?:^    day 1/\n(?:^      .*\n)+)", PAGE, re.MULTILINE)
TRACE = "roi_id,channel,time,velocity\n1,1,0.1,0.5\n1,1,0.2,0.7\n"
# What each file holds at the least, by the end of its name; the first that fits.
CONTENTS = {
    "radon_velocity.csv": TRACE.replace("time", "time_s"),
    "diameter.csv": "diameter_um\n4.0\n",
    ".csv": TRACE,
    "tif.json": '{"version": 2, "analysis": [], "rois": [{"roi_id": 1}]}',
    "events.json": '{"velocity_events": {"1:1": []}}',
    "radon.json": '{"analysis_metadata": {"1:1": {"roi_id": 1, "channel": 1}}}',
    "kymanalysis.json": '{"analysis_metadata": {}, "velocity_events": {}}',
    ".json": "{}",
    ".txt": '"[General]"\n"Name"\t"scan"\n',
}


def test_the_readers_are_those_that_there_are() -> None:
    rows = re.findall(r"^\| `([\w ]+)` \| (\d+) \|", PAGE, re.MULTILINE)
    readers = sorted(builtin_readers(), key=lambda reader: -reader.priority)  # type: ignore[attr-defined]
    assert [(name, int(priority)) for name, priority in rows] == [
        (reader.name, reader.priority)  # type: ignore[attr-defined]
        for reader in readers
    ]


def files_of(tree: str) -> list[Path]:
    """Return the paths that a tree shows, by its indentation."""
    folders: list[str] = []
    files = []
    for line in tree.splitlines():
        name = re.split(r" {2,}", line.strip())[0]
        depth = (len(line) - len(line.lstrip())) // 2 - 2
        folders = folders[:depth]
        if name.endswith("/"):
            folders.append(name)
        else:
            files.append(Path(*folders, name))
    return files


@pytest.mark.parametrize(
    ("tree", "reader", "shape", "artifacts"),
    [
        (TREES[0], "kymflow desktop", (8, 5), {"metadata", "radon", "radon_report", "diameter", "calcium"}),
        (TREES[1], "acqstore", (8, 5), {"metadata", "radon", "radon_report", "diameter"}),
        (TREES[2], "olympus channels", (2, 8, 5), {"metadata"}),
    ],
    ids=["desktop", "acqstore", "olympus"],
)
def test_every_file_of_a_folder_is_used(
    tmp_path: Path, tree: str, reader: str, shape: tuple[int, ...], artifacts: set[str]
) -> None:
    files = files_of(tree)
    assert len(files) > 2
    for file in files:
        path = tmp_path / "lab" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".tif":
            tifffile.imwrite(path, np.zeros((8, 5), np.uint16))
        else:
            path.write_text(next(text for end, text in CONTENTS.items() if path.name.endswith(end)), "utf-8")
    kd = KymDataset(tmp_path / "lab.zarr", "a", registry=IndexerRegistry(()))

    report = kd.ingest_folder(tmp_path / "lab")

    assert (len(report.new), report.failed, report.passed_over) == (1, {}, {})
    (record,) = kd.ds.iter_records()
    assert record.load_array().shape == shape
    names = {key.partition("/analysis/")[2].partition(".")[0] for key in record.list_analysis_keys()}
    assert artifacts <= names
    sources = kd.ds.load_sources_index()
    assert sources["reader"].tolist() == [reader]
    noted = sources["source_files"].iloc[0]
    assert [file.name for file in files if f'{file.name}"' not in noted] == []
