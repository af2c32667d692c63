"""The page on the architecture names rooms and modules that are there, in the order that imports have."""

from __future__ import annotations

import re
import tomllib

import pytest

from support.paths import REPO, SRC

PAGE = (REPO / "docs" / "architecture.md").read_text("utf-8")
CONTRIBUTING = (REPO / "CONTRIBUTING.md").read_text("utf-8")


def drawing() -> list[str]:
    """Return the names at the beginnings of the drawing's lines, from the top."""
    (block,) = re.findall(r"^    a lab's plugin.*?(?=^\S)", PAGE, re.MULTILINE | re.DOTALL)
    names = (re.match(r" {4,}([\w/ |]+?)(?: {3}|$)", line) for line in block.splitlines()[3:])
    return [found[1] for found in names if found]


def layers() -> list[list[str]]:
    project = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    return [contract["layers"] for contract in contracts if contract["type"] == "layers"]


@pytest.mark.parametrize("wanted", layers(), ids=lambda wanted: wanted[0])
def test_the_drawing_has_the_layers_that_imports_are_checked_for(wanted: list[str]) -> None:
    rooms = [layer.replace("kymflow.core.", "").replace(".", "/") for layer in wanted]
    left = iter(drawing())
    assert [room for room in rooms if room not in left] == []


def test_every_module_that_is_named_is_there() -> None:
    folder = SRC
    missing = []
    for name in re.findall(r"`([\w/]+\.py)`", PAGE):
        if "/" in name:
            folder = (SRC / name).parent
        # A module without a folder is beside the one that was named before it.
        if not (SRC / name).is_file() and not (folder / name).is_file():
            missing.append(name)
    assert missing == []


def test_every_room_is_found_by_what_one_wants_to_change() -> None:
    told = set(re.findall(r"`(src/[\w/]+)`", CONTRIBUTING))
    rooms = {path.parent for path in SRC.rglob("__init__.py") if len(list(path.parent.glob("*.py"))) > 1}
    # What is in a package itself is its public names, and modules that a row of the table names.
    rooms -= {SRC / "kymflow", SRC / "kymflow_view", SRC / "kymflow_zarr", SRC / "kymflow/core/zarr"}
    assert rooms == {REPO / name for name in told if (REPO / name).is_dir()}
    assert {name for name in told if not (REPO / name).exists()} == set()
    assert all((REPO / name).is_file() for name in re.findall(r"`(src/[\w/]+\.py)`", CONTRIBUTING))


def test_what_always_holds_is_numbered_and_guarded_by_tests() -> None:
    rows = re.findall(r"^\| (\d+) \| \*\*.*?\| (.*) \|$", PAGE, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 14))
    assert [number for number, guards in rows if "](../tests/" not in guards] == []
