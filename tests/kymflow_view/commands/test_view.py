"""``kymflow view``: its arguments, and mistakes in one line each."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kymflow import KymDataset
from support.command_line import one_line, run_command

pytestmark = pytest.mark.slow


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A dataset without images."""
    KymDataset(tmp_path / "lab.zarr", mode="a")
    return tmp_path / "lab.zarr"


def test_what_is_no_dataset_is_said_in_one_line(tmp_path: Path) -> None:
    failed = run_command("view", tmp_path / "nothing.zarr", code=1)
    assert failed.stderr.endswith(f"`kymflow ingest {tmp_path / 'nothing.zarr'} FOLDER` makes one.\n")

    assert "there is no dataset at" in one_line(failed)
    assert not (tmp_path / "nothing.zarr").exists()


def test_a_port_that_is_taken_is_said_in_one_line(empty: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        failed = run_command("view", empty, "--port", port, code=1)
    expected = f"kymflow: port {port} cannot be used: another program uses it; give --port another number\n"
    assert one_line(failed) == expected


@pytest.mark.parametrize("port", [0, 80, 65536, "any"])
def test_a_port_out_of_bounds_is_a_usage_error(empty: Path, port: object) -> None:
    assert "--port" in run_command("view", empty, "--port", port, code=2).stderr


def test_the_help_names_every_option() -> None:
    told = run_command("view", "--help").stdout

    for option in ("--no-browser", "--port", "--read-only"):
        assert option in told
