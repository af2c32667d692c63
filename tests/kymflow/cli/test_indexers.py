"""Commands: indexers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kymflow.core.plugins.registry import get_registry
from support.command_line import Run, read_json
from support.simple_indexers import write_distribution
from support.terminals import on_terminal


def test_indexers_lists_what_is_installed(run: Run) -> None:
    out = run("indexers").stdout

    assert "velocity_events" in out
    assert "kymflow-indexers-builtin 1.0.0" in out


def test_indexers_as_json_is_a_list_of_documented_fields(run: Run) -> None:
    found = read_json(run("indexers", "--json"))

    assert "analysed" in found[0].pop("required_columns")
    assert found[1].pop("required_columns") == ["mean_velocity", "median_velocity", "n_valid", "notes"]
    assert "score" in found[2].pop("required_columns")
    assert all(info.pop("summary").endswith(".") for info in found)
    assert found == [
        {
            "name": name,
            "table_name": name,
            "schema_version": "1",
            "settings": {},
            "distribution": "kymflow-indexers-builtin",
            "version": "1.0.0",
            "entry_point": "builtin = kymflow_indexers_builtin",
            "status": "ok",
            "error": None,
            "traceback": None,
            "remark": None,
            "sources": [],
        }
        for name in ("images", "radon_report", "velocity_events")
    ]


def test_indexers_verbose_shows_columns(run: Run) -> None:
    out = run("indexers", "-v").stdout

    assert "required columns: mean_velocity, median_velocity, n_valid, notes" in out
    assert re.search(r"^loaded in \d+\.\d\d s: kymflow-indexers-builtin \S+ \(builtin = ", out, re.MULTILINE)


def test_indexers_lists_a_broken_plugin_with_its_cause(run: Run, site: Path) -> None:
    write_distribution(site, "lab-indexers", "0.1", "lab = no_such_lab_indexers")

    found = {info["name"]: info for info in read_json(run("indexers", "--json"))}
    assert found["lab"]["status"] == "broken"
    assert "no_such_lab_indexers" in found["lab"]["error"]
    assert found["lab"]["distribution"] == "lab-indexers"
    result = run("indexers")
    assert "broken" in result.stdout
    assert result.stderr == ""


def test_without_plugins_it_says_what_to_install(
    run: Run, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib_metadata.distributions", list)
    get_registry.cache_clear()

    for command in (["indexers"], ["rebuild", lab]):
        result = run(*command)
        assert "pip install kymflow-indexers-builtin" in result.stderr
    assert read_json(run("rebuild", lab, "--json")) == {"tables": {}, "unusable": []}
    assert read_json(run("indexers", "--json")) == []


@pytest.mark.filterwarnings("default::kymflow.PluginWarning")
def test_where_all_plugins_are_broken_it_does_not_claim_that_none_is_installed(
    run: Run, lab: Path, site: Path
) -> None:
    (entry_points,) = site.glob("*.dist-info/entry_points.txt")
    entry_points.write_text("[kymflow.indexers]\nbuiltin = no_such_module\n", "utf-8")
    get_registry.cache_clear()

    stderr = run("rebuild", lab, code=1).stderr

    assert "no_such_module" in stderr
    assert "no indexer is installed" not in stderr


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 132])
def test_on_a_terminal_each_indexer_takes_a_line_and_whole_errors_come_below(
    site: Path, tmp_path: Path, columns: int
) -> None:
    write_distribution(site, "lab-indexers", "0.1", "lab = lab_indexers")
    (site / "lab_indexers.py").write_text("raise RuntimeError('a long story ' * 20 + 'ends')", "utf-8")

    shown, code = on_terminal("indexers", columns=columns, cwd=tmp_path, site=site)

    lines = shown.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= columns
    assert [line.split()[0] for line in lines[3:7]] == ["images", "lab", "radon_report", "velocity_events"]
    assert ("kymflow-indexers-builtin" in shown) == (columns > 80)
    assert lines[4].endswith("...")
    assert lines[7].startswith("lab of lab-indexers 0.1: RuntimeError: a long story")
    assert " ".join(shown.split()).endswith("a long story ends")

    whole, _ = on_terminal("indexers", "--verbose", columns=columns, cwd=tmp_path, site=site)
    assert "from: kymflow-indexers-builtin 1.0.0" in whole
