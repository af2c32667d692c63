"""The order of texts is the one that people expect."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from kymflow_view.tables import order
from kymflow_view.tables.order import natural_keys, ordered, ranks

AS_PEOPLE_SORT = [
    "",
    "07-a",
    "7-b",
    "file",
    "file_2",
    "FILE_2b",
    "File_10",
    "file_10_1",
    "file_10_00002",
    "file_10_10",
    "file_010b",
    "file_99999999999999999999999",
    "file_100000000000000000000000",
    "file_a",
    "ä1",
    "Ä2",
]


def test_numbers_in_texts_go_by_size_and_case_counts_for_nothing() -> None:
    shuffled = random.Random(1).sample(AS_PEOPLE_SORT, len(AS_PEOPLE_SORT))

    keys = natural_keys(pa.array(shuffled))
    keys.validate(full=True)
    assert [shuffled[place] for place in np.argsort(ranks(pa.array(shuffled)))] == AS_PEOPLE_SORT
    assert len({*keys.to_pylist()}) == len(AS_PEOPLE_SORT)


def test_texts_that_differ_in_case_or_zeros_in_front_have_the_same_rank() -> None:
    assert ranks(pa.array(["a_1", "A_01", "a_2", "b", "0", "000", "B"])).tolist() == [2, 2, 3, 4, 1, 1, 4]


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_texts_are_looked_at_in_pieces_of_any_size(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(order, "_PIECE", piece)
    texts = pa.chunked_array([["a1", None, "2b"], [], ["10b", "1a"]], pa.string())

    assert ranks(texts.slice(1)).tolist() == [1, 3, 4, 2]
    assert ranks(pa.array([], pa.string())).tolist() == []


def test_rows_that_are_equal_stay_as_they_were_and_missing_ones_are_last() -> None:
    places = np.array([5, 4, 3, 2, 1, 0], np.int32)
    keys = np.array([-128, 1, 1, 0, 127, 1], np.int8)
    missing = np.array([False, False, False, True, False, False])

    assert ordered(places, keys, missing).tolist() == [0, 5, 2, 1, 4, 3]
    assert ordered(places, keys, missing, descending=True).tolist() == [4, 5, 2, 1, 0, 3]
    assert ordered(places, keys.astype(float), missing, descending=True).tolist() == [4, 5, 2, 1, 0, 3]
