"""Output that nobody reads to its end, and what plugins print into it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset
from support.command_line import process_of, run_process
from support.simple_indexers import write_distribution


@pytest.fixture
def many_rows(lab: Path) -> Path:
    """The lab with a table ``many``, of which no pipe takes all rows at once."""
    KymDataset(lab).ds.save_table("many", pd.DataFrame({"image_id": "a", "n": range(20_000)}))
    return lab


@pytest.fixture
def nobody() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


# Where nothing is buffered, it is the first line that fails; else the last flush, if the output is short.
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "indexers",
        "show LAB",
        "show LAB --json",
        "show LAB many --json",
        "check LAB",
    ],
)
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    many_rows: Path, site: Path, nobody: int, command: str, unbuffered: str
) -> None:
    arguments = [str(many_rows) if word == "LAB" else word for word in command.split()]
    done = run_process(*arguments, site=site, stdout=nobody, PYTHONUNBUFFERED=unbuffered)

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_in_the_middle_ends_it_quietly(
    many_rows: Path, site: Path, unbuffered: str
) -> None:
    how = process_of("show", many_rows, "many", "--json", site=site, PYTHONUNBUFFERED=unbuffered)
    with subprocess.Popen(**how, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "{\n"
        running.stdout.close()
        assert running.stderr.read() == ""

    assert running.returncode == 141


@pytest.mark.parametrize("arguments", [["nonsense"], ["show"], ["show", "absent.zarr"]])
def test_mistakes_that_nobody_reads_end_in_the_same_way(nobody: int, arguments: list[str]) -> None:
    done = run_process(*arguments, stdout=nobody, stderr=nobody)

    assert done.returncode == 141


def talk(site: Path) -> None:
    """Install an indexer that prints a word for each image."""
    write_distribution(site, "lab-talker", "0.1", "talker = lab_talker_plugin")
    code = (
        "import pandas as pd\n"
        "from kymflow import hookimpl\n"
        "class Talker:\n"
        "    name = table_name = 'talker'\n"
        "    def extract_rows(self, rec):\n"
        "        print('a word')\n"
        "        return pd.DataFrame({'n': [1]})\n"
        "@hookimpl\n"
        "def kymflow_indexers():\n"
        "    return [Talker()]\n"
    )
    (site / "lab_talker_plugin.py").write_text(code, "utf-8")


def test_a_plugin_that_prints_is_not_to_blame_if_nobody_reads(lab: Path, site: Path, nobody: int) -> None:
    talk(site)
    done = run_process("rebuild", lab, site=site, stdout=nobody, PYTHONUNBUFFERED="1")

    assert (done.returncode, done.stderr) == (141, "")


def test_what_plugins_print_in_workers_does_not_come_between_the_results(lab: Path, site: Path) -> None:
    talk(site)
    done = run_process("rebuild", lab, "--indexer", "talker", "--workers", "2", "--json", site=site)

    assert json.loads(done.stdout)["tables"]["talker"]["rows"] == 4
    assert done.stderr.splitlines() == ["a word"] * 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_in_one_line(lab: Path, site: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = run_process("show", lab, site=site, stdout=full.fileno())

    assert (done.returncode, done.stderr) == (1, "kymflow: [Errno 28] No space left on device\n")
