from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from importlib_metadata import EntryPoint, distributions
from simple_indexers import FrameIndexer, frame, write_distribution

from kymflow import (
    ArtifactIndexer,
    IndexerInfo,
    IndexerRegistry,
    InvalidIndexerError,
    KymDataset,
    PluginWarning,
    UnknownIndexerError,
    get_registry,
    hookimpl,
)
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer

SRC = Path(__file__).resolve().parents[2] / "src"
BUILTIN = EntryPoint(name="builtin", value="kymflow_indexers_builtin", group="kymflow.indexers")


class StallIndexer(ArtifactIndexer):
    """Stalls of every line scan.

    More words.
    """

    name = "stalls"


class NeedsArguments:
    name = table_name = "needy"

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def extract_rows(self, rec: object) -> pd.DataFrame:
        return pd.DataFrame()


Install = Callable[..., EntryPoint]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make a module of these members and return an entry point to it, or to one of them."""

    def make(name: str, value: str | None = None, /, **members: object) -> EntryPoint:
        module = types.ModuleType(f"plugin_{name}")
        for member, content in members.items():
            setattr(module, member, content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        target = module.__name__ if value is None else f"{module.__name__}:{value}"
        return EntryPoint(name=name, value=target, group="kymflow.indexers")

    return make


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write a module and return an entry point to it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, code: str) -> EntryPoint:
        (tmp_path / f"plugin_{name}.py").write_text(textwrap.dedent(code), "utf-8")
        monkeypatch.delitem(sys.modules, f"plugin_{name}", raising=False)
        return EntryPoint(name=name, value=f"plugin_{name}", group="kymflow.indexers")

    return make


def offering(*indexers: object) -> object:
    @hookimpl
    def kymflow_indexers() -> list[object]:
        return list(indexers)

    return kymflow_indexers


def infos(*entry_points: EntryPoint) -> dict[str, IndexerInfo]:
    return {info.name: info for info in IndexerRegistry(entry_points).list()}


# What an entry point may name


def test_an_entry_point_may_name_a_module_with_the_hook() -> None:
    registry = IndexerRegistry([BUILTIN])

    assert [info.name for info in registry.list()] == ["radon_report", "velocity_events"]
    assert [type(indexer) for indexer in registry.indexers()] == [RadonReportIndexer, VelocityEventsIndexer]
    assert isinstance(registry.get("velocity_events"), VelocityEventsIndexer)


def test_an_entry_point_may_name_an_object_with_the_hook(install: Install) -> None:
    class Plugin:
        @hookimpl
        def kymflow_indexers(self) -> list[object]:
            return [StallIndexer()]

    assert infos(install("lab", "plugin", plugin=Plugin()))["stalls"].status == "ok"


@pytest.mark.parametrize("target", [StallIndexer, StallIndexer()], ids=["class", "instance"])
def test_an_entry_point_may_name_an_indexer_class_or_instance(install: Install, target: object) -> None:
    registry = IndexerRegistry([install("lab", "target", target=target)])

    assert isinstance(registry.get("stalls"), StallIndexer)


def test_the_hook_may_return_one_indexer_without_a_list_or_a_generator(install: Install) -> None:
    @hookimpl
    def kymflow_indexers() -> object:
        return StallIndexer()

    @hookimpl(specname="kymflow_indexers")
    def generated() -> object:
        yield FrameIndexer({}, name="generated")

    found = infos(install("one", kymflow_indexers=kymflow_indexers), install("many", generated=generated))

    assert {name: info.status for name, info in found.items()} == {"generated": "ok", "stalls": "ok"}


def test_a_plugin_may_offer_nothing(install: Install) -> None:
    assert infos(install("lab", kymflow_indexers=offering())) == {}


def test_what_is_known_of_an_indexer_is_listed(tmp_path: Path) -> None:
    write_distribution(tmp_path, "lab-indexers", "2.1", f"lab = {__name__}:StallIndexer")
    (distribution,) = distributions(path=[str(tmp_path)])

    (info,) = IndexerRegistry(distribution.entry_points).list()

    assert info.summary == "Stalls of every line scan."
    assert info.to_dict() == {
        "name": "stalls",
        "table_name": "stalls",
        "schema_version": "1",
        "distribution": "lab-indexers",
        "version": "2.1",
        "entry_point": f"lab = {__name__}:StallIndexer",
        "status": "ok",
        "error": None,
    }


def test_plugins_are_loaded_in_sorted_order_whatever_order_they_are_found_in(written: Install) -> None:
    order: list[str] = []
    sys.modules["plugin_order"] = types.SimpleNamespace(order=order)  # type: ignore[assignment]
    points = [
        written(
            name,
            f"""
            import plugin_order
            from kymflow import ArtifactIndexer, hookimpl
            plugin_order.order.append({name!r})
            class Indexer(ArtifactIndexer):
                name = {name!r}
            @hookimpl
            def kymflow_indexers():
                return [Indexer()]
            """,
        )
        for name in ("zebra", "ant", "mole")
    ]
    try:
        registry = IndexerRegistry(points)
        assert order == []
        assert [indexer.name for indexer in registry.indexers()] == ["ant", "mole", "zebra"]
        assert order == ["ant", "mole", "zebra"]
        registry.list()
        registry.indexers()
        assert order == ["ant", "mole", "zebra"]
    finally:
        del sys.modules["plugin_order"]


# Plugins that fail

BROKEN = {
    "absent module": ("import no_such_module_at_all", "ModuleNotFoundError.*no_such_module_at_all"),
    "syntax": ("def (", "SyntaxError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "import raises": ("raise RuntimeError('on import')", "RuntimeError: on import"),
    "hook raises": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            raise ValueError('in the hook')
        """,
        "ValueError: in the hook",
    ),
    "hook exits": (
        """
        import sys
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            sys.exit('gone')
        """,
        "SystemExit: gone",
    ),
    "junk": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            return "junk"
        """,
        "must return a list of indexers, got 'junk'",
    ),
    "list of junk": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            return [5]
        """,
        "InvalidIndexerError.*no DatasetIndexer: it lacks name, table_name, extract_rows",
    ),
    "classes": (
        """
        from kymflow import ArtifactIndexer, hookimpl
        class Indexer(ArtifactIndexer):
            name = "a"
        @hookimpl
        def kymflow_indexers():
            return [Indexer]
        """,
        "pass an instance, Indexer\\(\\)",
    ),
    "none": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers():
            return None
        """,
        "kymflow_indexers",
    ),
    "misspelt hook": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexer():
            return []
        """,
        "PluginValidationError.*kymflow_indexer",
    ),
    "hook with arguments": (
        """
        from kymflow import hookimpl
        @hookimpl
        def kymflow_indexers(dataset):
            return []
        """,
        "PluginValidationError.*dataset",
    ),
    "no hook": ("x = 1", "neither an indexer nor has it a function kymflow_indexers"),
    "unmarked hook": ("def kymflow_indexers():\n    return []", "marked with @kymflow.hookimpl"),
    "no name": (
        """
        from kymflow import ArtifactIndexer
        class Indexer(ArtifactIndexer):
            pass
        """,
        "needs a class attribute name",
    ),
    "bad table name": (
        """
        from kymflow import hookimpl
        class Indexer:
            name, table_name = "odd", "日本"
            def extract_rows(self, rec): ...
        @hookimpl
        def kymflow_indexers():
            return [Indexer()]
        """,
        "indexer 'odd': '日本' cannot name a table",
    ),
    "reserved table name": (
        """
        from kymflow import hookimpl
        class Indexer:
            name, table_name = "odd", "sources"
            def extract_rows(self, rec): ...
        @hookimpl
        def kymflow_indexers():
            return [Indexer()]
        """,
        "'sources' is kept by the dataset itself",
    ),
    "name that raises": (
        """
        from kymflow import hookimpl
        class Indexer:
            table_name = "odd"
            @property
            def name(self):
                raise RuntimeError("no name today")
            def extract_rows(self, rec): ...
        @hookimpl
        def kymflow_indexers():
            return [Indexer()]
        """,
        "RuntimeError: no name today",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_listed_with_its_cause_and_the_others_work(written: Install, kind: str) -> None:
    code, cause = BROKEN[kind]
    registry = IndexerRegistry([written("broken", code), BUILTIN])

    with pytest.warns(PluginWarning, match=f"(?s)plugin 'broken = plugin_broken'.*cannot be used: .*{cause}"):
        first = registry.list()

    broken = next(info for info in first if info.name == "broken")
    assert (broken.status, broken.table_name, broken.entry_point) == ("broken", "", "broken = plugin_broken")
    assert broken.error
    assert [info.name for info in first if info.status == "ok"] == ["radon_report", "velocity_events"]
    assert registry.list() == first
    with pytest.raises(UnknownIndexerError, match=f"(?s)'broken' of entry point.*\\(broken\\): .*{cause}"):
        registry.get("broken")


def test_an_entry_point_to_an_absent_attribute_is_broken(install: Install) -> None:
    with pytest.warns(PluginWarning, match="AttributeError.*no_such_thing"):
        found = infos(install("lab", "no_such_thing"))
    assert found["lab"].status == "broken"


def test_an_indexer_class_that_needs_arguments_is_broken(install: Install) -> None:
    with pytest.warns(PluginWarning, match="TypeError.*threshold"):
        found = infos(install("lab", "target", target=NeedsArguments))
    assert found["lab"].status == "broken"


def test_one_bad_indexer_of_a_plugin_makes_all_of_it_broken(install: Install) -> None:
    with pytest.warns(PluginWarning, match="InvalidIndexerError"):
        found = infos(install("lab", kymflow_indexers=offering(StallIndexer(), 5)))
    assert list(found) == ["lab"]


def test_the_users_interrupt_is_not_the_plugins_failure(written: Install) -> None:
    registry = IndexerRegistry([written("slow", "raise KeyboardInterrupt('by the user')")])

    with pytest.raises(KeyboardInterrupt, match="by the user"):
        registry.list()


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
    assert sorted(reports) == ["radon_report", "velocity_events"]


# Plugins that want the same


def test_two_that_claim_one_name_are_both_in_conflict_and_neither_is_preferred(install: Install) -> None:
    one = install("one", "target", target=FrameIndexer({}, name="stalls", table_name="one"))
    two = install("two", "target", target=FrameIndexer({}, name="stalls", table_name="two"))
    registry = IndexerRegistry([one, two, BUILTIN])

    assert [(info.name, info.status) for info in registry.list()] == [
        ("radon_report", "ok"),
        ("stalls", "conflict"),
        ("stalls", "conflict"),
        ("velocity_events", "ok"),
    ]
    with pytest.raises(UnknownIndexerError, match="'stalls'.*\\(conflict\\): .*both claim the name 'stalls'"):
        registry.get("stalls")
    assert [indexer.name for indexer in registry.indexers()] == ["radon_report", "velocity_events"]


def test_two_that_claim_one_table_are_in_conflict(install: Install) -> None:
    one = install("one", "target", target=FrameIndexer({}, name="one", table_name="Stalls"))
    two = install("two", "target", target=FrameIndexer({}, name="two", table_name="stalls"))
    found = infos(one, two)

    assert {info.status for info in found.values()} == {"conflict"}
    assert "both claim the table 'stalls'; uninstall one of them" in found["one"].error


def test_two_indexers_of_one_plugin_may_be_in_conflict_too(install: Install) -> None:
    found = IndexerRegistry(
        [install("lab", kymflow_indexers=offering(StallIndexer(), StallIndexer()))]
    ).list()

    assert [info.status for info in found] == ["conflict", "conflict"]


# What a program adds


def test_a_program_registers_its_own_and_takes_it_back(registry: IndexerRegistry) -> None:
    stalls = StallIndexer()
    registry.register(stalls)
    assert registry.get("stalls") is stalls
    assert [info.name for info in registry.list()] == ["radon_report", "stalls", "velocity_events"]
    assert registry.list()[1].origin == "this program"

    registry.unregister("stalls")
    assert [info.name for info in registry.list()] == ["radon_report", "velocity_events"]
    registry.register(stalls)
    assert registry.get("stalls") is stalls


@pytest.mark.parametrize(
    "rival",
    [
        FrameIndexer({}, name="velocity_events", table_name="x"),
        FrameIndexer({}, name="x", table_name="Radon Report"),
    ],
)
def test_a_name_or_table_that_is_taken_is_refused(rival: FrameIndexer) -> None:
    registry = IndexerRegistry([BUILTIN])

    with pytest.raises(InvalidIndexerError, match="has already one of that name or table"):
        registry.register(rival)
    assert len(registry.list()) == 2


def test_something_that_is_no_indexer_is_refused(registry: IndexerRegistry) -> None:
    with pytest.raises(InvalidIndexerError, match="it lacks name, table_name, extract_rows"):
        registry.register(object())  # type: ignore[arg-type]


def test_only_what_the_program_registered_can_be_taken_back() -> None:
    with pytest.raises(
        UnknownIndexerError, match="this program registered no indexer named 'velocity_events'"
    ):
        IndexerRegistry([BUILTIN]).unregister("velocity_events")


def test_an_instance_is_run_without_looking_for_plugins(tmp_path: Path, written: Install) -> None:
    kd = KymDataset(
        tmp_path / "lab.zarr", registry=IndexerRegistry([written("broken", "raise RuntimeError")])
    )

    assert len(kd.rebuild(FrameIndexer({}))) == 0


# Discovery for real


def test_installed_plugins_are_found_with_their_distribution(site: Path) -> None:
    found = {info.name: info for info in get_registry().list() if info.status == "ok"}

    assert found["velocity_events"].distribution == "kymflow-indexers-builtin"
    assert found["velocity_events"].origin == "kymflow-indexers-builtin 1.0.0"
    assert found["velocity_events"].entry_point == "builtin = kymflow_indexers_builtin"


def run_python(code: str, *path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, SRC]))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


