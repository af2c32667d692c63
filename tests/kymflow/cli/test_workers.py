"""Commands that extract in worker processes, or on a Dask cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow.cli import workers
from kymflow.cli.hints import with_pip
from kymflow_zarr import ZarrDataset
from support.command_line import one_line, run_command
from support.executors import linux, of_distributed
from support.paths import TESTS

pytestmark = of_distributed


def table_files(path: Path) -> dict[str, pd.DataFrame]:
    return {file.name: pd.read_parquet(file) for file in sorted((path / "tables").glob("*.parquet"))}


@pytest.mark.parametrize("where", ["workers", "dask"])
def test_commands_give_the_same_with_workers(
    lab: Path, where: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is.
    monkeypatch.setattr(workers, "ANSWER_TIMEOUT_S", 300)
    if where == "workers":
        how: list[object] = ["--workers", 2]
    else:
        how = ["--dask", request.getfixturevalue("cluster").scheduler.address]
    before = table_files(lab)
    assert len(before) == 4
    shutil.rmtree(lab / "index")
    (lab / "tables" / "velocity_events.parquet").unlink()
    (lab / "tables" / "radon_report.parquet").unlink()

    run_command("rebuild", lab, *how)

    after = table_files(lab)
    assert list(after) == list(before)
    for name, table in before.items():
        assert_frame_equal(after[name], table)
    image_id = before["radon_report.parquet"]["image_id"][0]
    assert "radon_report" in run_command("update", lab, image_id, *how).stdout
    assert "radon_report" in run_command("refresh", lab, *how).stdout


@pytest.mark.parametrize("command", ["ingest", "rebuild", "update", "refresh"])
def test_workers_and_a_cluster_exclude_each_other(tmp_path: Path, command: str) -> None:
    rest = {"ingest": ["in"], "update": ["a"]}.get(command, [])

    result = run_command(command, tmp_path, *rest, "--workers", 2, "--dask", "tcp://127.0.0.1:1", code=2)

    assert one_line(result) == "kymflow: give --workers or --dask, not both\n"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nonsense://x", "not an address"])
def test_a_scheduler_that_does_not_answer_is_one_line(
    lab: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ANSWER_TIMEOUT_S", 0.5)
    before = table_files(lab)

    result = run_command("rebuild", lab, "--dask", address, code=1)

    assert one_line(result).startswith(f"kymflow: no Dask scheduler answers at {address}: ")
    assert list(table_files(lab)) == list(before)


def test_a_cluster_needs_distributed(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    result = run_command("rebuild", lab, "--dask", "tcp://127.0.0.1:1", code=1)

    said = f"kymflow: {with_pip('--dask needs the distribution distributed: pip install distributed')}\n"
    assert one_line(result) == said


@linux
@pytest.mark.long
def test_an_image_that_kills_its_worker_is_named_by_a_command(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "flag").touch()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from support.executor_indexers import Killer\n"
        "from kymflow.core.plugins.registry import get_registry\n"
        "from kymflow.cli.main import main\n"
        "if __name__ == '__main__':\n"
        "    get_registry().register(Killer(victim=sys.argv[3], flag=sys.argv[4], once=False))\n"
        "    sys.argv = ['kymflow', 'rebuild', sys.argv[2], '--indexer', 'rows', '--workers', '2']\n"
        "    main()\n"
    )
    script = tmp_path / "command.py"
    script.write_text(code, "utf-8")
    victim = ZarrDataset(lab).list_image_ids()[0]

    done = subprocess.run(
        [sys.executable, script, str(TESTS), str(lab), victim, str(tmp_path / "flag")],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert f"image {victim!r}: its indexer ended the process by signal SIGKILL on this image" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
