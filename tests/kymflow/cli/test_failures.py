"""What commands tell of images that failed."""

from __future__ import annotations

import json
import sys

import pytest

from kymflow import KymDataset
from kymflow.cli.hints import with_pip
from support.command_line import one_line, run_command
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
        assert f"failed: table broken, {image_id}: " in text


def test_a_url_without_the_extra_for_it_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "kymflow_zarr.store.object", raising=False)

    said = one_line(run_command("status", "s3://bucket/lab.zarr", code=1))

    assert "cannot open 's3://bucket/lab.zarr': obstore" in said
    assert said.endswith(with_pip('s3: pip install "kymflow[s3]"\n'))
