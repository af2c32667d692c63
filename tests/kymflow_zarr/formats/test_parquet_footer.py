"""The footer of a Parquet file says the same as pyarrow reads of it, and may be bent in any way."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow_zarr import limits
from kymflow_zarr.formats import frames, parquet_footer
from kymflow_zarr.formats.parquet_footer import read_row_groups
from support.parquet_lies import structure
from support.processes import StartPython, run_to_the_end

TABLE = pa.table(
    {
        "n": range(200),
        "kind": ["rise", "drop"] * 100,
        "list": [[0.5, None]] * 200,
        "object": [{"k": "v", "n": 1}] * 200,
    }
)

# In a process of its own, so that its end is seen.
BENT = """
import sys
from kymflow_zarr.formats import frames
good = open(sys.argv[1], "rb").read()
begin = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
read = unreadable = 0
for place in range(begin, len(good)):
    for by in (1, 4, 16, 64):
        bent = bytearray(good)
        bent[place] ^= by
        try:
            frames.read_parquet(bytes(bent), limited=True)
            read += 1
        except frames.UnreadableParquet:
            unreadable += 1
assert read > 100 and unreadable > 100, (read, unreadable)
print("done")
"""


def file_of(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "lz4", "zstd", "brotli"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_a_footer_says_what_pyarrow_reads_of_it(codec: str, dictionary: bool) -> None:
    data = file_of(TABLE, compression=codec, use_dictionary=dictionary, row_group_size=90)
    metadata = pq.read_metadata(io.BytesIO(data))

    groups = read_row_groups(data)

    assert len(groups) == metadata.num_row_groups == 3
    for place, group in enumerate(groups):
        expected = metadata.row_group(place)
        assert (group.n_bytes, group.n_rows) == (expected.total_byte_size, expected.num_rows)
        columns = [expected.column(number) for number in range(metadata.num_columns)]
        assert [(one.n_values, one.stored_bytes, one.begin) for one in group.columns] == [
            (
                one.num_values,
                one.total_compressed_size,
                min(one.data_page_offset, one.dictionary_page_offset or one.data_page_offset),
            )
            for one in columns
        ]
        assert len({one.codec for one in group.columns}) == 1


@pytest.mark.slow
def test_a_bent_footer_cannot_end_the_process(tmp_path: Path, start_python: StartPython) -> None:
    path = tmp_path / "artifact.parquet"
    path.write_bytes(file_of(TABLE.slice(0, 20)))
    run_to_the_end(start_python(BENT, path), 600)


def test_a_field_that_stands_there_twice_is_damage() -> None:
    # Readers do not agree on which one counts.
    column = structure((4, 5, 4), (5, 6, 1), (7, 6, 9), (9, 6, 4))
    # The whole number of the field, 9, instead of what it is more than the last one.
    twice = column[:-1] + bytes([6, 9 << 1, 2 << 1, 0])
    for fields in (column, twice):
        chunk = structure((3, 12, fields))
        group = structure((1, 9, bytes([1 << 4 | 12]) + chunk), (2, 6, 1), (3, 6, 1))
        footer = structure((4, 9, bytes([1 << 4 | 12]) + group))
        data = footer + struct.pack("<I", len(footer)) + b"PAR1"
        if fields is column:
            assert read_row_groups(data)[0].columns == [parquet_footer.ColumnChunk(4, 1, 9, 4)]
        else:
            with pytest.raises(ValueError, match="the footer is damaged"):
                read_row_groups(data)


def test_a_footer_that_is_cut_off_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(TABLE)
    with pytest.raises(ValueError, match="the footer is larger than the file"):
        read_row_groups(data[-20:])
    with pytest.raises(ValueError, match="the footer goes on beyond the end of the file"):
        read_row_groups(data[:-100] + struct.pack("<I", int.from_bytes(data[-8:-4], "little") - 92) + b"PAR1")
    monkeypatch.setattr(parquet_footer, "_MOST_BYTES", 100)
    with pytest.raises(limits.TooLargeError, match="its footer takes .* bytes, where at most 100 are taken"):
        read_row_groups(data)
    with pytest.raises(frames.UnreadableParquet, match="where at most 100 are taken"):
        frames.read_parquet(data, limited=True)
