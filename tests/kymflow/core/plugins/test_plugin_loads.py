"""Which plugins are imported for what: the answer is the same, whatever is known of them already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kymflow import IndexerRegistry, KymDataset, PluginError, PluginWarning, UnknownIndexerError, hookimpl
from kymflow.core.plugins import plugin_loads, registry
from kymflow.core.plugins.discovery import in_order
from kymflow.core.plugins.known_names import KnownNames
from kymflow.core.plugins.source import PluginSource
from kymflow.core.plugins.switches import Switches
from support.simple_indexers import FrameIndexer, add_image, frame


class _Indexer(FrameIndexer):
    def __init__(self, name: str, table_name: str) -> None:
        super().__init__({}, name=name)
        self.table_name = table_name

    def extract_rows(self, rec: Any) -> pd.DataFrame:
        return frame(x=[1])


@dataclass
class Plugin:
    """What a plugin offers as pairs of name and table, or that it is broken; counts its imports."""

    offers: Sequence[tuple[str, str]] = ()
    observes: bool = False
    broken: bool = False
    imports: int = 0
    told: list[str] = field(default_factory=list)

    def load(self) -> object:
        self.imports += 1
        if self.broken:
            raise ImportError("no luck")

        class Offer:
            @hookimpl
            def kymflow_indexers(self) -> list[object]:
                return [_Indexer(name, table) for name, table in offers]

        class Observer(Offer):
            @hookimpl
            def kymflow_table_updated(self, table_name: str) -> None:
                told.append(table_name)

        offers, told = list(self.offers), self.told
        return Observer() if self.observes else Offer()


@contextmanager
def installed(
    plugins: Iterable[Plugin], cache: Path, **switches: Any
) -> Iterator[Callable[[], IndexerRegistry]]:
    """Pretend that plugins are installed as lab-0, lab-1, ...; give what makes the registry of a process."""
    sources = [
        # A module that is there and stays as it is.
        PluginSource(f"p{n}", "string:x", f"lab-{n}", "1.0", load=one.load, info_folder=f"/of/lab_{n}-1.0")
        for n, one in enumerate(plugins)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugin_loads, "installed_plugins", lambda: in_order(sources))
        patch.setattr(registry, "KnownNames", lambda: KnownNames(cache))
        yield lambda: IndexerRegistry(switches=Switches(**switches))


NAMES = st.sampled_from(["a", "b", "A", "c"])
PLUGINS = st.lists(
    st.builds(
        Plugin,
        st.lists(st.tuples(NAMES, st.sampled_from("tuvw")), max_size=2),
        st.booleans(),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=4,
)


def answers(make: Callable[[], IndexerRegistry], asked: Sequence[str]) -> list[object]:
    """Return what a process is told that asks for some indexers, one after the other."""
    found: list[object] = []
    one = make()
    for name in asked:
        try:
            indexer = one.get(name)
        except (UnknownIndexerError, PluginError) as error:
            found.append(str(error))
        else:
            found.append((indexer.name, indexer.table_name, dict(one.made_by(indexer))))
    with suppress(PluginError):
        # Plugins of other tables may come later.
        few = make()
        found.append([one.name for one in few.needed({"t", "u"}, asked)])
        found.append([(info.name, info.table_name, info.status) for info in few.known()])
    try:
        found.append([observer.origin for observer in one._loads.observers()])
        found.append(list(make().known()))
    except PluginError as error:
        found.append(str(error))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLUGINS, st.lists(NAMES, max_size=2), st.booleans(), st.sampled_from([(), ("lab-1",), ("p0",)]))
@pytest.mark.filterwarnings("ignore::kymflow.PluginWarning")
def test_the_answer_is_the_same_whatever_is_known(
    tmp_path_factory: pytest.TempPathFactory,
    plugins: list[Plugin],
    asked: list[str],
    strict: bool,
    disabled: tuple[str, ...],
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "file").touch()
    # Nothing can be kept there.
    with installed(plugins, folder / "file", strict=strict, disabled=disabled) as make:
        expected = answers(make, asked)
    with installed(plugins, folder / "kept", strict=strict, disabled=disabled) as make:
        for _ in range(3):
            assert answers(make, asked) == expected


def test_a_plugin_that_offers_other_names_is_not_imported(tmp_path: Path) -> None:
    plugins = [Plugin([("a", "t")]), Plugin([("b", "u")]), Plugin([("c", "v")], observes=True)]
    with installed(plugins, tmp_path) as make:
        make().list()
        again = make()
        kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=again)
        add_image(kd, "one")
        kd.rebuild_all(indexers=["a"])

    # Who follows changes is imported when there is one.
    assert [plugin.imports for plugin in plugins] == [2, 1, 2]
    assert plugins[2].told == ["t"]
    assert list(again.load_seconds()) == ["lab-0 1.0 (p0 = string:x)", "lab-2 1.0 (p2 = string:x)"]


def test_what_is_known_is_told_without_importing(tmp_path: Path) -> None:
    plugins = [Plugin([("a", "t"), ("b", "u")])]
    with installed(plugins, tmp_path) as make:
        expected = make().list()

        assert make().known() == expected
        assert plugins[0].imports == 1
        assert make().list() == expected
    assert plugins[0].imports == 2


def test_what_is_known_wrongly_costs_an_import_and_no_more(tmp_path: Path) -> None:
    plugins = [Plugin([("a", "t"), ("b", "u")]), Plugin([("c", "v")])]
    with installed(plugins, tmp_path) as make:
        make().list()
        # As if it offered one thing or another by a variable of the environment.
        plugins[0].offers, plugins[1].offers = [("b", "u")], [("a", "t")]

        assert make().made_by(make().get("b")) == {"kymflow.distribution": "lab-0", "kymflow.version": "1.0"}
        one = make()
        assert one.made_by(one.get("a"))["kymflow.distribution"] == "lab-1"
        with pytest.raises(UnknownIndexerError, match="no indexer is named 'c'; there are: a, b"):
            make().get("c")


def test_a_broken_plugin_is_told_of_in_every_process(tmp_path: Path) -> None:
    plugins = [Plugin([("a", "t")]), Plugin(broken=True)]
    with installed(plugins, tmp_path) as make:
        for _ in range(3):
            one = make()
            with pytest.warns(PluginWarning, match="plugin 'p1 = string:x' of lab-1 1.0 .*no luck") as caught:
                assert [one.get("a").name, len(one.list())] == ["a", 2]
            assert len(caught) == 1
    assert [plugin.imports for plugin in plugins] == [3, 3]
