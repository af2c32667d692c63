"""Hostile names in commands: refused in one line, and nothing moves. Odd ones are good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow_zarr.errors import KymflowError
from support.command_line import read_json, run_command
from support.names import FRAME, HOSTILE, ODD, Lab, stamps
from support.refreshing import TABLE, CellsIndexer
from support.simple_indexers import add_image


def refuses_command(watched_lab: Lab, *arguments: object) -> None:
    """Expect one line that does not harm a terminal, exit code 1 or 2, and no change anywhere."""
    result = run_command(*arguments, code=None)
    assert stamps(watched_lab.root) == watched_lab.before, arguments
    assert result.exit_code in (1, 2), (arguments, result.output)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    if result.exit_code == 1:
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("kymflow: ")
    assert "Traceback" not in result.stderr
    assert all(line.isprintable() for line in lines), ascii(result.stderr)


@pytest.mark.parametrize(
    "kind",
    [
        "climbing",
        "climbing backwards",
        "parent",
        "absolute",
        "drive",
        "NUL",
        "escape sequence",
        "newline",
        "lone surrogate",
        "far over-long",
        "device",
        "trailing dot",
        "trailing space",
        "leading dot",
        "stream of a file",
        "empty",
    ],
)
def test_no_command_takes_a_hostile_name(site: Path, refusing_lab: Lab, kind: str) -> None:
    path, name = refusing_lab.path, HOSTILE[kind]
    refuses_command(refusing_lab, "update", path, name, "--json")
    refuses_command(refusing_lab, "update", path, "a", name)
    refuses_command(refusing_lab, "update", path, "a", "--indexer", name)
    refuses_command(refusing_lab, "show", path, name)
    refuses_command(refusing_lab, "show", path, TABLE, "--image", name, "--json")
    refuses_command(refusing_lab, "rebuild", path, "--indexer", name)
    refuses_command(refusing_lab, "refresh", path, "--indexer", name)
    refuses_command(refusing_lab, "refresh", path, "--dry-run", "--json", "--indexer", name)


NO_DATASET = {
    "NUL": "lab\0.zarr",
    "over-long name": "x" * 300,
    "over-long path": "x/" * 5000,
    "no text": "\ud800",
    "below a file": "x.json/lab.zarr",
    "newline": "no\nlab.zarr",
    "escape sequence": "\x1b[31mno.zarr",
}


@pytest.mark.parametrize("path", NO_DATASET.values(), ids=list(NO_DATASET))
def test_a_path_where_nothing_is_is_told_in_one_line(site: Path, refusing_lab: Lab, path: str) -> None:
    refuses_command(refusing_lab, "show", path)
    refuses_command(refusing_lab, "show", path, TABLE)
    refuses_command(refusing_lab, "status", path, "--json")
    refuses_command(refusing_lab, "rebuild", path)
    refuses_command(refusing_lab, "refresh", path)
    refuses_command(refusing_lab, "refresh", path, "--dry-run")
    refuses_command(refusing_lab, "update", path, "a")
    refuses_command(refusing_lab, "ingest", refusing_lab.path, path)
    for call in (lambda: KymDataset(path, "r"), lambda: refusing_lab.kd.ingest_folder(Path(path))):
        with pytest.raises(KymflowError):
            call()
    assert stamps(refusing_lab.root) == refusing_lab.before


@pytest.mark.parametrize("name", ["NUL", "over-long name", "over-long path", "no text", "below a file"])
def test_nothing_is_made_where_nothing_can_be(site: Path, refusing_lab: Lab, name: str) -> None:
    refuses_command(refusing_lab, "ingest", NO_DATASET[name], refusing_lab.root)
    with pytest.raises(KymflowError):
        KymDataset(NO_DATASET[name], mode="a")
    assert stamps(refusing_lab.root) == refusing_lab.before


@pytest.mark.parametrize("command", ["show", "status", "rebuild", "refresh"])
def test_an_empty_path_is_no_dataset(site: Path, refusing_lab: Lab, command: str) -> None:
    refuses_command(refusing_lab, command, "")


def test_bytes_that_are_no_text_are_told_in_one_line(watched_lab: Lab) -> None:
    """As a process: the system's own arguments, printed as far as they can be."""
    command = [sys.executable, "-c", "from kymflow.cli.main import main; main()"]
    done = subprocess.run(
        [*command, "show", str(watched_lab.path), TABLE, "--image", b"a\xff\x1b[31m"],
        capture_output=True,
        timeout=300,
        check=False,
    )

    assert stamps(watched_lab.root) == watched_lab.before
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"has no image 'a\\udcff\\x1b[31m'." in done.stderr


@pytest.mark.parametrize("kind", ["spaces", "accents", "CJK", "emoji", "leading dash", "option", "longest"])
def test_commands_take_an_odd_name(site: Path, watched_lab: Lab, kind: str) -> None:
    name = ODD[kind]
    add_image(watched_lab.kd, name).save_json(TABLE, {"n": 7})
    watched_lab.kd.refresh(CellsIndexer())
    watched_lab.kd.ds.save_table(name, FRAME)

    run_command("update", "--json", "--indexer", "radon_report", "--", watched_lab.path, name)
    shown = run_command("show", "--json", f"--image={name}", "--", watched_lab.path, TABLE)
    assert [row["image_id"] for row in read_json(shown)["data"]] == [name]
    table = run_command("show", "--json", "--", watched_lab.path, name)
    assert read_json(table)["data"] == [{"image_id": "a", "x": 1.0}]
    status = read_json(run_command("status", watched_lab.path, "--json"))
    assert name in {found["table_name"] for found in status["tables"]}
