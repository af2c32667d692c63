"""What the pages of a Parquet file say they unpack to, whatever its footer says."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow_zarr import limits
from kymflow_zarr.formats import frames, parquet_limits, parquet_pages
from kymflow_zarr.formats.parquet_footer import ColumnChunk, read_row_groups
from support.bombs import LIMIT
from support.parquet_lies import file_of, page

WORDS = [f"word {place % 700}" for place in range(3000)]
KINDS = pa.table(
    {
        "text": WORDS,
        "number": np.arange(3000),
        "missing": pa.nulls(3000, pa.float64()),
        "list": [[word, None] for word in WORDS],
        "object": [{"k": word, "n": 1} for word in WORDS],
        "map": pa.array([[(word, 1)] for word in WORDS], pa.map_(pa.string(), pa.int8())),
    }
)


def chunks_of(data: bytes) -> list[ColumnChunk]:
    return [chunk for group in read_row_groups(data) for chunk in group.columns]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "lz4", "gzip", "zstd", "brotli"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_pages_of_a_good_file_are_what_its_footer_says(codec: str, version: str, dictionary: bool) -> None:
    sink = io.BytesIO()
    pq.write_table(
        KINDS,
        sink,
        compression=codec,
        data_page_version=version,
        use_dictionary=dictionary,
        data_page_size=4000,
        row_group_size=2000,
        write_page_index=True,
        write_page_checksum=True,
    )
    data = sink.getvalue()
    chunks = chunks_of(data)

    found = parquet_pages.read_pages(data, chunks)

    assert [pages.n_values for pages in found] == [chunk.n_values for chunk in chunks]
    # In the footer, headers count, too.
    metadata = pq.read_metadata(io.BytesIO(data))
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    claimed = [
        group.column(place).total_uncompressed_size
        for group in groups
        for place in range(metadata.num_columns)
    ]
    assert sum(claimed) / 2 < sum(pages.n_bytes for pages in found) < sum(claimed)
    for pages, chunk, n_bytes in zip(found, chunks, claimed, strict=True):
        assert pages.n_bytes <= min(n_bytes, parquet_pages.most_bytes([chunk]))
    assert parquet_limits.read_artifact(data).equals(KINDS)


@pytest.mark.parametrize("codec", ["zstd", "gzip", "brotli"])
@pytest.mark.parametrize("columns", [1, 20])
def test_pages_that_hold_more_than_the_footer_claims_are_refused(
    codec: str, columns: int, monkeypatch
) -> None:
    data = file_of([page(2 * LIMIT // columns, codec=codec)] * columns, codec=codec)
    assert len(data) < LIMIT / 100
    monkeypatch.setenv(limits.SETTING, str(LIMIT))

    with pytest.raises(
        frames.UnreadableParquet, match=r"decodes to 2\.1 MB, where at most 1\.0 MB are taken"
    ):
        frames.read_parquet(data, limited=True)


def test_a_list_that_is_longer_than_the_footer_claims_is_refused(monkeypatch) -> None:
    data = file_of([page(8 * 20_000, 20_000, in_list=True)], lists=True)
    assert pq.read_table(io.BytesIO(data))["c0"].combine_chunks().values.nbytes == 160_000
    monkeypatch.setenv(limits.SETTING, str(LIMIT))

    with pytest.raises(frames.UnreadableParquet, match="decodes to 1.3 MB, where at most 1.0 MB are taken"):
        frames.read_parquet(data, limited=True)


def test_columns_that_share_their_pages_are_refused(monkeypatch) -> None:
    data = file_of([page(10_000_000)] * 50, shared=True)
    monkeypatch.setenv(limits.SETTING, str(LIMIT))

    with pytest.raises(frames.UnreadableParquet, match="its columns take more bytes than there are"):
        frames.read_parquet(data, limited=True)


def _front_coded(values: list[str] | list[list[str]], leaf: str) -> bytes:
    sink = io.BytesIO()
    options = {"use_dictionary": False, "column_encoding": {leaf: "DELTA_BYTE_ARRAY"}, "compression": "zstd"}
    pq.write_table(pa.table({"n": values}), sink, write_statistics=False, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("values", "leaf"), [(["a" * 20_000] * 100, "n"), ([["a" * 20_000] * 100], "n.list.element")]
)
def test_long_text_that_begins_as_the_one_before_is_counted(values, leaf: str, monkeypatch) -> None:
    data = _front_coded(values, leaf)
    assert len(data) < LIMIT / 100
    monkeypatch.setenv(limits.SETTING, str(LIMIT))

    with pytest.raises(frames.UnreadableParquet, match="where at most 1.0 MB are taken"):
        frames.read_parquet(data, limited=True)


def test_text_whose_beginnings_are_not_repeated_is_read(monkeypatch) -> None:
    data = _front_coded(WORDS, "n")
    # Each value might be as long as the page.
    monkeypatch.setenv(limits.SETTING, str(200_000))

    assert frames.read_parquet(data, limited=True)["n"].to_pylist() == WORDS


def test_more_pages_than_can_be_read_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(parquet_pages, "_MOST_PAGES", 3)
    data = file_of([page(8) * 4], values=4)

    with pytest.raises(limits.TooLargeError, match="it has more than 3 pages"):
        parquet_pages.read_pages(data, chunks_of(data))


def test_bent_headers_are_damage_and_nothing_else() -> None:
    good = file_of([page(8 * 300, 300)] * 2, values=300)
    chunks = chunks_of(good)
    end = max(chunk.begin + chunk.stored_bytes for chunk in chunks)
    lot = np.random.default_rng(15)
    damaged = 0
    for _ in range(500):
        bent = bytearray(good[:end])
        bent[lot.integers(4, end)] = lot.integers(256)
        try:
            parquet_pages.read_pages(bytes(bent), chunks)
        except ValueError as error:
            damaged += "header of a page" in str(error)
    assert damaged > 10
