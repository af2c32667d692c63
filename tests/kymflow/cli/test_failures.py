"""What commands tell of images that failed."""

from __future__ import annotations

import json

from kymflow import KymDataset
from support.command_line import run_command
from support.failing_indexers import BROKEN


def test_commands_tell_each_failure_with_its_image_and_cause(broken_lab: KymDataset, plugged: None) -> None:
    result = run_command("rebuild", broken_lab.ds.path, "--indexer", "broken", "--json", code=1)

    assert result.exit_code == 1
    failed = {
        one["image_id"]: one["error"] for one in json.loads(result.stdout)["tables"]["broken"]["failed"]
    }
    assert sorted(failed) == sorted(BROKEN)
    assert all(BROKEN[image_id][2] in error for image_id, error in failed.items())
    text = run_command("refresh", broken_lab.ds.path, "--indexer", "broken", code=1).stdout
    for image_id in BROKEN:
        assert f"failed: table broken, image {image_id}: " in text
