"""Switches in the environment: which plugins are loaded, and whether a failure is an error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kymflow import IndexerRegistry, PluginError, PluginWarning, UnknownIndexerError
from kymflow.core.plugins.switches import Switches
from support.plugin_makers import write_indexers
from support.simple_indexers import write_distribution

BUILTIN = ["images", "radon_report", "velocity_events"]


@pytest.fixture
def lab(site: Path) -> Path:
    """Beside the built-in plugin ``Lab.Indexers`` with ``stalls``, and ``other-lab`` with ``flow``."""
    for name, entry, indexer in (("Lab.Indexers", "lab", "stalls"), ("other-lab", "other", "flow")):
        write_distribution(site, name, "1.0", f"{entry} = lab_{indexer}")
        write_indexers(site, f"lab_{indexer}", indexer)
        sys.modules.pop(f"lab_{indexer}", None)
    return site


def names() -> list[str]:
    return [info.name for info in IndexerRegistry().list()]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ["flow", "images", "radon_report", "stalls", "velocity_events"]),
        ({"KYMFLOW_DISABLE_PLUGIN_AUTOLOAD": "1"}, []),
        (
            {"KYMFLOW_DISABLE_PLUGIN_AUTOLOAD": "0"},
            ["flow", "images", "radon_report", "stalls", "velocity_events"],
        ),
        ({"KYMFLOW_DISABLE_PLUGIN_AUTOLOAD": "1", "KYMFLOW_PLUGINS": "other-lab"}, ["flow"]),
        ({"KYMFLOW_PLUGINS": "lab-indexers, other_lab,"}, ["flow", "stalls"]),
        ({"KYMFLOW_PLUGINS": "LAB_indexers"}, ["stalls"]),
        ({"KYMFLOW_PLUGINS": " , "}, ["flow", "images", "radon_report", "stalls", "velocity_events"]),
        ({"KYMFLOW_DISABLE_PLUGINS": "lab-indexers"}, ["flow", *BUILTIN]),
        ({"KYMFLOW_DISABLE_PLUGINS": "lab"}, ["flow", *BUILTIN]),
        ({"KYMFLOW_DISABLE_PLUGINS": "lab,other,not-there"}, BUILTIN),
        ({"KYMFLOW_PLUGINS": "other-lab,lab-indexers", "KYMFLOW_DISABLE_PLUGINS": "lab"}, ["flow"]),
    ],
)
def test_the_environment_says_which_plugins_are_loaded(
    lab: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: list[str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert names() == expected
    assert ("lab_stalls" in sys.modules) == ("stalls" in expected)


def test_what_is_switched_off_is_told_with_its_switch(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMFLOW_PLUGINS", "other-lab,lab-indexers")
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGINS", "lab_indexers")
    registry = IndexerRegistry()

    off = {plugin.distribution: plugin for plugin in registry.switched_off()}

    assert off["Lab.Indexers"].by == "KYMFLOW_DISABLE_PLUGINS=lab_indexers"
    assert off["kymflow-indexers-builtin"].by == "KYMFLOW_PLUGINS=other-lab,lab-indexers"
    assert "other-lab" not in off
    with pytest.raises(
        UnknownIndexerError,
        match=r"no indexer is named 'stalls'; there are: flow\. these plugins are switched off: "
        r"kymflow-indexers-builtin 1\.0\.0 .*, Lab\.Indexers 1\.0 \(KYMFLOW_DISABLE_PLUGINS=lab_indexers\)",
    ):
        registry.get("stalls")


def test_where_all_are_switched_off_nobody_is_told_to_install_something(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGIN_AUTOLOAD", "1")

    said = IndexerRegistry().what_there_is()

    assert "Lab.Indexers 1.0 (KYMFLOW_DISABLE_PLUGIN_AUTOLOAD=1)" in said
    assert "pip install" not in said


def test_a_name_that_nobody_has_is_warned_of(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMFLOW_PLUGINS", "other-lab,lab-indexer")

    with pytest.warns(PluginWarning, match="KYMFLOW_PLUGINS names 'lab-indexer', but no plugin of that"):
        assert names() == ["flow"]

    monkeypatch.setenv("KYMFLOW_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="KYMFLOW_PLUGINS names 'lab-indexer'"):
        names()


def test_strict_the_first_failure_raises_with_its_cause_however_often_one_asks(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(lab, "broken-lab", "0.1", "broken = lab_broken")
    (lab / "lab_broken.py").write_text("raise RuntimeError('on import')", "utf-8")
    monkeypatch.setenv("KYMFLOW_STRICT_PLUGINS", "1")
    registry = IndexerRegistry()

    for ask in (registry.list, registry.indexers, lambda: registry.get("flow"), registry.list):
        with pytest.raises(
            PluginError, match="'broken = lab_broken' of broken-lab 0.1 .*on import"
        ) as raised:
            ask()
        assert isinstance(raised.value.__cause__, RuntimeError)


def test_strict_a_conflict_raises(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_distribution(lab, "third-lab", "1.0", "third = lab_third")
    write_indexers(lab, "lab_third", "stalls")
    monkeypatch.setenv("KYMFLOW_STRICT_PLUGINS", "yes")

    with pytest.raises(PluginError, match=r"Lab\.Indexers 1\.0 and third-lab 1\.0 both claim"):
        names()

    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGINS", "third-lab")
    assert "stalls" in names()


def test_strict_without_any_failure_is_as_always(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMFLOW_STRICT_PLUGINS", "1")

    assert names() == ["flow", "images", "radon_report", "stalls", "velocity_events"]


def test_a_registry_of_ones_own_does_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from support.plugin_makers import BUILTIN as entry_point

    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGIN_AUTOLOAD", "1")

    assert [info.name for info in IndexerRegistry([entry_point]).list()] == BUILTIN
    assert IndexerRegistry([entry_point], switches=Switches(disabled=("builtin",))).list() == []


def test_a_table_says_why_its_plugin_is_absent(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGINS", "lab")
    registry = IndexerRegistry()

    assert registry.why_absent("lab_indexers") == "is switched off by KYMFLOW_DISABLE_PLUGINS=lab"
    assert registry.why_absent("other-lab") == ""
    assert registry.why_absent("gone") == "is not installed any more"
    assert "lab_flow" not in sys.modules
