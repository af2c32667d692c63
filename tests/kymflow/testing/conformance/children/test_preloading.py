"""Libraries that take long to import are there already when a copy of a server starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from kymflow.testing.conformance.children.job import Job
from kymflow.testing.conformance.children.preloading import libraries_of
from kymflow.testing.conformance.children.server import FORKS, do

LIBRARY = "scipy.signal"


class Unasked:
    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


def test_libraries_at_the_top_of_an_author_s_modules_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # It takes seconds, which are nothing to whoever collects tests.
    from scipy.signal import find_peaks

    package, inner, other = (ModuleType(name) for name in ("lab_pre", "lab_pre.peaks", "lab_prefix"))
    vars(package).update(pd=pd, DataFrame=pd.DataFrame, odd=Unasked())
    nameless = type("Nameless", (), {"__module__": None})
    vars(inner).update(find_peaks=find_peaks, nameless=nameless)
    vars(other).update(signal=sys.modules["scipy.signal"])
    for one in (package, inner, other):
        monkeypatch.setitem(sys.modules, one.__name__, one)

    assert libraries_of("lab_pre.indexers") == [find_peaks.__module__]
    assert libraries_of("lab_prefix") == [LIBRARY]
    assert libraries_of("lab_other") == []


@pytest.mark.skipif(not FORKS, reason="elsewhere every child process is a fresh one")
@pytest.mark.parametrize(("libraries", "is_there"), [((), False), (("no_such_library", LIBRARY), True)])
def test_a_copy_has_them(tmp_path: Path, libraries: tuple[str, ...], is_there: bool) -> None:
    code = f"import sys\n\ndef tell_it(tell):\n    tell('there', {LIBRARY!r} in sys.modules)\n"
    (tmp_path / "there.py").write_text(code, "utf-8")
    path = [str(tmp_path), *map(os.path.abspath, sys.path)]
    job = Job("there:tell_it", (), tmp_path / "job", dict(os.environ), path, libraries)

    # A server of its own: nobody else has one of this seed.
    answer = do(job, seed=f"{77 + len(libraries)}", patience_s=60.0)

    assert answer.finished
    assert answer.values("there") == [is_there]
