"""Plugins of any group: found in order, and left out where they are switched off."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import find_plugins
from support.simple_indexers import write_distribution


def test_plugins_of_a_group_are_found_in_order_and_can_be_switched_off(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(site, "Zoo-lab", "1.0", "zoo = zoo_faces", group="zoo.faces")
    write_distribution(site, "ant-lab", "2.0", "ant = ant_faces", group="zoo.faces")
    write_distribution(site, "bee-lab", "3.0", "bee = bee_faces", group="zoo.faces.more")

    found = find_plugins("zoo.faces")
    assert [(one.distribution, one.version, one.entry_point) for one in found] == [
        ("ant-lab", "2.0", "ant = ant_faces"),
        ("Zoo-lab", "1.0", "zoo = zoo_faces"),
    ]

    monkeypatch.setenv("KYMFLOW_DISABLE_PLUGINS", "ant_lab")
    assert [one.name for one in find_plugins("zoo.faces")] == ["zoo"]
