"""The registry: what an entry point may name, what a program adds, discovery for real."""

from __future__ import annotations

import json
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from importlib_metadata import distributions

from kymflow import (
    IndexerRegistry,
    InvalidIndexerError,
    KymDataset,
    PluginWarning,
    UnknownIndexerError,
    get_registry,
    hookimpl,
)
from kymflow.core.zarr.tables.info import describe_table
from kymflow_indexers_builtin import ImagesIndexer, RadonReportIndexer, VelocityEventsIndexer
from support.plugin_makers import BUILTIN, Install, StallIndexer, infos, offering, run_python
from support.simple_indexers import FrameIndexer, frame, write_distribution

# What an entry point may name


def test_an_entry_point_may_name_a_module_with_the_hook() -> None:
    registry = IndexerRegistry([BUILTIN])

    assert [info.name for info in registry.list()] == ["images", "radon_report", "velocity_events"]
    assert [type(indexer) for indexer in registry.indexers()] == [
        ImagesIndexer,
        RadonReportIndexer,
        VelocityEventsIndexer,
    ]
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


def test_a_docstring_of_a_base_class_is_not_the_indexers_summary(install: Install) -> None:
    class Bare(StallIndexer):
        pass

    assert infos(install("lab", "target", target=Bare))["stalls"].summary == ""


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
        "required_columns": [],
        "settings": {},
        "sources": [],
        "summary": "Stalls of every line scan.",
        "distribution": "lab-indexers",
        "version": "2.1",
        "entry_point": f"lab = {__name__}:StallIndexer",
        "status": "ok",
        "error": None,
        "traceback": None,
        "remark": None,
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
    assert len(registry.list()) == 3


def test_something_that_is_no_indexer_is_refused(registry: IndexerRegistry) -> None:
    with pytest.raises(InvalidIndexerError, match="it lacks name, extract_rows"):
        registry.register(object())  # type: ignore[arg-type]


def test_only_what_the_program_registered_can_be_taken_back() -> None:
    with pytest.raises(
        UnknownIndexerError, match="this program registered no indexer named 'velocity_events'"
    ):
        IndexerRegistry([BUILTIN]).unregister("velocity_events")


def test_an_instance_is_run_whatever_plugins_are_broken(tmp_path: Path, written: Install) -> None:
    kd = KymDataset(
        tmp_path / "lab.zarr",
        mode="a",
        registry=IndexerRegistry([written("broken", "raise RuntimeError('on import')")]),
    )

    with pytest.warns(PluginWarning, match="on import"):
        assert len(kd.rebuild(FrameIndexer({}))) == 0


def test_a_table_says_which_plugin_made_it_also_if_an_instance_did(site: Path, tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    kd.rebuild(VelocityEventsIndexer())

    info = describe_table(kd.ds, "velocity_events")

    assert (info.distribution, info.version) == ("kymflow-indexers-builtin", "1.0.0")


def test_of_two_plugins_with_one_class_a_table_names_the_right_one(site: Path) -> None:
    for name in ("one", "two"):
        write_distribution(site, f"lab-{name}", "1.0", f"lab = lab_{name}:indexer")
        code = (
            f"from support.simple_indexers import FrameIndexer\nindexer = FrameIndexer({{}}, name={name!r})"
        )
        (site / f"lab_{name}.py").write_text(code, "utf-8")
    registry = get_registry()

    assert registry.made_by(registry.get("two"))["kymflow.distribution"] == "lab-two"
    assert registry.made_by(FrameIndexer({}, name="two"))["kymflow.distribution"] == "lab-two"
    assert registry.made_by(FrameIndexer({}, name="other")) == {}


# Discovery for real


def test_installed_plugins_are_found_with_their_distribution(site: Path) -> None:
    found = {info.name: info for info in get_registry().list() if info.status == "ok"}

    assert found["velocity_events"].distribution == "kymflow-indexers-builtin"
    assert found["velocity_events"].origin == "kymflow-indexers-builtin 1.0.0"
    assert found["velocity_events"].entry_point == "builtin = kymflow_indexers_builtin"


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


def test_two_threads_that_ask_at_once_load_plugins_once(install: Install) -> None:
    calls = []

    @hookimpl
    def kymflow_indexers() -> list[object]:
        calls.append(threading.get_ident())
        time.sleep(0.05)
        return [StallIndexer()]

    registry = IndexerRegistry([install("lab", kymflow_indexers=kymflow_indexers)])

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: [info.name for info in registry.list()], range(4)))

    assert answers == [["stalls"]] * 4
    assert len(calls) == 1


@pytest.mark.slow
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
