"""Commands: readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kymflow import __version__
from kymflow.core.ingest.readers import builtin_readers
from support.command_line import Run, read_json
from support.simple_indexers import write_distribution


@pytest.fixture
def lab_readers(site: Path) -> None:
    """Two distributions: one with a reader, and one whose reader is none."""
    for name, offered in (("good-readers", "ScanReader(priority=2)"), ("bad-readers", "5")):
        module = name.replace("-", "_")
        write_distribution(site, name, "0.1", f"{name} = {module}")
        (site / f"{module}.py").write_text(
            "from kymflow import hookimpl\n"
            "from support.plugin_makers import ScanReader\n"
            f"@hookimpl\ndef kymflow_readers():\n    return [{offered}]\n",
            "utf-8",
        )


def test_readers_lists_kymflows_own_first(run: Run, site: Path) -> None:
    out = run("readers").stdout

    assert "kymflow desktop" in out
    assert f"kymflow {__version__}" in out
    assert run("readers").stderr == ""


def test_readers_lists_those_of_plugins_and_broken_ones_with_the_reason(run: Run, lab_readers: None) -> None:
    result = run("readers")

    assert result.stderr == ""
    (scan,) = [line for line in result.stdout.splitlines() if "good-readers" in line]
    assert re.split(r" {2,}", scan.strip()) == [
        "scan",
        "2",
        "good-readers 0.1",
        "ok",
        "Line scans in an invented text format.",
    ]
    (bad,) = [line for line in result.stdout.splitlines() if "bad-readers 0.1" in line]
    assert "broken" in bad
    assert "InvalidReaderError: reader 'int' (int) is no SourceReader: it lacks name" in bad


def test_readers_as_json_is_a_list_of_documented_fields(run: Run, lab_readers: None) -> None:
    *own, bad, good = read_json(run("readers", "--json"))

    assert [info["name"] for info in own] == [reader.name for reader in builtin_readers()]
    assert good == {
        "name": "scan",
        "priority": 2,
        "summary": "Line scans in an invented text format.",
        "distribution": "good-readers",
        "version": "0.1",
        "entry_point": "good-readers = good_readers",
        "status": "ok",
        "error": None,
        "traceback": None,
        "remark": None,
    }
    assert (bad["name"], bad["status"]) == ("bad-readers", "broken")
    assert "Traceback" in bad["traceback"]
    assert set(bad) == set(good) == set(own[0])


def test_indexers_does_not_speak_of_plugins_that_offer_readers_alone(run: Run, lab_readers: None) -> None:
    result = run("indexers")

    assert "readers" not in result.stdout
    assert "broken" not in result.stdout
    assert result.stderr == ""
    assert [info["name"] for info in read_json(run("indexers", "--json"))] == [
        "images",
        "radon_report",
        "velocity_events",
    ]
