from __future__ import annotations

import json
import re
import sys
from functools import partial
from pathlib import Path

import pytest
from typer import Exit

from kymflow import DatasetIndexer, get_registry
from kymflow.cli.check_indexer import run_check_indexer
from kymflow.testing import ConformanceReport, Finding, make_lab
from kymflow.testing.conformance.catalogue import checks
from kymflow.testing.conformance.samples import digest_files
from support import faultless_indexers as faultless
from support import planted_faults as planted
from support.command_line import Run, run_command
from support.simple_indexers import write_distribution

DEFAULT = checks(thorough=False)


@pytest.fixture
def run(site: Path) -> Run:
    """Run ``kymflow check-indexer`` in this process, with the built-in indexers installed."""
    return partial(run_command, "check-indexer")


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the indexers that the command gave to check_indexer, where every one passes."""
    names = []

    def passing(indexer: DatasetIndexer, **how: object) -> ConformanceReport:
        names.append(indexer.name)
        return ConformanceReport(indexer.name, "any records", (Finding("any_check", "passed"),))

    monkeypatch.setattr("kymflow.cli.check_indexer.check_indexer", passing)
    return names


def test_all_registered_indexers_are_checked_by_default(run: Run, checked: list[str]) -> None:
    content = json.loads(run("--json").stdout)

    assert checked == ["images", "radon_report", "velocity_events"]
    assert [i["indexer"] for i in content["indexers"]] == checked
    assert content["unusable"] == []


def test_an_indexer_that_passes_every_check_is_exit_code_0(run: Run) -> None:
    (content,) = json.loads(run("velocity_events", "--json").stdout)["indexers"]

    assert (content["passed"], content["failed"], content["not_run"]) == (len(DEFAULT), 0, 0)
    assert {finding["status"] for finding in content["findings"]} == {"passed"}


def test_thorough_checks_are_made_where_they_are_asked_for(run: Run) -> None:
    get_registry().register(planted.HoldsItsRecord())

    assert "0 failed; 0 could not run" in run("planted").stdout
    assert "records_can_be_interleaved failed" in run("planted", "--thorough", code=1).stdout


def test_a_breach_is_told_with_its_remedy_and_is_exit_code_1(run: Run) -> None:
    get_registry().register(planted.ClaimsAnotherImage())

    out = run("planted", code=1).stdout

    assert "planted, on the simulated lab (5 images)" in out
    assert "image_id_is_right failed\n  what:     1 of 1 rows claim another image" in out
    assert "\n  got:      'image 1'\n  remedy:   Leave image_id out" in out
    assert "velocity_events" not in out


def test_a_check_that_could_not_run_is_exit_code_1(run: Run) -> None:
    get_registry().register(faultless.HeartRate())

    out = run("heart_rate", code=1).stdout

    assert re.search("^keeps_no_state +not run$", out, re.MULTILINE)
    # Once for all of them.
    assert f"\n{len(DEFAULT) - 8} checks not run, as no record of the simulated lab" in out
    assert out.count("on the command line --dataset PATH") == 1
    # What it says of itself, and that it writes nothing and ends nothing, can be told without rows.
    assert f"8 checks ran, 0 failed; {len(DEFAULT) - 8} could not run" in out


def test_an_indexer_that_always_fails_fits_a_terminal_with_one_reason(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    get_registry().register(planted.MisspellsAColumn())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    with pytest.raises(Exit):
        run_check_indexer(["planted"], None, thorough=False, as_json=False)

    lines = capsys.readouterr().out.splitlines()
    words = " ".join(" ".join(lines).split())
    n_not_run = len(DEFAULT) - 9
    assert max(map(len, lines)) <= 80
    assert "raised in support/planted_faults.py, line " in words
    assert (
        f" {n_not_run} checks not run, as returns_a_dataframe failed remedy: See the check "
        f"returns_a_dataframe 9 checks ran, 1 failed; {n_not_run} could not run"
    ) in words
    assert "sample artifacts" not in words


def test_records_of_a_dataset_are_copied_and_used(run: Run, tmp_path: Path) -> None:
    get_registry().register(faultless.HeartRate())
    kd = make_lab(tmp_path / "lab.zarr", 4)
    for number, record in enumerate(kd.ds.iter_records()):
        faultless.write_heart_rate(record, number)
    before = digest_files(Path(kd.ds.path))

    out = run("heart_rate", "--dataset", kd.ds.path).stdout

    assert f"heart_rate, on 4 of the 4 images of {kd.ds.path}" in out
    assert f"{len(DEFAULT)} checks ran, 0 failed; 0 could not run" in out
    assert digest_files(Path(kd.ds.path)) == before


def test_a_dataset_that_is_not_there_is_one_line_and_is_not_made(run: Run, tmp_path: Path) -> None:
    result = run("velocity_events", "--dataset", tmp_path / "no.zarr", code=1)

    assert f"kymflow: there is no dataset at {tmp_path / 'no.zarr'}" in result.stderr
    assert not (tmp_path / "no.zarr").exists()


def test_an_unknown_name_is_one_line(run: Run) -> None:
    assert "kymflow: no indexer is named 'velocity'; there are" in run("velocity", code=1).stderr


def test_a_broken_plugin_has_not_passed(run: Run, site: Path, checked: list[str]) -> None:
    write_distribution(site, "other-lab", "2.0", "other = no_such_module")

    result = run("--json", code=1)

    content = json.loads(result.stdout)
    assert [(i["name"], i["status"]) for i in content["unusable"]] == [("other", "broken")]
    assert (
        "kymflow: not checked: indexer 'other' of other-lab 2.0 (broken): ModuleNotFoundError"
        in result.stderr
    )
    assert checked == ["images", "radon_report", "velocity_events"]


def test_without_any_indexer_nothing_is_proved(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGIN_AUTOLOAD", "1")
    get_registry.cache_clear()

    result = run("--json", code=1)

    assert (
        "kymflow: nothing to check; these plugins are switched off: kymflow-indexers-builtin" in result.stderr
    )
    assert json.loads(result.stdout) == {"indexers": [], "unusable": []}
