"""State of the process: whatever code changes is noticed, put back and told, and nothing else is."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kymflow import PluginWarning
from kymflow.core.plugins.process_state import (
    _OF_PROCESS,
    _OF_THREAD,
    _STREAMS,
    changed_words,
    kept_process_state,
    told_process_state,
)
from support.process_changes import CHANGES


def state() -> dict[str, object]:
    return {
        part.name: part.read()
        for part in (*_OF_THREAD, *_STREAMS, *_OF_PROCESS)
        if part.module in sys.modules
    }


def test_there_is_a_change_of_every_part() -> None:
    assert sorted(CHANGES) == sorted(part.name for part in (*_OF_THREAD, *_STREAMS, *_OF_PROCESS))


@pytest.mark.parametrize("name", CHANGES)
def test_what_code_changes_is_named_and_as_it_was_afterwards(name: str) -> None:
    before = state()
    with kept_process_state() as changed:
        exec(CHANGES[name], {})
        during = state()[name]
    assert during != before[name]
    assert state() == before
    assert changed == [name]


def test_code_that_fails_has_changed_what_it_has_changed() -> None:
    before = state()
    changed: list[str] = []

    def fail() -> None:
        nonlocal changed
        with kept_process_state() as changed:
            np.seterr(all="ignore")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert changed == ["numpy.seterr"]
    assert state() == before


def test_what_code_changes_for_a_while_or_for_itself_is_not_told() -> None:
    with kept_process_state() as changed:
        with np.errstate(all="raise"), warnings.catch_warnings():
            warnings.simplefilter("error")
        random.seed(1)
        np.random.seed(1)
        # As libraries do on import, for a warning that is known to mean nothing.
        warnings.filterwarnings("ignore", "a message of the lab's", DeprecationWarning)
        warnings.filterwarnings("default", module="a_module_of_the_labs")
        os.environ["KMP_OF_THE_LAB"] = "1"
    kept = [one[1].pattern for one in warnings.filters if one[1] is not None]
    assert os.environ.pop("KMP_OF_THE_LAB") == "1"
    assert changed == []
    assert "a message of the lab's" in kept


@pytest.mark.slow
def test_a_library_that_is_imported_meanwhile_is_as_it_is_made() -> None:
    code = "\n".join(
        [
            "from kymflow.core.plugins.process_state import kept_process_state",
            "with kept_process_state() as changed:",
            *(f"    {CHANGES[name]}" for name in ("pandas options", "logging", "socket.setdefaulttimeout")),
            f"    {CHANGES['numpy.seterr']}",
            "import sys; assert 'matplotlib' not in sys.modules",
            "import numpy, pandas, logging, socket",
            "print(changed, numpy.geterr()['divide'], pandas.options.display.max_rows, logging.root.level,",
            "      logging.root.handlers, socket.getdefaulttimeout())",
            "with kept_process_state() as changed:",
            "    import decimal, http.client, tifffile",
            "print(changed)",
        ]
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "['numpy.seterr', 'pandas options', 'logging', 'socket.setdefaulttimeout'] warn 60 30 [] None",
        "[]",
    ]


def test_a_folder_that_has_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = tmp_path / "lost"
    lost.mkdir()
    monkeypatch.chdir(lost)
    with kept_process_state() as changed:
        os.chdir(tmp_path)
        lost.rmdir()
    assert re.fullmatch(r"..cwd \(which cannot be put back: .*lost.*\)..", str(changed))


def test_what_one_thread_changes_is_not_what_another_puts_back() -> None:
    before, changes, left = state(), threading.Event(), threading.Event()

    def changing() -> list[str]:
        with kept_process_state() as changed:
            os.environ["LAB"] = "1"
            np.seterr(all="raise")
            changes.set()
            assert left.wait(60)
            assert os.environ["LAB"] == "1"
        return changed

    def coming_and_going() -> list[str]:
        assert changes.wait(60)
        with kept_process_state() as changed:
            pass
        left.set()
        return changed

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(changing), pool.submit(coming_and_going)
        assert (first.result(), second.result()) == (["numpy.seterr", "os.environ"], [])
    assert state() == before


def test_what_is_left_by_the_first_thread_is_put_back_by_the_last() -> None:
    before, entered, changed_it = state(), threading.Event(), threading.Event()

    def staying() -> list[str]:
        with kept_process_state() as changed:
            entered.set()
            assert changed_it.wait(60)
        return changed

    with ThreadPoolExecutor(1) as pool:
        last = pool.submit(staying)
        assert entered.wait(60)
        with kept_process_state() as changed:
            os.environ["LAB"] = "1"
        changed_it.set()
        assert (changed, last.result()) == ([], ["os.environ"])
    assert state() == before


def test_within_itself_each_puts_back_its_own() -> None:
    with kept_process_state() as outer:
        os.environ["LAB"] = "1"
        with kept_process_state() as inner:
            os.environ["LAB"] = "2"
        assert os.environ["LAB"] == "1"
    assert (outer, inner) == (["os.environ"], ["os.environ"])
    assert "LAB" not in os.environ


def test_it_is_told_once_of_each_culprit() -> None:
    def change(*culprits: str) -> None:
        for who in culprits:
            with told_process_state(who):
                np.seterr(all="raise")

    with pytest.warns(PluginWarning) as warned:
        change("indexer 'once'", "indexer 'once'", "indexer 'twice'")
    assert [str(warning.message) for warning in warned] == [
        changed_words("indexer 'once'", ["numpy.seterr"]),
        changed_words("indexer 'twice'", ["numpy.seterr"]),
    ]
