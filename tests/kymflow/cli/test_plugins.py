"""The command line and plugins: what is listed, switched off, broken, gone, and never imported."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from kymflow import KymDataset, ZarrDataset, get_registry
from support.command_line import Run, read_json, run_command
from support.plugin_makers import run_python, write_indexers
from support.simple_indexers import add_image, frame, write_distribution


@pytest.fixture
def run(site: Path) -> Run:
    """Run a command in this process as a new one would find the plugins; check its exit code."""

    def run(*arguments: object, code: int = 0) -> Result:
        get_registry.cache_clear()
        return run_command(*arguments, code=code)

    return run


@pytest.fixture
def stalls(site: Path) -> Path:
    """Metadata of ``lab-stalls`` 0.3, which offers ``stalls`` beside the built-in indexers."""
    write_distribution(site, "lab-stalls", "0.3", "lab = lab_stalls_plugin")
    write_indexers(site, "lab_stalls_plugin", "stalls")
    return site / "lab_stalls-0.3.dist-info"


@pytest.fixture
def lab(run: Run, stalls: Path, tmp_path: Path) -> Path:
    """A dataset of one image with all three tables."""
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    record = add_image(kd, "a")
    record.save_df_parquet("stalls", frame(roi_id=[1, 2]))
    record.save_json("radon_report", {"n_valid": 1})
    run("rebuild", tmp_path / "lab.zarr")
    return tmp_path / "lab.zarr"


def tables(result: Result) -> dict[str, Any]:
    return {table["name"]: table for table in read_json(result)["tables"]}


# kymflow indexers


def test_verbose_shows_the_whole_traceback_of_a_broken_plugin(run: Run, site: Path) -> None:
    write_distribution(site, "broken-lab", "0.1", "broken = lab_broken_plugin")
    (site / "lab_broken_plugin.py").write_text("def read():\n    return {}['roi']\nread()\n", "utf-8")

    out = run("indexers", "--verbose").stdout

    assert "  error: KeyError: 'roi'" in out
    assert 'lab_broken_plugin.py", line 2, in read' in out
    assert "Traceback" not in run("indexers").stdout
    found = {info["name"]: info for info in read_json(run("indexers", "--json"))}
    assert found["broken"]["traceback"].startswith("Traceback")


def test_verbose_says_what_is_switched_off_and_by_what(
    run: Run, stalls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGINS", "lab-stalls")

    out = run("indexers", "-v").stdout

    assert (
        "switched off by KYMFLOW_DISABLE_PLUGINS=lab-stalls: lab-stalls 0.3 (lab = lab_stalls_plugin)" in out
    )
    assert "stalls" not in run("indexers").stdout
    assert [info["name"] for info in read_json(run("indexers", "--json"))] == [
        "images",
        "radon_report",
        "velocity_events",
    ]


def test_where_all_are_switched_off_it_says_so_instead_of_what_to_install(
    run: Run, stalls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGIN_AUTOLOAD", "1")

    result = run("indexers")

    assert "lab-stalls 0.3 (KYMFLOW_DISABLE_PLUGIN_AUTOLOAD=1)" in result.stderr
    assert "pip install" not in result.stderr


def test_strict_ends_with_one_line(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_distribution(site, "broken-lab", "0.1", "broken = no_such_lab_plugin")
    monkeypatch.setenv("KYMFLOW_STRICT_PLUGINS", "1")

    stderr = run("indexers", code=1).stderr

    assert stderr.startswith("kymflow: plugin 'broken = no_such_lab_plugin' of broken-lab 0.1 cannot be used")
    assert stderr.count("\n") == 1


@pytest.mark.filterwarnings("default::kymflow.PluginWarning")
def test_an_unknown_name_in_a_switch_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMFLOW_PLUGINS", "kymflow-indexers-builtin,lab-stall")

    assert "kymflow: warning: KYMFLOW_PLUGINS names 'lab-stall'" in run("indexers").stderr


def test_verbose_names_who_follows_changes(run: Run, site: Path) -> None:
    write_distribution(site, "lab-exporter", "1.0", "export = lab_exporter_plugin")
    (site / "lab_exporter_plugin.py").write_text(
        "from kymflow import hookimpl\n@hookimpl\ndef kymflow_table_updated(table_name): ...\n", "utf-8"
    )

    out = run("indexers", "-v").stdout

    assert "follows changes of tables: lab-exporter 1.0 (export = lab_exporter_plugin)" in out


@pytest.mark.parametrize("command", [["indexers"], ["rebuild", "lab.zarr"], ["status", "lab.zarr"]])
def test_what_a_plugin_prints_does_not_spoil_the_json(
    run: Run, lab: Path, site: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    write_distribution(site, "loud-lab", "1.0", "loud = lab_loud_plugin")
    write_indexers(site, "lab_loud_plugin", "loud")
    with (site / "lab_loud_plugin.py").open("a", encoding="utf-8") as module:
        module.write(
            "print('imported')\n@hookimpl\ndef kymflow_table_updated(table_name):\n    print(table_name)\n"
        )
    monkeypatch.chdir(lab.parent)
    monkeypatch.delitem(sys.modules, "lab_loud_plugin", raising=False)

    result = run(*command, "--json")

    assert read_json(result)
    assert "imported\n" in result.stderr
    assert ("radon_report\n" in result.stderr) == (command[0] == "rebuild")


# Tables that outlive their plugins


def test_a_table_says_what_made_it(run: Run, lab: Path) -> None:
    assert "indexer stalls (schema version 1) of lab-stalls 0.3" in run("show", lab).stdout
    table = tables(run("show", lab, "--json"))["stalls"]
    assert (table["indexer"], table["schema_version"]) == ("stalls", "1")
    assert (table["distribution"], table["version"], table["problem"]) == ("lab-stalls", "0.3", "")


def test_a_table_whose_plugin_was_uninstalled_stays_and_says_so(run: Run, lab: Path, stalls: Path) -> None:
    shutil.rmtree(stalls)
    file = lab / "tables" / "stalls.parquet"
    before = file.read_bytes()

    shown = run("show", lab).stdout
    assert "of lab-stalls 0.3; its plugin is not installed any more" in shown
    assert shown.count("not installed any more") == 1
    assert tables(run("show", lab, "--json"))["stalls"]["problem"] == "its plugin is not installed any more"
    assert (
        read_json(run("show", lab, "stalls", "--json"))["problem"] == "its plugin is not installed any more"
    )
    assert len(read_json(run("show", lab, "stalls", "--json"))["data"]) == 2

    for command in ("rebuild", "refresh"):
        assert "stalls" not in read_json(run(command, lab, "--json"))["tables"]
    assert file.read_bytes() == before
    status = {table["table_name"]: table for table in read_json(run("status", lab, "--json"))["tables"]}
    assert "is not installed any more; the table stays as it is" in status["stalls"]["problem"]
    # Of its images nothing is known.
    (row,) = [line for line in run("status", lab).stdout.splitlines() if line.startswith("stalls ")]
    assert row.split() == ["stalls", "2"]
    assert status["radon_report"]["problem"] == ""


def test_a_table_whose_plugin_is_switched_off_says_so(
    run: Run, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGINS", "lab-stalls")

    assert "; its plugin is switched off by KYMFLOW_DISABLE_PLUGINS=lab-stalls" in run("show", lab).stdout


def test_a_table_of_this_programs_own_says_nothing_of_plugins(run: Run, lab: Path) -> None:
    KymDataset(lab).ds.save_table("mine", frame(x=[1]))

    assert tables(run("show", lab, "--json"))["mine"]["problem"] == ""


def test_an_uninstalled_plugin_that_comes_back_finds_its_table(run: Run, lab: Path, stalls: Path) -> None:
    aside = stalls.with_name("aside")
    stalls.rename(aside)
    assert "not installed any more" in run("show", lab).stdout
    aside.rename(stalls)

    assert "not installed any more" not in run("show", lab).stdout
    assert read_json(run("refresh", lab, "--json"))["tables"]["stalls"]["unchanged"] == 1


# Nothing is imported before it is needed


def test_reading_tables_imports_no_plugin(lab: Path, site: Path) -> None:
    (site / "lab_stalls_plugin.py").write_text("raise RuntimeError('imported')", "utf-8")
    code = f"""
