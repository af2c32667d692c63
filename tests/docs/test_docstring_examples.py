"""The examples in the docstrings of public names run, and print what they say."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pytest

import kymflow
import kymflow.testing
import kymflow_view
import kymflow_zarr

# What a newcomer looks up first.
WITH_EXAMPLES = {
    "kymflow.ArtifactIndexer",
    "kymflow.Column",
    "kymflow.DatasetIndexer",
    "kymflow.IndexerRegistry",
    "kymflow.KymDataset",
    "kymflow.KymDataset.ingest_folder",
    "kymflow.KymDataset.save_table",
    "kymflow.ZarrDataset",
    "kymflow.ZarrImageRecord",
    "kymflow.ensure_image_id_column",
    "kymflow.normalize_table_name",
    "kymflow.testing.check_indexer",
    "kymflow.testing.make_lab",
    "kymflow.testing.simulate_folder",
    "kymflow_view.figure",
    "kymflow_view.plot",
    "kymflow_view.table",
    "kymflow_view.Panel",
    "kymflow_zarr.is_dataset",
}


def find_examples() -> dict[str, doctest.DocTest]:
    """Return the docstrings with examples, by public name; each example must bring its own imports."""
    found = {}
    seen = set()
    for face in (kymflow, kymflow.testing, kymflow_view, kymflow_zarr):
        for name in face.__all__:
            value = getattr(face, name)
            if (inspect.isclass(value) or inspect.isfunction(value)) and value not in seen:
                seen.add(value)
                finder = doctest.DocTestFinder()
                # With what a class has from ours above it.
                for one in getattr(value, "__mro__", (value,)):
                    if one.__module__.startswith("kymflow"):
                        for test in finder.find(one, f"{face.__name__}.{name}", globs={}):
                            if test.examples:
                                found.setdefault(test.name, test)
    return found


EXAMPLES = find_examples()


def test_the_main_names_have_an_example() -> None:
    assert set(EXAMPLES) >= WITH_EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_prints_what_it_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    result = runner.run(EXAMPLES[name], out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)
