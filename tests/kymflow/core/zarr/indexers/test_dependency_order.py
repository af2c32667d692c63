"""In which order tables can be made, and which wait for each other."""

from __future__ import annotations

from graphlib import CycleError

import pytest

from kymflow.core.zarr.indexers.dependency_order import find_ring, in_dependency_order


def test_a_table_comes_after_its_sources_otherwise_in_the_order_given() -> None:
    sources = {"top": ["mid", "c"], "c": [], "mid": ["a", "elsewhere"], "b": [], "a": []}

    assert in_dependency_order(sources) == ["c", "b", "a", "mid", "top"]


def test_tables_that_wait_for_each_other_have_no_order() -> None:
    with pytest.raises(CycleError, match="cycle"):
        in_dependency_order({"a": ["b"], "b": ["a"]})


@pytest.mark.parametrize("names", ["abc", "cab", "bca"])
def test_a_ring_is_named_from_its_first_table_each_a_source_of_the_one_before(names: str) -> None:
    sources = {"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []}

    assert find_ring({name: sources[name] for name in names}) == ["a", "b", "c"]


def test_without_ring_there_is_none() -> None:
    assert find_ring({"a": ["b"], "b": ["c"]}) == []