import sys
from typer.testing import CliRunner
from kymflow import KymDataset
from kymflow.cli.commands import app
assert len(KymDataset({str(lab)!r}, "r").get_table("stalls")) == 2
for arguments in (["show"], ["show", "--json"]):
    result = CliRunner().invoke(app, [arguments[0], {str(lab)!r}, *arguments[1:]])
    assert result.exit_code == 0 and "lab-stalls" in result.stdout, result.output
for arguments in ([], ["--json"], ["--source"]):
    assert CliRunner().invoke(app, ["show", {str(lab)!r}, "stalls", *arguments]).exit_code == 0
print([name for name in ("lab_stalls_plugin", "kymflow_indexers_builtin") if name in sys.modules])
"""
    assert run_python(code, site).strip() == "[]"


def test_listing_loads_neither_pandas_nor_pyarrow(tmp_path: Path) -> None:
    write_distribution(tmp_path, "lab-plain", "1.0", "plain = lab_plain_plugin")
    (tmp_path / "lab_plain_plugin.py").write_text(
        "class Plain:\n    name = table_name = 'plain'\n    def extract_rows(self, rec): ...\n"
        "from kymflow import hookimpl\n@hookimpl\ndef kymflow_indexers():\n    return [Plain()]\n",
        "utf-8",
    )
    code = """
