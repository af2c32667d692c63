"""Plugins that change the process they run in, as wheels beside others: nobody else pays."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.environments import Make
from support.plugin_projects import build_wheels, write_project

pytestmark = pytest.mark.long

INDEXER = """
import pandas as pd

class Indexer:
    name = "{name}"

    def extract_rows(self, rec):
        {statement}
        return pd.DataFrame({{"quotient": [rec.load_array().mean() / rec.load_array().min()]}})

{on_import}
"""
# Module, statements on import, and the statement per image.
PLUGINS = {
    "a-strict": ("import warnings; warnings.simplefilter('error')", "pass"),
    "b-raising": ("", "import numpy; numpy.seterr(all='raise')"),
    "c-silent": ("", "import io, sys; sys.stdout = io.StringIO()"),
    "d-logging": ("import logging; logging.basicConfig(level=logging.DEBUG)", "pass"),
    "e-waiting": (
        "import threading\ndef poll():\n    threading.Event().wait()\nthreading.Thread(target=poll).start()",
        "pass",
    ),
    "f-moving": ("import os; os.chdir('/'); os.environ['HOME'] = '/nowhere'", "pass"),
    "g-plain": ("", "pass"),
    "h-broken": ("raise RuntimeError('no luck')", "pass"),
}


def test_each_pays_for_itself(wheels: dict[str, Path], make_environment: Make, tmp_path: Path) -> None:
    projects = [
        write_project(
            tmp_path,
            name,
            INDEXER.format(name=name, on_import=on_import, statement=statement),
            attribute=":Indexer",
        )
        for name, (on_import, statement) in PLUGINS.items()
    ]
    later = write_project(tmp_path, "i-later", INDEXER.format(name="i-later", on_import="", statement="pass"))
    text = (later / "pyproject.toml").read_text("utf-8")
    text = text.replace("kymflow>=1.0", "kymflow>=99").replace('"i_later"\n', '"i_later:Indexer"\n')
    (later / "pyproject.toml").write_text(text, "utf-8")
    environment = make_environment(
        wheels["kymflow"],
        wheels["kymflow_indexers_builtin"],
        *build_wheels(tmp_path / "wheels", *projects, later),
    )

    listed = environment.kymflow("indexers")
    statuses = {info["name"]: info["error"] for info in environment.json("indexers")}
    assert {name: error for name, error in statuses.items() if error} == {"h_broken": "RuntimeError: no luck"}
    assert "RuntimeError: no luck" in listed.stdout
    assert "made for another version of kymflow: needs >=99, this is 1.0.0" in listed.stderr
    assert "not waiting for thread 'Thread-1 (poll)' of e_waiting" in listed.stderr

    dataset = str(environment.json("demo")["dataset"])
    for command in ("rebuild", "refresh"):
        done = environment.kymflow(command, dataset, code=1)
        told = done.stderr.splitlines()
        assert all(line.startswith("kymflow: ") for line in told if "%" not in line)
        assert "g_plain" in done.stdout
        assert "failed:" not in done.stdout
        assert "changed warnings.filters for the whole program" in done.stderr
    tables = environment.json("rebuild", dataset, code=1)["tables"]
    assert len(tables) == len(PLUGINS) + 3
    assert {name: table["failed"] for name, table in tables.items() if table["failed"]} == {}


def test_a_conflict_that_leaves_a_table_stale_ends_with_1_and_says_what_to_switch_off(
    wheels: dict[str, Path], make_environment: Make, tmp_path: Path
) -> None:
    code = INDEXER.format(name="same", on_import="", statement="pass")
    projects = [write_project(tmp_path, name, code, attribute=":Indexer") for name in ("lab-one", "lab-two")]
    first, second = build_wheels(tmp_path / "wheels", *projects)
    environment = make_environment(wheels["kymflow"], wheels["kymflow_indexers_builtin"], first)
    dataset = str(environment.json("demo")["dataset"])
    environment.kymflow("rebuild", dataset)
    environment.install(second)
    folder = environment.folder / "empty"
    folder.mkdir()
    for command in (["refresh", dataset], ["rebuild", dataset], ["ingest", dataset, str(folder)]):
        done = environment.kymflow(*command, code=1)
        assert "stale: table same not brought up to date" in done.stderr
        assert "KYMFLOW_DISABLE_PLUGINS=lab-one" in done.stderr
    environment.kymflow("refresh", dataset, KYMFLOW_DISABLE_PLUGINS="lab-two")
