"""Parquet artifacts within limits."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow_zarr import limits
from kymflow_zarr.formats import frames, parquet_limits
from support.bombs import LIMIT, parquet_bombs


@pytest.mark.parametrize("kind", parquet_bombs())
def test_a_small_file_that_decodes_to_much_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = parquet_bombs()[kind]
    assert len(data) < LIMIT / 4
    monkeypatch.setenv(limits.SETTING, str(LIMIT))

    with pytest.raises(limits.TooLargeError, match="at most 1.0 MB are taken"):
        parquet_limits.read_artifact(data)
    with pytest.raises(frames.UnreadableParquet, match="at most 1.0 MB are taken"):
        frames.read_parquet(data, limited=True)


def test_tables_have_no_such_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.SETTING, "1000")

    assert frames.parquet_to_arrow(parquet_bombs()["run lengths"]).num_rows == 200_000


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_text_that_might_repeat_and_does_not_is_read(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"word {place % 7 and place}" for place in range(rows)]
    kinds = {
        "text": pa.array(words),
        "large": pa.array(words, pa.large_string()),
        "bytes": pa.array([word.encode() for word in words]),
        "categories": pa.array(words).dictionary_encode(),
        "lists": pa.array([[word, None] for word in words]),
        "objects": pa.array([{"k": word, "n": 1} for word in words]),
        "maps": pa.array([[(word, word)] for word in words], pa.map_(pa.string(), pa.string())),
        "missing": pa.nulls(rows, pa.string()),
        "numbers": pa.array(np.arange(rows)),
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(kinds), sink, row_group_size=1000)
    monkeypatch.setenv(limits.SETTING, str(5_000_000))

    assert parquet_limits.read_artifact(sink.getvalue()) == pq.read_table(io.BytesIO(sink.getvalue()))


def test_more_row_groups_than_can_be_read_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_limits, "_MOST_CHUNKS", 15)
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": range(8), "b": range(8)}), sink, row_group_size=1)

    with pytest.raises(limits.TooLargeError, match="its 8 row groups are more than can be read"):
        parquet_limits.read_artifact(sink.getvalue())


def test_a_bent_footer_of_plain_columns_cannot_end_the_process() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": range(20), "kind": ["rise", "drop"] * 10}), sink)
    good = sink.getvalue()
    footer = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    outcomes = []
    for place in range(footer, len(good)):
        for by in (1, 4, 16):
            bent = bytearray(good)
            bent[place] ^= by
            try:
                outcomes.append(frames.read_parquet(bytes(bent), limited=True).column_names)
            except frames.UnreadableParquet as error:
                outcomes.append(str(error))
    assert all(outcomes)


def test_names_that_are_no_text_are_unreadable() -> None:
    for kind in (pa.int64(), pa.list_(pa.int64())):
        sink = io.BytesIO()
        pq.write_table(pa.table({"mean_velocity": pa.array([None, None], kind)}), sink, store_schema=False)
        bent = sink.getvalue().replace(b"mean_velocity", b"mean\xffvelocity")
        with pytest.raises(frames.UnreadableParquet, match="utf-8"):
            frames.read_parquet(bent, limited=True)