LIST = """
import json, warnings
from kymflow import get_registry
with warnings.catch_warnings(record=True):
    warnings.simplefilter("always")
    print(json.dumps([get_registry().list()[i].to_dict() for i in range(len(get_registry().list()))]))
"""


def test_a_real_process_finds_good_and_broken_distributions(tmp_path: Path) -> None:
    write_distribution(tmp_path, "kymflow-indexers-builtin", "1.0.0", "builtin = kymflow_indexers_builtin")
    write_distribution(tmp_path, "lab-indexers", "0.3", "lab = lab_indexers", "gone = lab_indexers_gone")
    (tmp_path / "lab_indexers.py").write_text(
        "from kymflow import ArtifactIndexer, hookimpl\n"
        "class StallIndexer(ArtifactIndexer):\n    name = 'stalls'\n"
        "@hookimpl\ndef kymflow_indexers():\n    return [StallIndexer()]\n",
        "utf-8",
    )

    found = {info["name"]: info for info in json.loads(run_python(LIST, tmp_path))}

    assert found["stalls"]["status"] == "ok"
    assert (found["stalls"]["distribution"], found["stalls"]["version"]) == ("lab-indexers", "0.3")
    assert found["gone"]["status"] == "broken"
    assert "ModuleNotFoundError" in found["gone"]["error"]
    assert found["velocity_events"]["distribution"] == "kymflow-indexers-builtin"


def test_importing_kymflow_imports_no_plugin_and_nothing_heavy(tmp_path: Path) -> None:
    write_distribution(tmp_path, "lab-indexers", "0.3", "lab = lab_indexers_loud")
    (tmp_path / "lab_indexers_loud.py").write_text("raise RuntimeError('imported')", "utf-8")
    code = """
import sys
import kymflow
from kymflow import KymDataset, IndexerRegistry, get_registry
get_registry()
print([name for name in ("lab_indexers_loud", "kymflow_indexers_builtin") if name in sys.modules])
"""
    light = (
        "import sys, kymflow; print([n for n in ('pandas', 'zarr', 'pyarrow', 'pluggy') if n in sys.modules])"
    )

    assert run_python(code, tmp_path).strip() == "[]"
    assert run_python(light, tmp_path).strip() == "[]"


def test_a_table_of_a_plugin_that_is_gone_stays_readable(kd: KymDataset) -> None:
    kd.rebuild(FrameIndexer({"a": frame(x=[1])}, name="gone"))

    later = KymDataset(kd.ds.path, "r", registry=IndexerRegistry(()))

    assert later.ds.list_table_names() == ["gone"]
    assert later.get_table("gone")["x"].tolist() == [1]
