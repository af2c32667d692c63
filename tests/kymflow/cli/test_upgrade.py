"""Commands: upgrade."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support.command_line import one_line, read_json, run_command
from support.earlier_records import earlier_lab, forget


def test_the_command_tells_what_it_added_and_the_next_run_finds_nothing(tmp_path: Path, site: Path) -> None:
    kd = earlier_lab(tmp_path / "lab.zarr", 3)
    kd.ds.record("stack").save_array(np.zeros((2, 3, 4, 2)))
    forget(kd.ds, "stack")
    path = kd.ds.path

    shown = run_command("upgrade", path).stdout.splitlines()

    assert shown == [
        f"{path}: 4 images, 3 upgraded, 1 as they were, 0 failed",
        "pixel size unknown: 1 of them; --json names them",
        "no NGFF attributes: stack: NGFF has no form for the axes z, y, x, c",
    ]
    assert read_json(run_command("upgrade", path, "--json")) == {
        "dataset": path,
        "images": 4,
        "upgraded": [],
        "unchanged": 4,
        "uncalibrated": ["c"],
        "without_ngff": [{"image_id": "stack", "reason": "NGFF has no form for the axes z, y, x, c"}],
        "failed": [],
    }


def test_it_ends_with_1_if_an_image_cannot_be_read(tmp_path: Path, site: Path) -> None:
    kd = earlier_lab(tmp_path / "lab.zarr", 3)
    kd.ds.store.put("images/b/analysis/metadata.json", b"{")

    result = run_command("upgrade", kd.ds.path, code=1)

    assert "3 images, 2 upgraded, 0 as they were, 1 failed" in result.stdout
    assert "failed: b: artifact 'metadata.json' cannot be read: " in result.stdout
    content = read_json(run_command("upgrade", kd.ds.path, "--json", code=1))
    assert [one["image_id"] for one in content["failed"]] == ["b"]


def test_it_makes_no_dataset(tmp_path: Path, site: Path) -> None:
    result = run_command("upgrade", tmp_path / "nothing.zarr", code=1)
    assert "there is no dataset at" in one_line(result)
    assert not (tmp_path / "nothing.zarr").exists()
