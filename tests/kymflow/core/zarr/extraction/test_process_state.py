"""What an indexer changes for the whole process disturbs no other, wherever it runs, and it is told of."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from kymflow import KymDataset, PluginWarning
from kymflow.core.plugins.process_state import _OF_PROCESS, _OF_THREAD, _STREAMS
from support.executor_indexers import Changing
from support.process_changes import CHANGES
from support.reading_together import json, lab, put

IDS = ["a", "b", "c"]
# Only who runs in the main thread can tell whether the program itself has put others in their place.
OF_MAIN_THREAD = ("sys.stdin", "sys.stdout", "sys.stderr", "signal handlers")


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    kd = lab(tmp_path / "lab.zarr", IDS)
    put(kd, {image_id: json('{"a": 1}') for image_id in IDS})
    return kd


def state() -> dict[str, object]:
    parts = (*_OF_THREAD, *_STREAMS, *_OF_PROCESS)
    return {part.name: part.read() for part in parts if part.module in sys.modules}


@pytest.mark.parametrize("what", CHANGES)
def test_what_an_indexer_changes_is_told_once_and_as_it_was_afterwards(kd: KymDataset, what: str) -> None:
    before = state()
    name = f"of {what}"
    with pytest.warns(PluginWarning) as warned:
        rows = kd.rebuild(Changing(name=name, table_name="rows", what=what))
    assert [str(one.message) for one in warned] == [
        f"indexer {name!r} changed {what} for the whole program; it was put back"
    ]
    assert len(rows) == 9
    assert state() == before


@pytest.mark.parametrize("what", [one for one in CHANGES if one not in OF_MAIN_THREAD])
def test_what_it_changes_in_threads_is_put_back_when_all_is_done(kd: KymDataset, what: str) -> None:
    before = state()
    with ThreadPoolExecutor(2) as pool:
        with pytest.warns(PluginWarning, match=re.escape(f"changed {what} for the whole program")):
            kd.rebuild(Changing(name=f"threads {what}", table_name="rows", what=what), executor=pool)
        # A worker's next task may be another indexer's.
        assert [pool.submit(np.geterr).result() for _ in range(4)] == [np.geterr()] * 4
    assert state() == before


@pytest.mark.slow
def test_a_worker_process_is_as_it_was_for_the_next_indexer(kd: KymDataset) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        kd.rebuild(Changing(name="first", table_name="rows", what="numpy.seterr"), executor=pool)
        assert pool.submit(np.geterr).result() == np.geterr()


def test_what_a_program_does_while_it_is_told_of_progress_stays(kd: KymDataset) -> None:
    class Bar:
        """In the place of standard output, as progress bars are while they are shown."""

    streams = []

    def on_progress(done: int, total: int) -> None:
        if not streams:
            streams.append(sys.stdout)
            sys.stdout = Bar()  # type: ignore[assignment]
        streams.append(sys.stdout)

    indexer = Changing(name="beside a bar", table_name="rows", what="sys.stderr")
    try:
        with pytest.warns(PluginWarning, match="changed sys.stderr for"):
            kd.rebuild(indexer, on_progress=on_progress)
    finally:
        last, sys.stdout = sys.stdout, streams[0]
    assert isinstance(last, Bar)
