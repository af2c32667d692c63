"""Plugins that fail: each is listed as broken with its cause, and harms no other."""

from __future__ import annotations

import os
import re
import sys
import types
import warnings
from pathlib import Path

import pytest

from kymflow import IndexerRegistry, KymDataset, PluginWarning, UnknownIndexerError
from support.broken_plugins import BROKEN
from support.plugin_makers import BUILTIN, Install, NeedsArguments, StallIndexer, infos, offering
from support.simple_indexers import FrameIndexer

GOOD = """
from kymflow import ArtifactIndexer, hookimpl
class Indexer(ArtifactIndexer):
    name = "stalls"
@hookimpl
def kymflow_indexers():
    return [Indexer()]
"""


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_listed_with_its_cause_and_the_others_work(
    written: Install, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    code, cause = BROKEN[kind]
    registry = IndexerRegistry([written("broken", code), BUILTIN])
    monkeypatch.setitem(sys.modules, "plugin_asked", types.SimpleNamespace(registry=registry))

    with pytest.warns(PluginWarning) as warned:
        first = registry.list()

    assert len(warned) == 1
    message = str(warned[0].message)
    assert re.search(f"(?s)plugin 'broken = plugin_broken'.*cannot be used: .*{cause}", message)

    broken = next(info for info in first if info.name == "broken")
    assert (broken.status, broken.table_name, broken.entry_point) == ("broken", "", "broken = plugin_broken")
    assert broken.error in message
    assert broken.traceback.startswith(("Traceback", "Silent"))
    assert [info.name for info in first if info.status == "ok"] == [
        "images",
        "radon_report",
        "velocity_events",
    ]
    assert registry.list() == first
    with pytest.raises(UnknownIndexerError, match=f"(?s)'broken' of entry point.*\\(broken\\): .*{cause}"):
        registry.get("broken")


def test_an_entry_point_to_an_absent_attribute_is_broken(install: Install) -> None:
    with pytest.warns(PluginWarning, match="AttributeError.*no_such_thing"):
        found = infos(install("lab", "no_such_thing"))
    assert found["lab"].status == "broken"


def test_an_entry_point_to_a_class_with_hooks_is_broken(install: Install) -> None:
    class Plugin:
        kymflow_indexers = offering(StallIndexer())

    with pytest.warns(PluginWarning, match="is the class .*Plugin itself; name an instance, or a module"):
        found = infos(install("lab", "target", target=Plugin))
    assert found["lab"].status == "broken"


@pytest.mark.parametrize("target", [None, 5, "text", {}], ids=repr)
def test_an_entry_point_to_anything_else_is_broken(install: Install, target: object) -> None:
    with pytest.warns(PluginWarning, match="is neither an indexer nor has it a function"):
        found = infos(install("lab", "target", target=target))
    assert found["lab"].status == "broken"


def test_an_indexer_class_that_needs_arguments_is_broken(install: Install) -> None:
    with pytest.warns(
        PluginWarning, match="NeedsArguments\\(\\) is made without arguments, but it needs some .*threshold"
    ):
        found = infos(install("lab", "target", target=NeedsArguments))
    assert found["lab"].status == "broken"


def test_one_bad_indexer_of_a_plugin_makes_all_of_it_broken(install: Install) -> None:
    with pytest.warns(PluginWarning, match="InvalidIndexerError"):
        found = infos(install("lab", kymflow_indexers=offering(StallIndexer(), 5)))
    assert list(found) == ["lab"]


def test_the_traceback_tells_where_in_the_plugin_it_failed(written: Install) -> None:
    with pytest.warns(PluginWarning, match="KeyError: 'roi'"):
        found = infos(written("lab", "def read():\n    return {}['roi']\nread()"))

    assert re.search(r'plugin_lab\.py", line 2, in read', found["lab"].traceback)


def test_a_syntax_error_is_shown_with_its_line(written: Install) -> None:
    with pytest.warns(PluginWarning, match="SyntaxError"):
        found = infos(written("lab", "x = 1\ndef (\n"))

    assert 'plugin_lab.py", line 2' in found["lab"].traceback


def test_each_failure_is_warned_of_once(written: Install) -> None:
    registry = IndexerRegistry([written(name, f"raise RuntimeError('{name}')") for name in ("a", "b")])

    with pytest.warns(PluginWarning) as warned:
        answers = [ask() for ask in (registry.list, registry.indexers, registry.list)]

    assert [str(warning.message)[-1] for warning in warned] == ["a", "b"]
    assert answers[0] == answers[2]


def test_where_warnings_are_errors_a_broken_plugin_is_warned_of_all_the_same(written: Install) -> None:
    registry = IndexerRegistry([written("broken", "raise RuntimeError('on import')"), BUILTIN])

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error")
        found = registry.list()

    assert [(info.name, info.status) for info in found] == [
        ("broken", "broken"),
        ("images", "ok"),
        ("radon_report", "ok"),
        ("velocity_events", "ok"),
    ]
    assert [(warning.category, str(warning.message)) for warning in shown] == [
        (PluginWarning, "plugin 'broken = plugin_broken' cannot be used: RuntimeError: on import")
    ]


def test_a_plugin_that_makes_errors_of_warnings_does_so_for_nobody_else(written: Install) -> None:
    strict = written("a_strict", "import warnings\nwarnings.simplefilter('error')\n" + GOOD)
    broken = written("broken", "raise RuntimeError('on import')")
    filters = list(warnings.filters)

    with pytest.warns(PluginWarning) as warned:
        found = infos(strict, broken, BUILTIN)

    assert {name: info.status for name, info in found.items() if name in ("stalls", "broken", "images")} == {
        "stalls": "ok",
        "broken": "broken",
        "images": "ok",
    }
    assert [str(warning.message).partition("; ")[0] for warning in warned] == [
        "plugin 'a_strict = plugin_a_strict' changed warnings.filters for the whole program",
        "plugin 'broken = plugin_broken' cannot be used: RuntimeError: on import",
    ]
    assert warnings.filters == filters


@pytest.mark.parametrize("ending", ["", "raise RuntimeError('on import')"], ids=["loads", "fails"])
def test_what_a_plugin_changes_on_import_is_put_back_and_told(written: Install, ending: str) -> None:
    code = "import os, sys\nos.environ['LAB'] = '1'\nsys.stdout = None\n"
    with pytest.warns(PluginWarning) as warned:
        found = infos(written("lab", code + GOOD + ending))
    assert str(warned[-1].message) == (
        "plugin 'lab = plugin_lab' changed sys.stdout, os.environ for the whole program; it was put back"
    )
    assert [info.status for info in found.values()] == ["broken" if ending else "ok"]
    assert "LAB" not in os.environ
    assert sys.stdout is not None


def test_the_users_interrupt_is_not_the_plugins_failure_and_loading_starts_again(
    written: Install, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    slow = f"""
        from pathlib import Path
        from kymflow import ArtifactIndexer, hookimpl
        class Indexer(ArtifactIndexer):
            name = "slow"
        @hookimpl
        def kymflow_indexers():
            calls = Path({str(calls)!r})
            calls.write_text(calls.read_text() + "." if calls.exists() else ".")
            if len(calls.read_text()) == 1:
                raise KeyboardInterrupt('by the user')
            return [Indexer()]
        """
    registry = IndexerRegistry([BUILTIN, written("slow", slow)])

    with pytest.raises(KeyboardInterrupt, match="by the user"):
        registry.list()
    expected = [("images", "ok"), ("radon_report", "ok"), ("slow", "ok"), ("velocity_events", "ok")]
    assert [(info.name, info.status) for info in registry.list()] == expected
    assert [(info.name, info.status) for info in registry.list()] == expected
    assert calls.read_text() == ".."


def test_two_registries_find_the_same(written: Install) -> None:
    points = [BUILTIN, written("broken", "raise RuntimeError('on import')")]
    with pytest.warns(PluginWarning, match="on import"):
        first = IndexerRegistry(points).list()
    with pytest.warns(PluginWarning, match="on import"):
        assert IndexerRegistry(points[::-1]).list() == first


def test_a_failed_plugin_leaves_none_of_its_hooks_behind(written: Install, kd: KymDataset) -> None:
    code = """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            return [5]
        @hookimpl
        def kymflow_table_updated():
            raise AssertionError("a broken plugin was told")
        """
    registry = IndexerRegistry([written("broken", code), BUILTIN])
    with pytest.warns(PluginWarning, match="InvalidIndexerError"):
        reports = KymDataset(kd.ds, registry=registry).rebuild_all()
    assert sorted(reports) == ["images", "radon_report", "velocity_events"]
    assert registry.observers() == []


def test_where_only_broken_plugins_are_the_message_names_them(written: Install) -> None:
    registry = IndexerRegistry([written("broken", "raise RuntimeError('on import')")])
    with pytest.warns(PluginWarning, match="on import"):
        registry.list()

    with pytest.raises(UnknownIndexerError, match="'velocity_events'.*broken"):
        registry.get("velocity_events")


def test_a_table_name_that_windows_cannot_keep_breaks_the_plugin_not_the_run(
    kd: KymDataset, install: Install
) -> None:
    entry_point = install("lab", "target", target=FrameIndexer({}, name="con"))
    registry = IndexerRegistry([BUILTIN, entry_point])
    with pytest.warns(PluginWarning, match="'con'"):
        reports = KymDataset(kd.ds, registry=registry).rebuild_all(on_error="skip")
    assert sorted(reports) == ["images", "radon_report", "velocity_events"]
