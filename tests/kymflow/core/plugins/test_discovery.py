"""Finding plugins by their metadata: what is broken, doubled or foreign harms nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kymflow import IndexerInfo, IndexerRegistry, PluginWarning
from kymflow.core.plugins.discovery import installed_plugins
from kymflow.core.plugins.switches import Switches
from support.plugin_makers import run_python, write_indexers
from support.simple_indexers import write_distribution

BUILTIN_NAMES = ["images", "radon_report", "velocity_events"]


@pytest.fixture
def lab(site: Path) -> Path:
    """A folder on ``sys.path`` with the built-in plugin and one more, ``lab-indexers``."""
    write_distribution(site, "lab-indexers", "0.3", "lab = lab_stalls")
    write_indexers(site, "lab_stalls", "stalls")
    return site


def listed() -> dict[str, IndexerInfo]:
    """What a new registry lists, by name; whatever the environment says of plugins."""
    found = IndexerRegistry(switches=Switches()).list()
    assert len({info.name for info in found}) == len(found)
    return {info.name: info for info in found}


def metadata(site: Path, distribution: str) -> Path:
    (folder,) = site.glob(f"{distribution.replace('-', '_')}-*.dist-info")
    return folder


def test_what_is_installed_is_found_with_its_origin(lab: Path) -> None:
    found = [(plugin.distribution, plugin.version, plugin.entry_point) for plugin in installed_plugins()]

    assert ("kymflow-indexers-builtin", "1.0.0", "builtin = kymflow_indexers_builtin") in found
    assert ("lab-indexers", "0.3", "lab = lab_stalls") in found


def test_plugins_are_sorted_by_distribution_and_then_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(tmp_path, "Zoo-lab", "1.0", "a = zoo")
    write_distribution(tmp_path, "ant.lab", "1.0", "z = ant_z", "b = ant_b")
    monkeypatch.syspath_prepend(str(tmp_path))

    found = [plugin.value for plugin in installed_plugins()]

    assert [value for value in found if value in ("zoo", "ant_z", "ant_b")] == ["ant_b", "ant_z", "zoo"]


def test_finding_imports_nothing(lab: Path) -> None:
    sys.modules.pop("lab_stalls", None)
    installed_plugins()
    assert "lab_stalls" not in sys.modules


def test_a_distribution_without_metadata_goes_by_the_name_of_its_folder(lab: Path) -> None:
    (metadata(lab, "lab-indexers") / "METADATA").unlink()

    assert listed()["stalls"].origin == "lab_indexers 0.3"


@pytest.mark.parametrize("content", ["", "Name:\nVersion:\n\n", "\x00\n", "Name\n"])
def test_odd_metadata_harm_nothing(lab: Path, content: str) -> None:
    (metadata(lab, "lab-indexers") / "METADATA").write_text(content, "utf-8")

    assert sorted(listed()) == sorted(["stalls", *BUILTIN_NAMES])


def test_metadata_that_are_no_text_harm_nothing(lab: Path) -> None:
    (metadata(lab, "lab-indexers") / "METADATA").write_bytes(b"\xff\xfe\x00")

    assert "stalls" in listed()


@pytest.mark.parametrize(
    "content", [b"[kymflow.indexers]\nno equals sign\n", b"[kymflow.indexers]\nlab = \xff\xfe\n"]
)
def test_entry_points_that_cannot_be_read_make_their_plugin_broken(lab: Path, content: bytes) -> None:
    (metadata(lab, "lab-indexers") / "entry_points.txt").write_bytes(content)

    with pytest.warns(PluginWarning, match="entry_points.txt of lab-indexers 0.3 cannot be read"):
        found = listed()

    assert (found["lab-indexers"].status, found["lab-indexers"].version) == ("broken", "0.3")
    assert sorted(found) == sorted(["lab-indexers", *BUILTIN_NAMES])


@pytest.mark.parametrize("content", [b"[console_scripts]\nno equals sign\n", b"\xff\xfe", b"]["])
def test_entry_points_of_others_that_cannot_be_read_are_not_our_concern(lab: Path, content: bytes) -> None:
    write_distribution(lab, "foreign", "1.0")
    (metadata(lab, "foreign") / "entry_points.txt").write_bytes(content)

    assert sorted(listed()) == ["images", "radon_report", "stalls", "velocity_events"]


def test_an_entry_point_that_names_no_module_is_broken(lab: Path) -> None:
    write_distribution(lab, "odd", "1.0", "odd = not a module!")

    with pytest.warns(PluginWarning, match="'odd = not a module!' of odd 1.0 cannot be used"):
        assert listed()["odd"].status == "broken"


def test_an_entry_point_written_twice_is_one(lab: Path) -> None:
    (metadata(lab, "lab-indexers") / "entry_points.txt").write_text(
        "[kymflow.indexers]\nlab = lab_stalls\nlab = lab_stalls\n", "utf-8"
    )

    assert listed()["stalls"].status == "ok"


def test_of_a_distribution_that_is_there_twice_the_first_counts(
    lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As an editable install over an older wheel leaves it; the spelling may differ, too.
    first = tmp_path / "first"
    write_distribution(first, "Lab.Indexers", "0.4", "lab = lab_stalls")
    monkeypatch.syspath_prepend(str(first))
    monkeypatch.setattr(sys, "path", [*sys.path, str(lab)])

    found = listed()["stalls"]

    assert (found.status, found.origin) == ("ok", "Lab.Indexers 0.4")


def test_the_first_counts_even_if_it_has_no_plugin(
    lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(tmp_path / "first", "lab-indexers", "0.4")
    monkeypatch.syspath_prepend(str(tmp_path / "first"))

    assert sorted(listed()) == BUILTIN_NAMES


def test_an_empty_folder_of_metadata_does_not_hide_a_whole_one(
    lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first" / "lab_indexers-0.3.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "first"))

    assert listed()["stalls"].version == "0.3"


def test_what_pip_could_not_delete_counts_as_uninstalled(lab: Path) -> None:
    folder = metadata(lab, "lab-indexers")
    folder.rename(folder.with_name("~" + folder.name[1:]))

    assert sorted(listed()) == BUILTIN_NAMES


def test_an_older_kind_of_metadata_is_read_too(lab: Path) -> None:
    old = metadata(lab, "lab-indexers")
    new = lab / "lab_indexers.egg-info"
    shutil.copytree(old, new)
    shutil.rmtree(old)
    (new / "METADATA").rename(new / "PKG-INFO")

    assert listed()["stalls"].origin == "lab-indexers 0.3"


def test_a_finder_of_others_that_fails_is_warned_of(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_distributions(self, context: object = None) -> Iterator[object]:
            raise OSError("the network drive is gone")

        def find_spec(self, *args: object) -> None:
            return None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])

    with pytest.warns(PluginWarning, match="could be looked for: OSError: the network drive is gone"):
        found = installed_plugins()

    assert "lab-indexers" in [plugin.distribution for plugin in found]


def test_a_process_with_all_of_it_at_once_has_every_good_table(tmp_path: Path) -> None:
    write_distribution(tmp_path, "lab-indexers", "0.3", "lab = lab_stalls")
    write_indexers(tmp_path, "lab_stalls", "stalls")
    for number, content in enumerate(
        (b"[kymflow.indexers]\nbad", b"\xff", b"[kymflow.indexers]\nx = gone\n")
    ):
        write_distribution(tmp_path, f"broken-{number}", "1.0")
        (tmp_path / f"broken_{number}-1.0.dist-info" / "entry_points.txt").write_bytes(content)
    (tmp_path / "empty-1.0.dist-info").mkdir()
    (tmp_path / ".dist-info").mkdir()
    (tmp_path / "file-1.0.dist-info").write_text("a file", "utf-8")
    code = """
import warnings
from kymflow import IndexerRegistry
from kymflow.core.plugins.switches import Switches
warnings.simplefilter("ignore")
print({info.name: info.status for info in IndexerRegistry(switches=Switches()).list()})
"""

    found = eval(run_python(code, tmp_path))

    assert found["stalls"] == "ok"
    assert {name for name, status in found.items() if status == "broken"} == {"broken-0", "x"}
