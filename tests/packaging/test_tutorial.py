"""The authors' tutorial, run word for word: in an environment that it makes itself, and quickly here."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.environments import REPO, call

PAGE = REPO / "docs" / "tutorial-plugin.md"
INSTALL_KYMFLOW = (
    "python3 -m venv lab-env",
    ". lab-env/bin/activate",
    "python -m pip install --quiet --upgrade pip",
    "python -m pip install --quiet ./kymflow ./kymflow/src/kymflow_indexers_builtin",
)
# What stands for the slow steps where kymflow, ruff, mypy and pytest are there already.
QUICKLY = {
    **dict.fromkeys(INSTALL_KYMFLOW, ":"),
    "python -m pip install --quiet --editable . --group dev": (
        "python -m pip install --quiet --no-deps --no-index --no-build-isolation --target ../installed .\n"
        'export PYTHONPATH="$PWD/src:$PWD/../installed"'
    ),
    "python -m pip wheel --quiet --no-deps --wheel-dir dist .": (
        "python -m pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist ."
    ),
}


@dataclass(frozen=True)
class Block:
    """One block of the page, what it is, and what it prints if the page tells."""

    language: str
    text: str
    expected: str | None

    @property
    def command(self) -> str:
        """The block as a shell command."""
        if self.language == "sh":
            return self.text
        first, _, _ = self.text.partition("\n")
        path = re.fullmatch(r"# (\S+\.py)", first)
        do = f"cat > {shlex.quote(path[1])}" if path else "python -W error -"
        return f"{do} <<'END OF BLOCK'\n{self.text}END OF BLOCK\n"


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [
        Block(language, text, after[1] if after[0] == "text" else None)
        for (language, text), after in zip(found, [*found[1:], ("", "")], strict=True)
        if language != "text"
    ]


def run_tutorial(folder: Path, replaced: dict[str, str], **environment: str) -> None:
    """Run all blocks in one shell, and compare what they print with what the page says."""
    (folder / "kymflow").symlink_to(REPO)
    (folder / "printed").mkdir()
    lines = ["set -euo pipefail", f"printed={shlex.quote(str(folder / 'printed'))}"]
    for number, block in enumerate(blocks()):
        command = "\n".join(replaced.get(line, line) for line in block.command.split("\n"))
        # A group, not a subshell: `cd` and `activate` last.
        lines.append(f'{{\n{command}\n}} > "$printed/{number}"')
    (folder / "tutorial.sh").write_text("\n".join(lines), "utf-8")

    call("bash", "tutorial.sh", cwd=folder, **environment)

    for number, block in enumerate(blocks()):
        printed = (folder / "printed" / str(number)).read_text("utf-8")
        if block.expected is not None:
            assert printed.rstrip("\n") == block.expected.rstrip("\n")
        for line in block.text.split("\n"):
            if line.startswith("python -m pytest"):
                assert re.search(r"^4\d passed", printed, re.MULTILINE), printed
            if line.startswith("kymflow show"):
                assert "capillary_0001.tif" in printed


def test_it_tells_what_it_prints_and_writes() -> None:
    found = blocks()
    assert [block.language for block in found].count("sh") == 6
    assert [block.language for block in found].count("python") == 5
    assert sum(block.expected is not None for block in found) == 4
    assert sum(block.command.startswith("cat > ") for block in found) == 2
    shell_lines = {line for block in found for line in block.text.split("\n")}
    assert set(QUICKLY) <= shell_lines


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Run the tutorial in a folder of its own, where these names of programs mean these commands."""

    def run(replaced: dict[str, str], **programs: str) -> None:
        for name, command in programs.items():
            path = tmp_path / "programs" / name
            path.parent.mkdir(exist_ok=True)
            # A link would not know of its virtual environment.
            path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {command} "$@"\n', "utf-8")
            path.chmod(0o755)
        (tmp_path / "work").mkdir()
        path_variable = os.pathsep.join([str(tmp_path / "programs"), os.environ["PATH"]])
        run_tutorial(tmp_path / "work", replaced, PATH=path_variable)

    return run


def test_every_step_but_the_installation(run: Callable[..., None]) -> None:
    kymflow = "-c 'from kymflow.cli.main import main; main()'"
    run(QUICKLY, python="", kymflow=kymflow, ruff="-m ruff", mypy="-m mypy")


@pytest.mark.long
def test_word_for_word_in_a_fresh_environment(run: Callable[..., None], tmp_path: Path) -> None:
    run({}, python3="")

    assert (tmp_path / "work" / "lab-env").is_dir()