import os, sys
os.environ["KYMFLOW_PLUGINS"] = "lab-plain"
from kymflow import get_registry
print([info.status for info in get_registry().list()])
print([name for name in ("pandas", "pyarrow", "zarr", "numpy") if name in sys.modules])
"""
    assert run_python(code, tmp_path).splitlines() == ["['ok']", "[]"]


@pytest.fixture
def times_imported(run: Run, lab: Path, site: Path, tmp_path: Path) -> Callable[..., int]:
    """Install a plugin with indexer ``heavy`` when the lab is there; tell how often a command imports it."""
    write_distribution(site, "lab-heavy", "0.1", "heavy = lab_heavy_plugin")
    write_indexers(site, "lab_heavy_plugin", "heavy")
    module = site / "lab_heavy_plugin.py"
    imports = tmp_path / "imports"
    noting = f"with open({str(imports)!r}, 'a') as file: file.write('1')"
    module.write_text(f"{noting}\n{module.read_text('utf-8')}", "utf-8")

    def times_imported(*command: object, code: int = 0) -> int:
        # As in a new process.
        get_registry.cache_clear()
        sys.modules.pop("lab_heavy_plugin", None)
        imports.unlink(missing_ok=True)
        run(*command, code=code)
        return len(imports.read_text("utf-8")) if imports.exists() else 0

    return times_imported


def test_commands_that_name_their_indexers_import_no_other_plugin(
    times_imported: Callable[..., int], lab: Path, site: Path
) -> None:
    module, image_id = site / "lab_heavy_plugin.py", ZarrDataset(lab).list_image_ids()[0]
    # At first, nothing is known.
    assert times_imported("rebuild", lab, "--indexer", "radon_report") == 1
    for command in (
        ["rebuild", lab, "--indexer", "radon_report"],
        ["update", lab, image_id, "--indexer", "radon_report"],
        ["refresh", lab, "--indexer", "radon_report"],
        ["refresh", lab, "--indexer", "radon_report", "--dry-run"],
        ["show", lab],
        ["show", lab, "radon_report"],
        ["images", lab],
        ["delete", lab, image_id, "--yes"],
    ):
        assert times_imported(*command) == 0, command
    assert times_imported("rebuild", lab, "--indexer", "heavy") == 1
    assert times_imported("rebuild", lab, "--indexer", "nonsense", code=1) == 1
    for command in (["indexers"], ["status", lab]):
        assert times_imported(*command) == 1, command
    # Another version may offer other things.
    module.write_text(module.read_text("utf-8").replace("'heavy'", "'radon_report'"), "utf-8")
    assert times_imported("rebuild", lab, "--indexer", "radon_report", code=1) == 1


def test_status_imports_no_plugin_whose_tables_are_not_there(
    times_imported: Callable[..., int], run: Run, lab: Path, site: Path
) -> None:
    def stands() -> dict[str, Any]:
        return {table["table_name"]: table for table in read_json(run("status", lab, "--json"))["tables"]}

    # At first, nothing is known.
    assert times_imported("status", lab) == 1
    loaded = stands()
    assert (loaded["heavy"]["indexer"], loaded["heavy"]["missing"], loaded["heavy"]["rewrite"]) == (
        "heavy",
        1,
        True,
    )
    assert times_imported("status", lab) == 0
    assert times_imported("status", lab, "--json") == 0
    assert stands() == loaded
    # Whether values are those that an indexer takes, it alone can tell.
    (lab / "kymflow.toml").write_text("[tool.kymflow.indexers.heavy]\nlevel = 2\n", "utf-8")
    assert times_imported("status", lab, code=1) == 1
    (lab / "kymflow.toml").unlink()

    run("rebuild", lab, "--indexer", "heavy")
    assert times_imported("status", lab) == 1
    assert stands()["heavy"]["fresh"] == 1


def test_status_tells_of_conflicts_and_of_no_plugin_at_all_as_if_all_were_imported(
    times_imported: Callable[..., int], run: Run, lab: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(site, "lab-rival", "0.2", "rival = lab_rival_plugin")
    write_indexers(site, "lab_rival_plugin", "heavy")
    for imports in (1, 0):
        assert times_imported("status", lab) == imports
        told = run("status", lab).stderr
        assert told.count("indexer 'heavy' is not used: lab-heavy 0.1 and lab-rival 0.2 both claim") == 2, (
            told
        )
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert "(KYMFLOW_DISABLE_PLUGIN_AUTOLOAD=1)" in run("status", lab).stderr
